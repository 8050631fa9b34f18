"""How the site is built from these pages: `make site`. A link or an anchor that leads nowhere stops it."""

from pipeline.version import VERSION

project = "Tokenmill"
version = release = VERSION
copyright = "the authors of Tokenmill; Apache-2.0"
html_title = project

extensions = ["myst_parser"]
myst_heading_anchors = 4  # As GitHub gives them to headings, so that one link leads to the same place on both.
nitpicky = True

html_theme = "alabaster"
html_theme_options = {"page_width": "1200px", "description": "LLaMA-1's training data", "fixed_sidebar": True}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_show_sourcelink = False
