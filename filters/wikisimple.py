"""What can be said of a wikitext page without reading its brackets: for pages that are too tangled to be read.

Each rule looks at one line, or at one bracket that holds no other: linear in the page, whatever lies in it.
"""

import re

from filters.namespaces import dropped_prefixes
from filters.wikilinks import link_text
from filters.wikimend import HOLE

_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(ref|math|gallery|timeline|score)(?:\s[^<>]*+)?>[^<]*+</\1\s*>", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*+>")
_TEMPLATE = re.compile(r"\{\{[^{}\[\]]*+\}\}")
_LINK = re.compile(r"\[\[([^\[\]{}|\n]++)(?:\|([^\[\]{}\n|]*+))?\]\]")
_MARKS = re.compile(r"\{\{+|\}\}+|\[\[|\]\]|\{\||\|\}")
_NO_TEXT = ("|", "!", "{|", "{{", "}}")


def drop_marks(wikitext: str, language: str | None) -> str:
    """The page's lines without rows of tables, parameters of templates, tags and brackets; links as their labels."""
    dropped = dropped_prefixes(language)
    text = _HIDDEN.sub(HOLE, wikitext)
    text = _TAG.sub("", text)
    text = _TEMPLATE.sub(HOLE, text)
    lines = (line for line in text.split("\n") if not line.lstrip(" \t:*#").startswith(_NO_TEXT))
    text = _LINK.sub(lambda match: link_text(match[1], match[2], dropped), "\n".join(lines))
    return _MARKS.sub("", text)
