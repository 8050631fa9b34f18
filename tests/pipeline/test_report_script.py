"""The report's script is small, and sets all that it shows as text. What it does is tested in a browser."""

import re

from pipeline.report_script import SCRIPT


def test_the_script_writes_no_markup_and_fetches_nothing():
    for name in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "fetch", "XMLHttp", "import"):
        assert name not in SCRIPT
    assert "</" not in SCRIPT


def test_the_script_is_strict_and_small():
    assert SCRIPT.split()[:2] == ['"use', 'strict";']
    assert len(re.findall(r"\n", SCRIPT)) < 80
