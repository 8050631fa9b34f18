"""The site is built of the documentation as it is, and stops at a link that leads nowhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("myst_parser", reason="Sphinx and MyST are not installed: pip install -e '.[dev]'")

ROOT = Path(__file__).parent.parent


def build(pages: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """What `make site` does."""
    words = re.search(r"\$\(BIN\)/sphinx-build (.*) docs out/site", (ROOT / "Makefile").read_text())[1].split()
    command = [sys.executable, "-m", "sphinx", *words, str(pages), str(site)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_page_is_in_the_site_and_every_link_leads_somewhere(tmp_path):
    done = build(ROOT / "docs", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= {path.stem for path in tmp_path.glob("*.html")}
    front = (tmp_path / "index.html").read_text()
    order = [
        front.index(f'href="{page}.html"') for page in ("laptop", "one-big-box", "spark-flink", "dataflow", "fetch")
    ]
    assert order == sorted(order)


FAULTS = {
    "[a page](nowhere.md)": "nowhere.md",
    "[an anchor](index.md#nowhere)": "nowhere",
    "[an anchor of this page](#nowhere)": "nowhere",
    "![a picture](nowhere.png)": "nowhere.png",
}


def test_a_link_that_leads_nowhere_stops_it(tmp_path):
    pages = tmp_path / "docs"
    pages.mkdir()
    shutil.copy(ROOT / "docs/conf.py", pages)
    (pages / "index.md").write_text("# Front\n\n[itself](#front)\n")
    assert build(pages, tmp_path / "good").returncode == 0
    (pages / "index.md").write_text("# Front\n\n" + "\n\n".join(FAULTS) + "\n")
    done = build(pages, tmp_path / "bad")
    assert done.returncode != 0
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert [any(f"{said}" in line for line in warnings) for said in FAULTS.values()] == [True] * len(FAULTS)
    assert len(warnings) == len(FAULTS)
