"""The compiled counts of words, lines and marks are those of plain Python."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.page_counts import BULLET, COUNTS, LETTER, SPACE, TERMINAL, kinds, page_counts, word_hash

BULLETS, TERMINALS, STOPS, SHORT = "•-*", '.!?"…”', ("the", "of", "é"), 5


def specification(text):
    """The counts as plain Python has them."""
    words, lines = text.split(), [line for line in text.split("\n") if line.strip()]
    return {
        "chars": len(text),
        "newlines": text.count("\n"),
        "words": len(words),
        "word_chars": sum(map(len, words)),
        "alphabetic_words": sum(any(c.isalpha() for c in word) for word in words),
        "hashes": text.count("#"),
        "ellipses": text.count("...") + text.count("…"),
        "lines": len(lines),
        "bullet_lines": sum(line.lstrip()[0] in BULLETS for line in lines),
        "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in lines),
        "terminal_lines": sum(line.rstrip()[-1] in TERMINALS for line in lines),
        "short_lines": sum(len(line) <= SHORT for line in lines),
        "stop_words": len(set(words) & set(STOPS)),
    }


def counted(*texts):
    array = pa.array(texts, pa.large_string())
    found = page_counts(array, bullets=BULLETS, terminals=TERMINALS, stop_words=STOPS, short_chars=SHORT)
    return [{name: int(values[i]) for name, values in found.items()} for i in range(len(texts))]


TEXTS = [
    "",
    " ",
    "\n\n",
    "the the of\n - a\n•b…\n\u3000\u2003*\n",
    "......",
    "..\n...",
    "a. ..",
    "a... \nb.. .\n…x",
    "# ## 1.2 é\x1fx\x85y",
    "𝒳 ٣ 語\r\nthe.",
    "wait...…  ",
]


@pytest.mark.parametrize("text", TEXTS)
def test_counts_are_those_of_plain_python(text):
    assert counted(text) == [specification(text)]


@given(st.lists(st.text(st.sampled_from('the of#.…•-*\n\t \u3000é𝒳1"?'), max_size=60), max_size=4))
def test_any_texts_counts_are_those_of_plain_python(texts):
    assert counted(*texts) == [specification(text) for text in texts]


@given(st.text(max_size=40))
def test_any_characters_are_counted_as_plain_python_counts_them(text):
    assert counted(text) == [specification(text)]


def test_a_slice_is_counted_for_itself():
    array = pa.array(["x y", "the #", "z"], pa.large_string()).slice(1, 1)
    assert {name: values.tolist() for name, values in page_counts(array).items()}["hashes"] == [1]


def test_counts_have_their_names():
    assert list(page_counts(pa.array([], pa.large_string()))) == COUNTS


def test_a_character_has_its_kinds():
    table = kinds(BULLETS, TERMINALS)
    assert (table[ord(" ")], table[ord("é")], table[ord("•")], table[ord("?")]) == (SPACE, LETTER, BULLET, TERMINAL)
    assert not table.flags.writeable


def test_words_are_told_apart_by_their_hash():
    assert len({word_hash(word) for word in ("", "a", "b", "ab", "ba", "the", "é")}) == 7
    assert word_hash("the") == word_hash("the")
