"""The page by which near-duplicates are judged: how many went, in what clusters, and pairs to look at.

It fetches nothing and trusts no text; its bytes follow from the output folder alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report_html import Html, document, element, joined, table
from pipeline.report_style import STYLE

_MEASURES = {
    "containment": "of the shorter document's shingles, the share that stands in the longer one too",
    "jaccard": "of the shingles of both documents, the share that both have",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One document of a pair that was drawn."""

    doc_id: str
    origin: str
    title: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPair:
    """A pair that was drawn: the overlap that was found by hashes, and the one that was counted again word by word."""

    gone: Side
    keeper: Side
    found: float
    counted: float


def near_page(figures: Mapping[str, Any], drawn: Sequence[DrawnPair]) -> str:
    """The page of one source."""
    title = f"Near-duplicates of {figures['source']}"
    header = element(
        "header",
        element("h1", title),
        element("p", _measure(figures), class_="soft"),
        _tiles(figures),
    )
    sections = (
        ("Clusters", _clusters(figures["clusters"])),
        ("Pairs compared", _compared(figures)),
        ("Pairs drawn", joined([_precision(figures), *map(_pair, drawn)])),
    )
    parts = [element("section", element("h2", name), content) for name, content in sections]
    return document(title, STYLE, joined([header, element("main", joined(parts))]))


def _measure(figures: Mapping[str, Any]) -> str:
    return (
        f"A document goes where it overlaps one that stays by more than {figures['max_overlap']:g}:"
        f" {figures['measure']}, {_MEASURES[figures['measure']]};"
        f" a shingle is {figures['shingle_words']} words in a row."
    )


def _tiles(figures: Mapping[str, Any]) -> Html:
    lost = {what: (figures[f"{what}_lost"], figures[what]) for what in ("documents", "bytes")}
    tiles = [(_share(*counts), "of {} lost: {:,} of {:,}".format(what, *counts)) for what, counts in lost.items()]
    tiles.append((f"{sum(figures['clusters'].values()):,}", "clusters"))
    tiles.append((f"{max(map(int, figures['clusters']), default=1):,}", "documents in the largest"))
    return element("ul", *(element("li", element("strong", value), name) for value, name in tiles), class_="tiles")


def _clusters(clusters: Mapping[str, int]) -> Html:
    """How many clusters have how many documents, in ranges that double."""
    if not clusters:
        return element("p", "No document overlaps another one so much.", class_="soft")
    ranges: dict[int, list[int]] = {}
    for size, count in clusters.items():
        held = ranges.setdefault((int(size) - 1).bit_length(), [0, 0])
        held[0] += count
        held[1] += count * (int(size) - 1)
    rows = [(_range(bits), f"{count:,}", f"{gone:,}") for bits, (count, gone) in sorted(ranges.items())]
    caption = "Clusters by size: the document that stays, and those that go for it"
    return table(caption, ("documents", "clusters", "documents lost"), rows, numbers=2)


def _range(bits: int) -> str:
    low, high = (1 << bits - 1) + 1, 1 << bits
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _compared(figures: Mapping[str, Any]) -> Html:
    compared, over = figures["pairs_compared"], figures["pairs_overlapping"]
    rows = [
        ("with enough keys in common, compared in whole", f"{compared:,}", ""),
        ("that overlap", f"{over:,}", _share(over, compared)),
        ("passed over: more documents had one key than are compared", f"{figures['pairs_left_out']:,}", ""),
    ]
    return table("Pairs of documents", ("pairs", "how many", "of those compared"), rows, numbers=2)


def _precision(figures: Mapping[str, Any]) -> Html:
    low, high = figures["precision"]
    said = (
        f"Of {figures['pairs_drawn']} pairs drawn from all verdicts, {figures['pairs_confirmed']} overlap by more than"
        f" {figures['max_overlap']:g} when their words are counted again without any hash: the precision lies between"
        f" {low:.1%} and {high:.1%}, with 95% confidence."
    )
    return element("p", said)


def _pair(pair: DrawnPair) -> Html:
    said = f"{pair.counted:.4f} counted, {pair.found:.4f} found · {pair.gone.title or pair.gone.doc_id}"
    return element("details", element("summary", said), _side("gone", pair.gone), _side("stays", pair.keeper))


def _side(kind: str, side: Side) -> Html:
    title = [element("p", element("bdi", side.title))] if side.title else []
    origin = element("p", f"{kind}: ", element("code", side.doc_id), " · ", element("code", side.origin), class_="soft")
    return element("blockquote", *title, origin, element("pre", side.excerpt, dir="auto"))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "–"
