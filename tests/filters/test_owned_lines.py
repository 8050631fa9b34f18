"""Lines that another page owns go, and so do repeats."""

import hashlib

import numpy as np
import pytest

from filters.dedup import identities
from filters.owned_lines import KeepOwnedLines, owned_line_keys, page_ranks

PAGE = "One line.\nAnother line.\nA third line."


def key(line):
    return int.from_bytes(hashlib.md5(line.encode()).digest()[:8], "big")


def lost(batch, *pairs):
    """Rows of (row of the batch, line)."""
    pages = identities(batch)
    rows = [(pages[row], key(line)) for row, line in pairs]
    return np.unique(np.array(rows, np.uint64).reshape(-1, 2), axis=0)


def applied(batch, **verdict):
    result = KeepOwnedLines(**verdict).apply(batch)
    return result.batch.column("text").to_pylist(), result.reason.to_pylist(), dict(result.counts)


def counts(passed=0, global_duplicate=0, local_duplicate=0, short_pages=0):
    return {
        "passed": passed,
        "global_duplicate": global_duplicate,
        "local_duplicate": local_duplicate,
        "short_pages": short_pages,
    }


def test_an_empty_verdict_takes_nothing(documents):
    assert applied(documents(PAGE, "x")) == ([PAGE, "x"], [None, None], counts(passed=4))


def test_a_lost_line_goes_from_its_page_alone(documents):
    batch = documents(PAGE, PAGE)
    texts, reasons, found = applied(batch, lost=lost(batch, (1, "another line.")))
    assert texts == [PAGE, "One line.\nA third line."]
    assert (reasons, found) == ([None, None], counts(passed=5, global_duplicate=1))


def test_capitals_and_blanks_do_not_count_and_repeats_go(documents):
    batch = documents("One line.\n ONE LINE. \ntwo\nTWO")
    assert applied(batch, lost=lost(batch, (0, "two"))) == (
        ["One line."],
        [None],
        counts(passed=1, global_duplicate=2, local_duplicate=1),
    )


def test_a_page_without_a_line_left_is_empty(documents):
    batch = documents("One.", "")
    assert applied(batch, lost=lost(batch, (0, "one."))) == (
        ["", ""],
        ["empty", "empty"],
        counts(passed=1, global_duplicate=1),
    )


def test_a_leaving_page_goes_whole_and_its_lines_are_not_counted(documents):
    batch = documents(PAGE, "Other.")
    assert applied(batch, leaving=identities(batch)[:1]) == (
        [PAGE, "Other."],
        ["too_few_sentences", None],
        counts(passed=1),
    )


def test_a_short_page_stays_and_is_counted(documents):
    batch = documents("One.", "Two.")
    assert applied(batch, short=identities(batch)[1:]) == (
        ["One.", "Two."],
        [None, None],
        counts(passed=2, short_pages=1),
    )


@pytest.mark.parametrize(
    "text, reason",
    [("One.\nTwo.\nThree.", None), ("One.\nTwo.", "too_few_sentences"), ("“One.”\nTwo.\nThree.", "too_few_sentences")],
)
def test_published_rules_count_again_over_the_joined_text(documents, text, reason):
    assert applied(documents(text), recounts=True)[1] == [reason]
    assert applied(documents(text))[1] == [None]


def test_the_bound_of_the_second_count_can_be_set(documents):
    assert applied(documents("One.\nTwo."), recounts=True, min_sentences=2)[1] == [None]


@pytest.mark.parametrize(
    "settings, message",
    [({"min_sentences": 0}, "min_sentences must be at least 1, got 0"), ({"lost": np.empty((1, 3))}, "2 columns")],
)
def test_a_wrong_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        KeepOwnedLines(**settings)


def test_a_key_is_of_the_stripped_lower_cased_line():
    assert owned_line_keys(" A Line \nΣΑΣ\n").tolist() == [key("a line"), key("σας"), key("")]


def test_ranks_follow_the_digests_of_addresses():
    urls = [f"http://{number}.com" for number in range(20)]
    assert np.argsort(page_ranks(urls)).tolist() == sorted(
        range(20), key=lambda row: hashlib.md5(urls[row].encode()).hexdigest()
    )
    assert page_ranks([None]).tolist() == [key("")]
