"""Gopher's rules reject at their bounds, each for its own reason."""

import pytest

from filters.gopher import GopherQuality, GopherRepetition, check_fraction, ratio

PROSE = "the page of words that have been with us and to be read here " * 5


def judged(documents, text, **settings):
    result = GopherQuality(**settings).apply(documents(text))
    assert result.counts == {}
    assert result.batch.column("text").to_pylist() == [text]
    return result.reason.to_pylist()[0]


@pytest.mark.parametrize(
    "text, settings, reason",
    [
        (PROSE, {}, None),
        ("", {}, "too_few_words"),
        ("the to " * 25, {"min_mean_word_chars": 2}, None),
        ("the to " * 24 + "be", {"min_mean_word_chars": 2}, "too_few_words"),
        (PROSE, {"max_words": 70}, None),
        (PROSE, {"max_words": 69}, "too_many_words"),
        (PROSE, {"max_words": 60}, "too_many_words"),
        ("the be " * 25 + "abc " * 25, {}, "words_too_short"),
        ("the and " * 25, {"max_mean_word_chars": 3}, None),
        ("the that " + "a" * 10 + " ", {"min_words": 3, "max_mean_word_chars": 5.5}, "words_too_long"),
        ("the that " + "a" * 10 + " ", {"min_words": 3, "max_mean_word_chars": 5.7}, None),
    ],
)
def test_words_are_neither_few_nor_many_nor_short_nor_long(documents, text, settings, reason):
    assert judged(documents, text, **settings) == reason


SHORT = {"min_words": 1, "min_mean_word_chars": 0}


@pytest.mark.parametrize(
    "text, reason",
    [
        ("the have " * 4 + "the# have", None),
        ("the have " * 4 + "the#", "too_many_hashes"),
        ("the have " * 4 + "the… have", None),
        ("the have " * 4 + "the... have", None),
        ("the have " * 3 + "the… have to", "too_many_ellipses"),
        ("the have " * 3 + "the... have to", "too_many_ellipses"),
    ],
)
def test_symbols_are_few_beside_words(documents, text, reason):
    assert judged(documents, text, **SHORT) == reason


@pytest.mark.parametrize("bullet", "•-*")
@pytest.mark.parametrize("bullets, reason", [(9, None), (10, "too_many_bullet_lines")])
def test_lines_are_not_all_bullets(documents, bullet, bullets, reason):
    lines = [f" {bullet}the have"] * bullets + ["the have"] * (10 - bullets)
    assert judged(documents, "\n\n".join(lines), **SHORT) == reason


@pytest.mark.parametrize("ending", ["...", "…", "… "])
@pytest.mark.parametrize("ellipses, reason", [(3, None), (4, "too_many_ellipsis_lines")])
def test_lines_do_not_break_off(documents, ending, ellipses, reason):
    lines = [f"the have to be with{ending}"] * ellipses + ["the have to be with"] * (10 - ellipses)
    assert judged(documents, "\n".join(lines), **SHORT) == reason


@pytest.mark.parametrize("numbers, reason", [(2, None), (3, "too_few_alphabetic_words")])
def test_words_have_letters(documents, numbers, reason):
    assert judged(documents, "the have " * 4 + "12 " * numbers, **SHORT) == reason


@pytest.mark.parametrize(
    "text, reason", [("the have x", None), ("the the The", "too_few_stop_words"), ("x y", "too_few_stop_words")]
)
def test_two_different_stop_words_are_there(documents, text, reason):
    assert judged(documents, text, **SHORT) == reason


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"min_words": 5, "max_words": 4}, "min_words must be from 0 to max_words = 4, got 5"),
        ({"min_mean_word_chars": -1}, "min_mean_word_chars must be from 0"),
        ({"max_bullet_line_fraction": 1.1}, "max_bullet_line_fraction must be from 0 to 1, got 1.1"),
        ({"max_ellipsis_line_fraction": -0.1}, "max_ellipsis_line_fraction"),
        ({"min_alphabetic_word_fraction": 2}, "min_alphabetic_word_fraction"),
        ({"min_stop_words": 9}, "min_stop_words must be from 0"),
        ({"stop_words": tuple(map(str, range(61)))}, "at most 60"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GopherQuality(**settings)


def repeats(documents, text, **settings):
    result = GopherRepetition(**settings).apply(documents(text))
    assert result.counts == {}
    return result.reason.to_pylist()[0]


OFF = {
    "max_repeated_line_fraction": 1,
    "max_repeated_paragraph_fraction": 1,
    "max_repeated_line_char_fraction": 1,
    "max_repeated_paragraph_char_fraction": 1,
    "max_top_char_fractions": (1, 1, 1),
    "max_repeated_char_fractions": (1,) * 6,
}


def distinct(count, parted):
    return parted.join(f"line number {i:04}" for i in range(count))


@pytest.mark.parametrize(
    "parted, name, reason",
    [
        ("\n", "max_repeated_line_fraction", "repeated_lines"),
        ("\n\n", "max_repeated_paragraph_fraction", "repeated_paragraphs"),
    ],
)
@pytest.mark.parametrize("bound, is_rejected", [(0.3, False), (0.29, True)])
def test_lines_and_paragraphs_come_once(documents, parted, name, reason, bound, is_rejected):
    text = parted.join([distinct(7, parted), *["line number 0000"] * 3])
    assert repeats(documents, text, **OFF | {name: bound}) == (reason if is_rejected else None)


@pytest.mark.parametrize(
    "parted, name, reason",
    [
        ("\n", "max_repeated_line_char_fraction", "repeated_line_chars"),
        ("\n\n", "max_repeated_paragraph_char_fraction", "repeated_paragraph_chars"),
    ],
)
@pytest.mark.parametrize("chars, is_rejected", [(20, False), (21, True)])
def test_characters_lie_in_lines_that_come_once(documents, parted, name, reason, chars, is_rejected):
    line = "é" * chars
    text = f"{line}{parted}{line}{parted}"
    text += "x" * (100 - len(text))
    assert repeats(documents, text, **OFF | {name: 0.2}) == (reason if is_rejected else None)


@pytest.mark.parametrize(
    "words, bound, fault", [(2, 0.20, "top_2_words"), (3, 0.18, "top_3_words"), (4, 0.16, "top_4_words")]
)
def test_no_short_run_of_words_fills_the_page(documents, words, bound, fault):
    run = " ".join("abcd"[:words])
    bounds = tuple(bound if n == words else 1 for n in (2, 3, 4))
    chars = 2 * len(run)
    for size, reason in ((round(chars / bound), None), (round(chars / bound) - 1, fault)):
        text = f"{run} x {run} "
        text += "y" * (size - len(text))
        assert repeats(documents, text, **OFF | {"max_top_char_fractions": bounds}) == reason


@pytest.mark.parametrize(
    "words, bound, fault",
    [
        (5, 0.15, "repeated_5_words"),
        (6, 0.14, "repeated_6_words"),
        (7, 0.13, "repeated_7_words"),
        (8, 0.12, "repeated_8_words"),
        (9, 0.11, "repeated_9_words"),
        (10, 0.10, "repeated_10_words"),
    ],
)
def test_no_long_run_of_words_comes_again(documents, words, bound, fault):
    run = " ".join("abcdefghij"[:words])
    bounds = tuple(bound if n == words else 1 for n in range(5, 11))
    most = int(words / bound + 1e-9)
    for size, reason in ((most + 1, None), (most - 1, fault)):
        text = f"{run} x {run} "
        text += "y" * (size - len(text))
        assert repeats(documents, text, **OFF | {"max_repeated_char_fractions": bounds}) == reason


@pytest.mark.parametrize("text", ["", "two words", "one", distinct(40, "\n")[:15]])
def test_a_page_without_repetition_stays(documents, text):
    assert repeats(documents, text) is None


def test_the_paragraphs_are_judged_first(documents):
    text = "\n\n".join(["the same line"] * 10)
    assert repeats(documents, text) == "repeated_paragraphs"
    assert repeats(documents, text, max_repeated_paragraph_fraction=1) == "repeated_paragraph_chars"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"max_repeated_line_fraction": 2}, "max_repeated_line_fraction must be from 0 to 1, got 2"),
        ({"max_repeated_paragraph_char_fraction": -1}, "max_repeated_paragraph_char_fraction"),
        ({"max_top_char_fractions": (0.1,)}, "max_top_char_fractions must be 3 fractions, got 1"),
        ({"max_repeated_char_fractions": (2,) * 6}, "max_repeated_char_fractions must be from 0 to 1, got 2"),
    ],
)
def test_a_setting_of_repetition_out_of_bounds_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GopherRepetition(**settings)


def test_no_whole_has_no_part():
    import numpy as np

    assert ratio(np.array([0, 3]), np.array([0, 4])).tolist() == [0, 0.75]
    check_fraction("x", 0)
    check_fraction("x", 1)


def test_no_stop_word_needs_to_be_there(documents):
    assert judged(documents, "x y", min_stop_words=0, **SHORT) is None
