"""The simple way takes marks out line by line and keeps what can be text."""

import time

import pytest

from filters.wikimend import HOLE
from filters.wikisimple import drop_marks


@pytest.mark.parametrize(
    "wikitext, text",
    [
        ("", ""),
        ("plain text.", "plain text."),
        ("[[Paris|The city]] and [[Rome]]s", "The city and Romes"),
        ("[[Datei:x.jpg]] a", f"{HOLE} a"),
        ("a {{t|x}} b", f"a {HOLE} b"),
        ("a {{t|{{u}}}} b", f"a t|{HOLE} b"),
        ("a<ref>note</ref> b<br>c", f"a{HOLE} bc"),
        ("a<!-- never closed", f"a{HOLE}"),
        ("a\n{| class=x\n|-\n! head\n| cell\n|}\nb", "a\nb"),
        ("{{Infobox\n| name = x\n}}\na", f"{HOLE}\na"),
        ("{{Infobox\n| name = {\n}}\na", "a"),
        ("{{{{{{a", ""),
        ("x {{{{{{ a [[ b ]] c |} d", "x  a b c  d"),
        ("* [[a]]\n* b", "* a\n* b"),
    ],
)
def test_marks_go_and_text_stays(wikitext, text):
    assert drop_marks(wikitext, "de") == text


@pytest.mark.parametrize("piece", ["{{", "}}", "[[", "{{a|", "[[a|", "<ref>", "<ref ", "<!--", "<", "\n|", "{", "x"])
def test_the_time_is_linear(piece):
    before = time.process_time()
    drop_marks(piece * (2_000_000 // len(piece)), "de")
    assert time.process_time() - before < 4
