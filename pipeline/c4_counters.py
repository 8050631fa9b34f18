"""The ledger of C4 from WET files under the names of TFDS's counters, to set the two side by side."""

from collections import Counter
from collections.abc import Iterable

from pipeline.ledger import LedgerEntry
from pipeline.source_sections import C4
from pipeline.stage_names import CLEAN, DEDUP, ENGLISH, LINES, PAGES

_NAMESPACES = {
    "c4_page": "split-wet-file",
    "c4_max_chars": "too-long-filter",
    "drop_repeated_urls": "duplicate-url-filter",
    "c4_lines": "clean-page",
    "c4_owned_lines": "dedupe-lines",
    "c4_langdetect": "english-filter",
    "language_is": "english-filter",
    "c4_bad_words": "badwords-filter",
}
_WITHOUT_REASON = ("too_long", "repeated_url", "bad_word")
_REASONS = {
    "language_unknown": "no_predictions",
    "language_score_too_low": "low_confidence",
    "language_not_kept": "ignored_language",
}
_LINES = ("c4_lines", "c4_owned_lines")


def c4_counters(entries: Iterable[LedgerEntry], settings: C4) -> dict[str, dict[str, int]]:
    """TFDS's counters by namespace, those of nothing left out.

    Source: tensorflow/datasets c4_utils.py. A record that could not be read is `filtered:quarantined`, which TFDS,
    whose run ends there, does not know.
    """
    found: dict[str, Counter[str]] = {}
    stages = _filters(settings)
    for entry in entries:
        if entry.source != "c4" or entry.stage not in stages:
            continue
        left = entry.documents_in - entry.documents_failed
        for name in stages[entry.stage]:
            left -= _count(name, entry, left, found.setdefault(_NAMESPACES[name], Counter()))
        if entry.stage == CLEAN:
            found["split-wet-file"] += Counter({"wet-file": 1, "filtered:quarantined": entry.documents_failed})
    return {name: dict(sorted((+counter).items())) for name, counter in sorted(found.items())}


def _filters(settings: C4) -> dict[str, tuple[str, ...]]:
    """The filters that TFDS counts, in the order in which they stand in each stage."""
    detector = "c4_langdetect" if settings.detector == "langdetect" else "language_is"
    english = (detector, *(("c4_bad_words",) if settings.bad_words else ()))
    faithful = settings.mode == "faithful"
    return {
        CLEAN: ("c4_page", "c4_max_chars"),
        PAGES: ("drop_repeated_urls",),
        LINES: ("c4_lines", *(() if faithful else english)),
        DEDUP: ("c4_owned_lines",),
        ENGLISH: english if faithful else (),
    }


def _count(name: str, entry: LedgerEntry, documents: int, counter: Counter[str]) -> int:
    """Count what one filter did to so many documents; how many of them it rejected."""
    rejected = 0
    for key, item in entry.rejected.items():
        rule, _, reason = key.partition(":")
        if rule == name:
            what = "filtered" if reason in _WITHOUT_REASON else f"filtered:{_REASONS.get(reason, reason)}"
            counter[what] += item["documents"]
            rejected += item["documents"]
    for key, count in entry.counts.items():
        rule, _, what = key.partition(".")
        if rule == name and name in _LINES and what != "short_pages":
            counter["line-passed" if what == "passed" else f"line-filtered:{what}"] += count
        elif rule == name and name == "c4_langdetect":
            counter[f"filtered:{what}"] += count
    counter["passed"] += documents - rejected
    return rejected
