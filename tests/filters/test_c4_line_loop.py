"""The loop over bytes does what C4's own code does to strings."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.c4_line_loop import (
    CURLY_BRACKET,
    LINE_VERDICTS,
    LOREM_IPSUM,
    clean_pages,
    decimal_digits,
)
from tokenizer.kernels import text_array, text_buffers

PHRASES = ["lorem ipsum", "javascript", "{", "terms of use", "privacy policy", "cookie policy", "uses cookies"]
PHRASES += ["use of cookies", "use cookies", "LOREM IPSUM", "JavaScript", "coo\u212aie policy", "lorem İpsum", "lorem"]
PARTS = st.one_of(
    st.sampled_from(PHRASES),
    st.sampled_from(["[1]", "[]", "[edit]", "[citation needed]", "[٣]", "[[2]]", "[1", "[a]", "[Edit]", "[🄁]"]),
    st.sampled_from(["one", "two three four five", "six.", "Wörter", "日本", "x" * 12, "🙂"]),
    st.sampled_from([".", "?", "!", '"', "...", "…", "”", "’", ".’", "..", "{"]),
    st.sampled_from([" ", "  ", "\t", "\xa0", "\u2003", "\u3000", "\x1f"]),
    st.sampled_from(["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]),
)
DIGITS = decimal_digits()
TEXTS = st.lists(PARTS, max_size=25).map("".join)


def in_python(text, *, strip_again, curly_quotes, min_words=3, max_word_chars=10):
    """`clean_page` of tensorflow/datasets c4_utils.py without its sentences: the specification."""
    counts, kept = dict.fromkeys(LINE_VERDICTS, 0), []
    for line in map(str.strip, text.splitlines()):
        if any(len(word) > max_word_chars for word in line.split()):
            counts["too_long_word"] += 1
            continue
        line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)  # noqa: PLW2901
        line = line.strip() if strip_again else line  # noqa: PLW2901
        good = line.endswith((".", "?", "!", '"')) and not line.endswith("...")
        if curly_quotes and line.endswith("’"):
            good = line[:-1].endswith((".", "?", "!", '"')) and not line[:-1].endswith("...")
        lowered = line.lower()
        if not good and not (curly_quotes and line.endswith("”") and line != "”"):
            counts["no_endmark"] += 1
        elif len(line.split()) < min_words:
            counts["too_short"] += 1
        elif "lorem ipsum" in lowered:
            return "\n".join(kept).strip(), LOREM_IPSUM, counts
        elif "javascript" in lowered:
            counts["javascript"] += 1
        elif "{" in line:
            return "\n".join(kept).strip(), CURLY_BRACKET, counts
        elif any(phrase in lowered for phrase in PHRASES[3:9]):
            counts["policy"] += 1
        else:
            counts["passed"] += 1
            kept.append(line)
    return "\n".join(kept).strip(), 0, counts


def in_loop(texts, *, strip_again, curly_quotes, min_words=3, max_word_chars=10):
    buffers = text_buffers(pa.array(texts, pa.large_string()))
    values, offsets, pages, counts = clean_pages(*buffers, DIGITS, min_words, max_word_chars, strip_again, curly_quotes)
    return (
        text_array(values, offsets).to_pylist(),
        pages.tolist(),
        dict(zip(LINE_VERDICTS, counts.tolist(), strict=True)),
    )


@pytest.mark.parametrize("strip_again", [False, True])
@pytest.mark.parametrize("curly_quotes", [False, True])
@given(st.lists(TEXTS, max_size=3))
def test_any_pages_are_cleaned_as_c4_cleans_them(strip_again, curly_quotes, texts):
    ways = {"strip_again": strip_again, "curly_quotes": curly_quotes}
    wanted = [in_python(text, **ways) for text in texts]
    kept, pages, counts = in_loop(texts, **ways)
    assert (kept, pages) == ([item[0] for item in wanted], [item[1] for item in wanted])
    assert counts == {name: sum(item[2][name] for item in wanted) for name in LINE_VERDICTS}


@pytest.mark.parametrize("blank", [character for character in map(chr, range(0x3100)) if character.isspace()])
def test_each_blank_parts_words_and_lines_as_in_python(blank):
    ways = {"strip_again": False, "curly_quotes": False}
    texts = [f"{blank}one two three.{blank}", f"one{blank}two{blank}three.", f"a b.{blank}c d e."]
    wanted = [in_python(text, **ways) for text in texts]
    assert in_loop(texts, **ways)[:2] == ([item[0] for item in wanted], [item[1] for item in wanted])


@pytest.mark.parametrize(
    "phrase", [*PHRASES[:9], "coo\u212aie policy", "Use Coo\u212aies", "javascr\u0130pt", "lorem\xa0ipsum"]
)
def test_each_phrase_is_found_in_any_case(phrase):
    ways = {"strip_again": False, "curly_quotes": False}
    for text in (f"Here is {phrase} for you.", f"HERE IS {phrase.upper()} FOR YOU.", f"{phrase[:-1]} for you all."):
        kept, pages, counts = in_loop([text], **ways)
        assert (kept[0], pages[0], counts) == in_python(text, **ways)


@given(st.text(max_size=40))
def test_any_text_at_all_is_read(text):
    ways = {"strip_again": True, "curly_quotes": True, "min_words": 1}
    ending = f"{text} end."
    assert in_loop([ending], **ways)[0] == [in_python(ending, **ways)[0]]


def test_slices_are_read_where_they_lie():
    texts = pa.array(["left out.", "a good line here.", "and one more.", "left out."], pa.string()).slice(1, 2)
    values, offsets, pages, _ = clean_pages(*text_buffers(texts), DIGITS, 3, 10, True, True)
    assert text_array(values, offsets).to_pylist() == ["a good line here.", "and one more."]
    assert pages.tolist() == [0, 0]


def test_no_page_gives_no_page():
    values, offsets, pages, counts = clean_pages(
        np.empty(0, np.uint8), np.zeros(1, np.int64), DIGITS, 5, 1000, True, True
    )
    assert (len(values), offsets.tolist(), len(pages), counts.sum()) == (0, [0], 0, 0)


def test_digits_are_those_of_any_script():
    assert [bool(DIGITS[ord(character)]) for character in "0٣９²a"] == [True, True, True, False, False]
    assert all(not chr(code).isdecimal() for code in range(len(DIGITS), 0x110000))
