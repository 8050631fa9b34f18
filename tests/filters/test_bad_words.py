"""Pages with a word of a list go."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.bad_words import BadWords, read_words

WORDS = ["bad", "worse word", "b.d", "schlimm"]


@pytest.fixture
def words_path(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return str(tmp_path / "words.txt")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("This is BAD.", "bad_word"),
        ("bad", "bad_word"),
        ("A bad-tempered man", "bad_word"),
        ("A worse word stands here", "bad_word"),
        ("A worse\nword stands here", None),
        ("He wore a badge", None),
        ("not_bad", None),
        ("A bed is no b.d, is it", "bad_word"),
        ("bedd b-d bod", None),
        ("", None),
    ],
)
def test_a_page_with_a_word_of_the_list_goes(documents, words_path, text, reason):
    result = BadWords(words_path=words_path).apply(documents(text))
    assert (result.reason.to_pylist(), dict(result.counts)) == ([reason], {})
    assert result.batch.column("text").to_pylist() == [text]


def test_a_blank_line_of_the_list_is_no_word_unless_so_wanted(documents, tmp_path):
    (tmp_path / "blank.txt").write_text("bad\n\n")
    path = str(tmp_path / "blank.txt")
    page = documents("A page. It is good.", "word")
    assert BadWords(words_path=path).apply(page).reason.to_pylist() == [None, None]
    kept = BadWords(words_path=path, blank_is_a_word=True).apply(page)
    assert kept.reason.to_pylist() == ["bad_word", None]  # Two marks side by side, or one at an end.


@given(st.text(st.sampled_from("bad worse.schlim-_\nBÄ"), max_size=25))
def test_the_verdict_is_that_of_one_pattern_with_all_words(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "bad-words.txt"
    path.write_text("\n".join(WORDS))
    pattern = re.compile(r"(?:\W|^)({})(?:\W|$)".format("|".join(map(re.escape, WORDS))))
    lowered = text.lower()
    found = any(word in lowered and bounded.search(lowered) for word, bounded in read_words(str(path)))
    assert bool(found) == (pattern.search(lowered) is not None)


def test_a_list_is_read_as_it_was_written(tmp_path):
    (tmp_path / "words.txt").write_text(" two words \r\nbad\nbad\n", newline="")
    assert [word for word, _ in read_words(str(tmp_path / "words.txt"))] == ["bad", "two words"]
