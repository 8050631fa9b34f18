"""Documents at the border of each cut: the last that would stay and the first that would go, to look at in the report.

Of a criterion those count that pass the other two at the run's own thresholds: they are what this cut alone decides.
They are looked for among the scores of a bounded number of row groups; texts are read of those that are shown alone.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.report_rows import row_groups
from pipeline.score_grid import COLUMNS, UPWARDS, Cuts
from pipeline.storage import Folder

SHOWN = 2
"""Documents on either side of a cut."""
EXCERPT_CHARS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBorder:
    """A document next to cut number `cut` of a criterion, and whether it would stay."""

    criterion: int
    cut: int
    stays: bool
    score: float
    origin: str
    title: str
    excerpt: str


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """A document by its score, then its id; and where it lies."""

    score: float
    doc_id: str
    name: str
    group: int
    row: int


def read_border(output: Folder, folder: str, cuts: Cuts) -> list[AtBorder]:
    """For each cut of each criterion the documents nearest to it on both sides, nearest first, then by `doc_id`."""
    nearest: list[list[_Place]] = [[] for _ in cuts.edges]
    for name, group, table in row_groups(output, folder, ("doc_id", *COLUMNS)):
        for criterion, found in enumerate(_decided(cuts, name, group, table)):
            sides = _sides([*nearest[criterion], *found], cuts.edges[criterion])
            nearest[criterion] = list({place for _, _, places in sides for place in places})
    chosen = [
        (criterion, cut, above, place)
        for criterion, places in enumerate(nearest)
        for cut, above, side in _sides(places, cuts.edges[criterion])
        for place in side
    ]
    texts = _read(output, {place for *_, place in chosen})
    return [
        AtBorder(criterion=criterion, cut=cut, stays=above is UPWARDS[criterion], score=place.score, **texts[place])
        for criterion, cut, above, place in chosen
    ]


def _decided(cuts: Cuts, name: str, group: int, table: pa.Table) -> Iterator[list[_Place]]:
    """For each criterion the documents of a row group that it alone decides on."""
    for batch in table.combine_chunks().to_batches():  # One, or none where there is no row.
        rows, scores = cuts.scores(batch)
        passing = cuts.passing(cuts.cells(scores))
        ids = batch.column("doc_id").take(pa.array(rows)).to_pylist()
        for criterion in range(len(cuts.edges)):
            held = np.flatnonzero(np.delete(passing, criterion, axis=1).all(axis=1)).tolist()
            yield [_Place(float(scores[i, criterion]), ids[i], name, group, int(rows[i])) for i in held]


def _sides(places: Sequence[_Place], edges: Sequence[float]) -> Iterator[tuple[int, bool, Sequence[_Place]]]:
    """(number of the edge, whether at or above it, the nearest places) of both sides of each edge."""
    rising = sorted(places)
    falling = sorted(places, key=lambda place: (-place.score, place.doc_id))
    scores = [place.score for place in rising]
    for number, edge in enumerate(edges):
        below = bisect_left(scores, edge)
        yield number, True, rising[below : below + SHOWN]
        above = len(places) - below
        yield number, False, falling[above : above + SHOWN]


def _read(output: Folder, places: set[_Place]) -> Mapping[_Place, Mapping[str, str]]:
    """What is shown of the documents, each row group read once."""
    found: dict[_Place, dict[str, str]] = {}
    groups: dict[str, dict[int, list[_Place]]] = {}
    for place in places:
        groups.setdefault(place.name, {}).setdefault(place.group, []).append(place)
    for name, held in groups.items():
        with output.open(name) as stream, pq.ParquetFile(stream) as file:
            for group, wanted in held.items():
                table = file.read_row_group(group, columns=["origin", "title", "text"])
                found |= {place: _shown(table.slice(place.row, 1).to_pylist()[0]) for place in wanted}
    return found


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    shown = (("origin", "origin"), ("title", "title"), ("excerpt", "text"))
    return {name: str(row[column] or "")[:EXCERPT_CHARS] for name, column in shown}
