"""The report's section on languages: how much of the crawl is in each, and in Wikipedia's twenty dump by dump."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from filters.language import LanguageCount, language_counts
from pipeline.report_html import Html, element, joined, table
from pipeline.section import WIKIPEDIA_LANGUAGES
from pipeline.totals import StageTotals

MAX_DUMPS = 50
"""Dumps that have a table of their own, the first by name; there are about a hundred in all."""

NONE, OTHERS = "no language", "other languages"
_HEADINGS = ("language", "documents", "of all", "bytes", "of all")


def languages_section(stages: Sequence[StageTotals]) -> Html:
    """The section's content: for each stage that told languages apart, all of them, and then each dump."""
    parts: list[Html] = []
    for item in stages:
        counts = language_counts(item.counts)
        if counts:
            parts += [
                element("h3", f"{item.source} · {item.stage}"),
                *_tables(counts, f"{item.source} at {item.stage}"),
            ]
    return joined(parts) if parts else element("p", "No language has been identified yet.", class_="soft")


def _tables(counts: Sequence[LanguageCount], where: str) -> Iterator[Html]:
    rows = list(_rows(counts, lambda count: count.language or NONE))
    named = {count.language for count in counts} - {None}
    yield table(f"All {len(named)} languages of {where}, most documents first", _HEADINGS, rows, numbers=4)
    dumps = sorted({count.dump or "" for count in counts})
    for dump in dumps[:MAX_DUMPS]:
        held = [count for count in counts if (count.dump or "") == dump]
        caption = f"Wikipedia's {len(WIKIPEDIA_LANGUAGES)} languages and others in {dump or 'documents of no dump'}"
        yield table(caption, _HEADINGS, _rows(held, _wikipedia_language, WIKIPEDIA_LANGUAGES), numbers=4)
    if len(dumps) > MAX_DUMPS:
        yield element("p", f"{len(dumps) - MAX_DUMPS} more dumps are not shown.", class_="soft")


def _wikipedia_language(count: LanguageCount) -> str:
    if count.language is None:
        return NONE
    return count.language if count.language in WIKIPEDIA_LANGUAGES else OTHERS


def _rows(
    counts: Iterable[LanguageCount], name: Callable[[LanguageCount], str], always: Iterable[str] = ()
) -> Iterator[tuple[str, ...]]:
    """A row for each name, most documents first: documents and bytes, and their shares."""
    sums: dict[str, tuple[int, int]] = dict.fromkeys(always, (0, 0))
    for count in counts:
        documents, size = sums.get(name(count), (0, 0))
        sums[name(count)] = documents + count.documents, size + count.bytes
    all_documents, all_bytes = (sum(column) for column in zip(*sums.values(), strict=True))
    for language, (documents, size) in sorted(sums.items(), key=lambda item: (-item[1][0], item[0])):
        yield language, f"{documents:,}", _share(documents, all_documents), f"{size:,}", _share(size, all_bytes)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3%}" if whole else "–"
