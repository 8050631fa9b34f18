"""The ledger under TFDS's names."""

import pytest

from pipeline.c4_counters import c4_counters
from pipeline.ledger import LedgerEntry
from pipeline.source_sections import C4

FAITHFUL = C4(form="wet", mode="faithful", bad_words="words.txt")
INTENDED = C4(form="wet")


def entry(stage, documents, counts=None, failed=0, source="c4", unit="x", **rejected):
    held = {key.replace("__", ":"): {"documents": number, "bytes": 0} for key, number in rejected.items()}
    return LedgerEntry(
        stage=stage,
        source=source,
        unit=unit,
        key="",
        documents_in=documents,
        documents_failed=failed,
        rejected=held,
        counts=counts or {},
    )


LINE_COUNTS = {"c4_lines.passed": 30, "c4_lines.no_endmark": 5, "c4_lines.policy": 0}
OWNED_COUNTS = {"c4_owned_lines.passed": 20, "c4_owned_lines.global_duplicate": 4, "c4_owned_lines.short_pages": 2}


@pytest.mark.parametrize(
    "made, counters",
    [
        (
            entry("clean", 20, failed=1, c4_page__no_url=2, c4_max_chars__too_long=3),
            {
                "split-wet-file": {"filtered:no_url": 2, "filtered:quarantined": 1, "passed": 17, "wet-file": 1},
                "too-long-filter": {"filtered": 3, "passed": 14},
            },
        ),
        (
            entry("pages", 14, drop_repeated_urls__repeated_url=4),
            {"duplicate-url-filter": {"filtered": 4, "passed": 10}},
        ),
        (
            entry("lines", 10, LINE_COUNTS, c4_lines__loremipsum=1, c4_lines__too_few_sentences=2),
            {
                "clean-page": {
                    "filtered:loremipsum": 1,
                    "filtered:too_few_sentences": 2,
                    "line-filtered:no_endmark": 5,
                    "line-passed": 30,
                    "passed": 7,
                }
            },
        ),
        (
            entry("dedup", 7, OWNED_COUNTS, c4_owned_lines__empty=1),
            {
                "dedupe-lines": {
                    "filtered:empty": 1,
                    "line-filtered:global_duplicate": 4,
                    "line-passed": 20,
                    "passed": 6,
                }
            },
        ),
        (
            entry(
                "english",
                6,
                {"c4_langdetect.ignored_language-fr": 2},
                c4_langdetect__ignored_language=2,
                c4_bad_words__bad_word=1,
            ),
            {
                "badwords-filter": {"filtered": 1, "passed": 3},
                "english-filter": {"filtered:ignored_language": 2, "filtered:ignored_language-fr": 2, "passed": 4},
            },
        ),
    ],
)
def test_each_stage_has_the_counters_of_its_filters(made, counters):
    assert c4_counters([made], FAITHFUL) == counters


def test_units_are_added_up_and_other_sources_left_out():
    entries = [entry("pages", 3, unit=name, drop_repeated_urls__repeated_url=1) for name in "ab"]
    others = [entry("pages", 9, source="commoncrawl"), entry("tokenize", 9)]
    assert c4_counters([*entries, *others], FAITHFUL) == {"duplicate-url-filter": {"filtered": 2, "passed": 4}}


def test_english_stands_among_the_lines_where_it_was_meant_to():
    made = entry("lines", 9, c4_lines__loremipsum=1, language_is__language_not_kept=3, language_is__language_unknown=1)
    assert c4_counters([made], INTENDED) == {
        "clean-page": {"filtered:loremipsum": 1, "passed": 8},
        "english-filter": {"filtered:ignored_language": 3, "filtered:no_predictions": 1, "passed": 4},
    }


def test_no_ledger_has_no_counters():
    assert c4_counters([], FAITHFUL) == {}
