"""How many documents, and bytes of text, lie between which scores: what other thresholds than the run's would keep.

Stage `select` counts each unit's documents in a grid over their three scores, since the criteria interact: a document
that one of them lets pass may fall to the next. The run's own thresholds are edges of the grid, so that what it keeps
follows from the cells to the document; the other edges are steps that a slider takes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import Filter, FilterResult
from filters.select import BUCKETS, LanguageIs, PerplexityBucketIs, ReferenceScoreAtLeast
from pipeline.stage_names import SELECT
from pipeline.storage import Folder, Output

CRITERIA = ("language score", "perplexity", "reference score")
UPWARDS = (True, False, True)
"""Of each criterion whether what is higher passes."""
JUDGES = (LanguageIs.name, PerplexityBucketIs.name, ReferenceScoreAtLeast.name)
"""The filters that judge by them."""
COLUMNS = ("language", "language_score", "perplexity", "reference_score")

Scores = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """The edges of the three scores, ascending, and `at` which of them the run cuts.

    A score is in cell k where k edges are at or below it. At cut c stay the cells above c; of perplexity those up to c,
    and all of them where c is the number of edges.
    """

    languages: tuple[str, ...]
    score_decimals: int | None
    left_out: tuple[tuple[float, float], ...]
    """Ranges of perplexity that go at any cut: buckets that the recipe does not keep, though it keeps a later one."""
    edges: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    at: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many cells there are of each score."""
        language, perplexity, reference = (len(edges) + 1 for edges in self.edges)
        return language, perplexity, reference

    def scores(self, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], Scores]:
        """Which rows pass at some cut, and their three scores, a row each."""
        rows = pc.is_in(batch.column("language"), value_set=pa.array(self.languages, pa.string()))
        for name in COLUMNS[1:]:
            rows = pc.and_(rows, pc.is_valid(batch.column(name)))
        found = np.flatnonzero(rows.to_numpy(zero_copy_only=False))
        taken = [batch.column(name).take(pa.array(found)).cast(pa.float64()).to_numpy() for name in COLUMNS[1:]]
        if self.score_decimals is not None:
            taken[0] = np.round(taken[0], self.score_decimals)
        stays = np.ones(len(found), np.bool_)
        for low, high in self.left_out:
            stays &= ~((taken[1] >= low) & (taken[1] < high))
        return found[stays], np.stack(taken, axis=1)[stays]

    def cells(self, scores: Scores) -> Cells:
        """The cell of each score."""
        found = [np.searchsorted(edges, scores[:, place], side="right") for place, edges in enumerate(self.edges)]
        return np.stack(found, axis=1).astype(np.int64)

    def passing(self, cells: Cells) -> npt.NDArray[np.bool_]:
        """Whether each criterion lets the documents of these cells pass at the run's own cuts."""
        return np.stack(
            [cells[:, i] > self.at[i] if upwards else cells[:, i] <= self.at[i] for i, upwards in enumerate(UPWARDS)],
            axis=1,
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Cuts":
        """The cuts of a JSON object."""
        language, perplexity, reference = (tuple(edges) for edges in value["edges"])
        return cls(
            languages=tuple(value["languages"]),
            score_decimals=value["score_decimals"],
            left_out=tuple((low, high) for low, high in value["left_out"]),
            edges=(language, perplexity, reference),
            at=tuple(value["at"]),
        )


def cuts_of(filters: Sequence[Filter]) -> Cuts:
    """The cuts around those of the three filters that judge by scores."""
    language = next(rule for rule in filters if isinstance(rule, LanguageIs))
    perplexity = next(rule for rule in filters if isinstance(rule, PerplexityBucketIs))
    reference = next(rule for rule in filters if isinstance(rule, ReferenceScoreAtLeast))
    bounds = (0.0, perplexity.head, perplexity.middle)
    last = max(map(BUCKETS.index, perplexity.keep))
    # Rounded, so that no machine's last bit moves an edge.
    steps = {float(f"{perplexity.middle * 2 ** (step / 3):.3g}") for step in range(-9, 10) if step}
    edges = (
        tuple(sorted({place / 20 for place in range(20)} | {language.min_score})),
        tuple(sorted(steps | set(bounds[1:]))),
        tuple(sorted({place / 32 for place in range(32)} | {reference.min_score})),
    )
    cut = len(edges[1]) if last == len(bounds) - 1 else edges[1].index(bounds[last + 1])
    return Cuts(
        languages=language.keep,
        score_decimals=language.score_decimals,
        left_out=tuple((bounds[i], bounds[i + 1]) for i in range(last) if BUCKETS[i] not in perplexity.keep),
        edges=edges,
        at=(edges[0].index(language.min_score), cut, edges[2].index(reference.min_score)),
    )


@dataclass(slots=True)
class ScoreGrid:
    """Documents and bytes of text in each cell."""

    cuts: Cuts
    documents: Cells = field(init=False)
    sizes: Cells = field(init=False)

    def __post_init__(self) -> None:
        self.documents, self.sizes = (np.zeros(self.cuts.shape, np.int64) for _ in range(2))

    def add(self, cells: Cells, sizes: Cells) -> None:
        """Documents by their cells, and the bytes of each."""
        places = tuple(cells.T)
        np.add.at(self.documents, places, 1)
        np.add.at(self.sizes, places, sizes)

    def kept(self) -> tuple[int, int]:
        """Documents and bytes at the run's own cuts."""
        language, perplexity, reference = self.cuts.at
        rows = (slice(language + 1, None), slice(None, perplexity + 1), slice(reference + 1, None))
        return int(self.documents[rows].sum()), int(self.sizes[rows].sum())

    def occupied(self) -> tuple[list[int], list[int], list[int]]:
        """The cells that have documents, numbered row by row; their documents; their bytes."""
        places = np.flatnonzero(self.documents)
        return places.tolist(), self.documents.flat[places].tolist(), self.sizes.flat[places].tolist()

    def to_json(self) -> dict[str, Any]:
        """The grid as a JSON object."""
        return {"cuts": asdict(self.cuts), "cells": self.occupied()}

    def add_json(self, value: Mapping[str, Any]) -> None:
        """One more unit's grid, which has the same cuts."""
        places, documents, sizes = value["cells"]
        self.documents.flat[places] += np.array(documents, np.int64)
        self.sizes.flat[places] += np.array(sizes, np.int64)


@dataclass(frozen=True, slots=True)
class CountScores:
    """Stands before the filters and counts into the grid what comes to them."""

    name: ClassVar[str] = "count_scores"
    reasons: ClassVar[tuple[str, ...]] = ()
    grid: ScoreGrid

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """The batch as it came."""
        rows, scores = self.grid.cuts.scores(batch)
        sizes = pc.binary_length(batch.column("text")).take(pa.array(rows)).cast(pa.int64()).to_numpy()
        self.grid.add(self.grid.cuts.cells(scores), sizes)
        return FilterResult(batch, pa.nulls(batch.num_rows, pa.string()), {})


def write_grid(output: Folder, source: str, unit: str, filters: Sequence[Filter]) -> dict[str, Output]:
    """Write the unit's grid, which one of the filters has counted."""
    name = f"{SELECT}/{source}/{unit}.json"
    (grid,) = (rule.grid for rule in filters if isinstance(rule, CountScores))
    return {name: output.write_text(name, json.dumps(grid.to_json(), separators=(",", ":")))}


def read_grid(output: Folder, source: str) -> ScoreGrid | None:
    """The grids of all the source's units together; None where there is none, or not all have the same cuts."""
    whole: ScoreGrid | None = None
    for name in output.list(f"{SELECT}/{source}"):
        value = output.read_json(f"{SELECT}/{source}/{name}")
        if value is None:
            continue
        cuts = Cuts.from_json(value["cuts"])
        whole = whole or ScoreGrid(cuts)
        if cuts != whole.cuts:  # A run that was stopped between two thresholds.
            return None
        whole.add_json(value)
    return whole
