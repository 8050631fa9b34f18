"""The keys that most documents of the sample have: what would make one group of a stage larger than the others."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from filters.fingerprint import document_keys, line_keys
from pipeline.corpora.registry import document_stages
from pipeline.dedup import ExactRounds, ParagraphRounds
from pipeline.group_stages import GROUP_STAGES, documents_of, group_rounds
from pipeline.near_candidates import KEY
from pipeline.near_duplicates import NearRounds
from pipeline.rounds import Rounds
from pipeline.run import Run
from pipeline.storage import read_batches

Array = np.ndarray[Any, Any]
Find = Callable[[pa.RecordBatch], tuple[Array, Array]]
"""(keys, the row of each) of a batch, each key once a document."""

HOT = 2.0
"""A group this many times its share is called hot."""
SHOWN_CHARS = 60
MOST_KEYS = 1 << 22
"""So many keys of a source are looked at: 64 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotKey:
    """The key of a group stage that most documents of the sample have, and what its group would be in the whole run."""

    stage: str
    source: str
    shown: str
    documents: int
    of_documents: int
    key_bytes: float
    even_bytes: float

    @property
    def times(self) -> float:
        """How many times an even share the key's group would be."""
        return (self.key_bytes + self.even_bytes) / self.even_bytes if self.even_bytes else 1.0

    @property
    def is_hot(self) -> bool:
        """Whether that is worth a warning."""
        return self.times >= HOT

    def to_json(self) -> dict[str, Any]:
        """The key as a JSON object."""
        return asdict(self) | {"times": self.times, "is_hot": self.is_hot}


def hottest(run: Run, source: str, units: int, times: float, sent_bytes: dict[str, float]) -> Iterator[HotKey]:
    """The hottest key of each group stage of a source.

    The whole run has so many `units`, `times` the sample's bytes, and its stages send so many bytes (`sent_bytes`).
    """
    for stage in document_stages(run.recipe, source):
        if stage not in GROUP_STAGES:
            continue
        rounds = group_rounds(run, stage, source)
        find = _finder(rounds)
        if find is None or not sent_bytes.get(stage):
            continue
        found = _commonest(run, stage, source, find)
        if found is None:
            continue
        shown, documents, holding, seen = found
        sampled = len(run.units(source))
        if isinstance(rounds, NearRounds):
            key_bytes, groups = documents * times * KEY.itemsize, rounds.partitions
        else:
            # A unit sends a key twice at most, however many of its documents have it.
            together = min(units, getattr(rounds, "block_files", units))
            key_bytes = min(2.0, documents / holding) * holding / sampled * together * _ITEM_BYTES[type(rounds)]
            groups = rounds.partitions * -(-units // together)  # type: ignore[attr-defined]
        yield HotKey(
            stage=stage,
            source=source,
            shown=shown,
            documents=documents,
            of_documents=seen,
            key_bytes=key_bytes,
            even_bytes=sent_bytes[stage] / groups,
        )


_ITEM_BYTES: dict[type[Any], int] = {ParagraphRounds: 8, ExactRounds: 32}


def _finder(rounds: Rounds) -> Find | None:
    """How a stage's keys are found in a batch; None where its groups are not of keys that documents have."""
    if isinstance(rounds, ParagraphRounds):
        return _lines
    if isinstance(rounds, ExactRounds):
        return lambda batch: (document_keys(batch.column("text"))[:, 0], np.arange(batch.num_rows))
    if isinstance(rounds, NearRounds):
        maker = rounds.key_maker

        def find(batch: pa.RecordBatch) -> tuple[Array, Array]:
            found = maker.keys(np.arange(batch.num_rows, dtype=np.uint64), batch)
            return found["key"], found["document"].astype(np.int64)

        return find
    return None


def _lines(batch: pa.RecordBatch) -> tuple[Array, Array]:
    lines = line_keys(batch.column("text"))
    said = ~lines.blank.astype(np.bool_)
    pairs = np.unique(np.column_stack([lines.keys[said], lines.document[said].astype(np.uint64)]), axis=0)
    return pairs[:, 0], pairs[:, 1].astype(np.int64)


def _commonest(run: Run, stage: str, source: str, find: Find) -> tuple[str, int, int, int] | None:
    """(how it is shown, documents, units, documents looked at) of the key that most documents have."""
    held: list[Array] = []
    seen = size = 0
    for number, unit in enumerate(run.units(source)):
        for batch in read_batches(run.output, documents_of(run, stage, source, unit)[0]):
            if size < MOST_KEYS:
                keys, _ = find(batch)
                held.append(np.column_stack([keys, np.full(len(keys), number, np.uint64)]))
                seen, size = seen + batch.num_rows, size + len(keys)
    rows = np.concatenate([np.zeros((0, 2), np.uint64), *held])
    if not len(rows):
        return None
    keys, times = np.unique(rows[:, 0], return_counts=True)
    most = int(np.argmax(times))
    if times[most] < 2:
        return None
    key = keys[most]
    holding = len(np.unique(rows[rows[:, 0] == key, 1]))
    return _shown(run, stage, source, find, int(key)), int(times[most]), holding, seen


def _shown(run: Run, stage: str, source: str, find: Find, key: int) -> str:
    """A text that has the key: the line itself, or how the document begins."""
    for unit in run.units(source):
        for batch in read_batches(run.output, documents_of(run, stage, source, unit)[0]):
            keys, rows = find(batch)
            for row in rows[keys == np.uint64(key)][:1]:
                text = str(batch.column("text")[int(row)])
                if find is _lines:
                    lines = line_keys(pa.array([text], pa.large_string()))
                    text = text.split("\n")[int(np.flatnonzero(lines.keys == np.uint64(key))[0])]
                return " ".join(text.split())[:SHOWN_CHARS]
    return ""
