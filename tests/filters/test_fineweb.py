"""FineWeb's rules reject at their bounds, each for its own reason."""

import pytest

from filters.fineweb import FineWebQuality

LINE = "a line that is long enough to be one of a page of prose {}"


def page(*lines):
    return "\n".join(line.format(i) for i, line in enumerate(lines))


def judged(documents, text, **settings):
    result = FineWebQuality(**settings).apply(documents(text))
    assert result.counts == {}
    assert result.batch.column("text").to_pylist() == [text]
    return result.reason.to_pylist()[0]


@pytest.mark.parametrize("mark", [".", "!", "?", '"', "'", "…", "”", "’", ". "])
@pytest.mark.parametrize("ended, reason", [(3, None), (2, "too_few_terminal_lines")])
def test_lines_end_like_sentences(documents, mark, ended, reason):
    lines = [LINE + mark] * ended + [LINE] * (25 - ended)
    assert judged(documents, page(*lines)) == reason


@pytest.mark.parametrize("chars, short, reason", [(30, 67, None), (30, 68, "too_many_short_lines"), (31, 68, None)])
def test_lines_are_not_all_short(documents, chars, short, reason):
    lines = [f"{i:03} words and words".ljust(chars - 1, "x") + "." for i in range(short)]
    lines += [f"{i:03} words and more words that are not short." for i in range(100 - short)]
    assert judged(documents, "\n".join(lines)) == reason


@pytest.mark.parametrize("chars, reason", [(10, None), (11, "repeated_line_chars")])
def test_few_characters_lie_in_lines_that_came_before(documents, chars, reason):
    line = "é" * (chars - 1) + "."
    rest = "words that take the rest of a page of a hundred letters. " * 3
    text = f"{line}\n{line}\n{rest[: 100 - 2 * chars]}"
    assert judged(documents, text, max_short_line_fraction=1, min_terminal_line_fraction=0) == reason


@pytest.mark.parametrize("newlines, reason", [(3, None), (4, "too_few_words_per_line")])
def test_lines_have_words(documents, newlines, reason):
    text = "nine words of a page that all are together " + "\n" * newlines + "end."
    assert judged(documents, text, max_short_line_fraction=1) == reason


def test_a_page_without_a_line_stays_for_others_to_reject(documents):
    assert judged(documents, "", min_terminal_line_fraction=0) is None
    assert judged(documents, "") == "too_few_terminal_lines"


def test_marks_may_be_others(documents):
    assert judged(documents, "这是一个很长的句子。" * 5, terminal_marks="。") is None


def test_a_bound_of_nothing_is_one(documents):
    assert judged(documents, "one line.", short_line_chars=0, max_newlines_per_word=0) is None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"min_terminal_line_fraction": 1.5}, "min_terminal_line_fraction must be from 0 to 1, got 1.5"),
        ({"max_short_line_fraction": -1}, "max_short_line_fraction"),
        ({"max_repeated_line_char_fraction": 2}, "max_repeated_line_char_fraction"),
        ({"short_line_chars": -1}, "short_line_chars must be at least 0, got -1"),
        ({"max_newlines_per_word": -0.1}, "max_newlines_per_word must be at least 0"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FineWebQuality(**settings)
