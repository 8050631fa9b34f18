"""One pass resolves brackets and tags; what is too tangled is refused after a bounded number of steps."""

import time
from contextlib import suppress

import pytest

from filters.wikibrackets import MAX_DEPTH, MAX_READINGS, TooTangledError, resolve_brackets
from filters.wikilayout import BREAK
from filters.wikimend import HOLE


@pytest.mark.parametrize(
    "wikitext, text, verbatim",
    [
        ("", "", []),
        ("a", "a", []),
        ("{{t}}", HOLE, []),
        ("{{{p}}}", HOLE, []),
        ("[[a|b]]", "b", []),
        ("[[a|{{lang|fr|b}}]]", "b", []),
        ("a<br>b", f"a{BREAK}b", []),
        ("<math>x</math> <nowiki>[[y]]</nowiki>", "\x010\x02 \x011\x02", ["$x$", "[[y]]"]),
        ("<pre>x</pre>", "\n\n\x010\x02\n\n", ["x"]),
        ("a<ref>b</ref>", f"a{HOLE}", []),
        ("a<!-- b -->c", "ac", []),
        ("a\n<!-- b -->\nc", "a\nc", []),
        ("<!-- b -->\nc", "c", []),
        ("a <!-- b -->\nc", "a \nc", []),
        ("{{lang|fr|a<!-- }} -->b}}", "ab", []),
        ("<pre><!-- a --></pre>", "\n\n\x010\x02\n\n", ["<!-- a -->"]),
        ("<code>x<sup>2</sup></code>", "x²", []),
    ],
)
def test_brackets_are_resolved(wikitext, text, verbatim):
    resolved = resolve_brackets(wikitext, "en")
    assert (resolved.text, resolved.verbatim, resolved.unbalanced) == (text, verbatim, False)


@pytest.mark.parametrize(
    "opening, closing", [("{{t|", "}}"), ("[[a|", "]]"), ("<table>", "</table>"), ("\n{|", "\n|}")]
)
def test_depth_is_bounded(opening, closing):
    assert not resolve_brackets(opening * MAX_DEPTH + closing * MAX_DEPTH, "en").unbalanced
    with pytest.raises(TooTangledError, match=f"deeper than {MAX_DEPTH} levels"):
        resolve_brackets(opening * (MAX_DEPTH + 1) + closing * (MAX_DEPTH + 1), "en")


def test_a_page_is_not_read_more_often_than_it_may_be():
    deep, long = MAX_READINGS + 2, "x" * 10_000
    with pytest.raises(TooTangledError, match=f"more than {MAX_READINGS} times over"):
        resolve_brackets("{{lang|fr|" * deep + long + "}}" * deep, "en")
    assert resolve_brackets("{{lang|fr|" * 7 + long + "}}" * 7, "en").text == long


@pytest.mark.parametrize("depth", [1, 20, MAX_DEPTH])
@pytest.mark.parametrize("opening", ["{{t|", "[[a|", "{{lang|fr|", "{{t|[[a|"])
def test_the_steps_do_not_grow_with_the_depth(opening, depth):
    text = (opening * depth + "[[a]] " * 2000 + "}}" * depth) * 10
    before = time.process_time()
    with suppress(TooTangledError):
        resolve_brackets(text, "en")
    assert time.process_time() - before < 2
