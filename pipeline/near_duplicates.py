"""Near-duplicates across units: of documents that overlap the longest stays, on the word of their whole texts.

Keys that overlapping documents are likely to share bring candidates together. Their units are looked at once more, and
only the candidates' sets of shingles travel: each pair is compared in whole. Then, from the longest document on, one
goes only where a document that *stays* overlaps it, so that a row of ever different editions does not collapse into
one. The longest is the one with most different shingles; of equals the one with the smallest doc_id.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.key_sets import sorted_keys
from filters.near_duplicates import VERDICT, DropNearDuplicates, which_stay
from filters.shingles import shingle_sets
from filters.similarity import shared
from pipeline.exchange import Keyed
from pipeline.near_candidates import KEY, PAIR, KeyMaker, first_of_each, left_out, pairs_of, summed
from pipeline.rounds import Judge, LookAgain, by_unit, pack, unpack
from pipeline.storage import Folder

Array = np.ndarray[Any, Any]

_KEYS, _PAIRS, _ASKED, _LINKS, _SETS, _OVERLAPS, _VERDICTS, _GOES = (bytes([letter]) for letter in b"KPALSOVG")

_LINK = np.dtype([("longer", "<u8"), ("shorter", "<u8"), ("group", "<u8")])
"""Two documents that are compared, and in which group of pairs."""
_ASK = np.dtype([("document", "<u8"), ("group", "<u8")])
"""A document whose shingles are asked for, and by which group of pairs."""
_SET = np.dtype([("document", "<u8"), ("doc_id", "S32"), ("size", "<u4")])
OVERLAP = np.dtype([("longer", "<u8"), ("shorter", "<u8"), ("overlap", "<f4")])
_GOING = np.dtype([("document", "<u8"), ("keeper", "<u8")])

CLUSTERS_OF = "clusters_of_"
"""What a note calls clusters of so many documents."""
SKETCH_KEYS = 1 << 20
"""Keys that a sketch holds before it sends them: 28 MB."""
SKETCH_PAIRS = 1 << 21
"""Pairs that are held before they are sent: 64 MB."""
GROUP_BYTES = 32 << 20
"""Text of the documents that are compared in one group: a shingle's hash takes about as much room as its word."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ROW_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NearRounds:
    """Keeps the longest of documents that overlap by more than `max_overlap`.

    Overlap is the Jaccard similarity of two sets of shingles; or, `contained`, the share of the smaller set that the
    larger has. `key_maker` says which pairs are compared at all. Of documents with one key each is compared with a few
    of the longest alone, so a key that a million documents have gives no million squared pairs; all of them lie in one
    partition, 28 bytes each. What was compared is counted in `notes`.
    """

    max_overlap: float
    contained: bool
    shingle_words: int
    partitions: int
    key_maker: KeyMaker
    notes: Folder | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_overlap <= 1:
            raise ValueError(f"max_overlap must be from 0 to 1, got {self.max_overlap}")
        for name in ("shingle_words", "partitions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[Keyed]:
        """The keys of the unit's documents, to the partitions that they belong to."""
        held: list[Array] = []
        for documents, batch in _numbered(unit, batches):
            held.append(self.key_maker.keys(documents, batch))
            if sum(map(len, held)) >= SKETCH_KEYS:
                yield from self._keys(unit, np.concatenate(held))
                held = []
        if held:
            yield from self._keys(unit, np.concatenate(held))

    def _keys(self, unit: int, records: Array) -> Iterator[Keyed]:
        for partition, rows in by_unit(_spread(records["key"], self.partitions), records):
            yield partition, pack(_KEYS, unit, rows)

    @property
    def judges(self) -> tuple[Judge | LookAgain, ...]:
        """Who may overlap; who is asked for shingles; the shingles; the true overlaps; who goes."""
        return (self._pair, self._ask, LookAgain(self._show), self._compare, self._decide)

    def _pair(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """Pairs with a key in common, to a partition of the shorter document."""
        records = _rows(messages, KEY)
        if lost := left_out(records):
            self._note(f"keys-{partition}", {"pairs_left_out": lost})
        held: list[Array] = []
        for pairs in pairs_of(records):
            held.append(pairs)
            if sum(map(len, held)) >= SKETCH_PAIRS:
                yield from self._pairs(held)
                held = []
        if held:
            yield from self._pairs(held)

    def _pairs(self, held: list[Array]) -> Iterator[Keyed]:
        pairs = summed(np.concatenate(held))
        for target, rows in by_unit(_spread(pairs["shorter"], self.partitions), pairs):
            yield target, pack(_PAIRS, 0, rows)

    def _ask(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """Pairs that share enough keys, in groups of bounded size; each document's unit is told who asks for it."""
        pairs = summed(_rows(messages, PAIR))
        pairs = pairs[self.key_maker.are_candidates(pairs)]
        links = np.zeros(len(pairs), _LINK)
        links["longer"], links["shorter"] = pairs["longer"], pairs["shorter"]
        size = pairs["shorter_bytes"].astype(np.uint64) + pairs["longer_bytes"] * first_of_each(pairs["longer"])
        place = np.cumsum(size, dtype=np.uint64) // np.uint64(GROUP_BYTES)
        links["group"] = place * np.uint64(self.partitions) + np.uint64(partition)
        for unit, rows in by_unit(_unit(links["longer"]), links):
            yield unit, pack(_LINKS, unit, rows)
        asked = np.zeros(2 * len(links), _ASK)
        asked["document"], asked["group"] = (
            np.concatenate([links["longer"], links["shorter"]]),
            np.tile(links["group"], 2),
        )
        asked = asked[np.lexsort((asked["group"], asked["document"]))]
        asked = asked[first_of_each(asked["document"]) | first_of_each(asked["group"])]
        for unit, rows in by_unit(_unit(asked["document"]), asked):
            yield unit, pack(_ASKED, unit, rows)

    def _show(self, unit: int, messages: Iterable[bytes], batches: Iterable[pa.RecordBatch]) -> Iterator[Keyed]:
        """The sets of shingles that are asked for, and the pairs that they are asked for."""
        held = [np.zeros(0, _ASK)]
        for message in messages:
            kind, _, body = unpack(message)
            if kind == _ASKED:
                held.append(np.frombuffer(body, _ASK))
                continue
            links = np.frombuffer(body, _LINK)
            for group, rows in by_unit(links["group"], links):
                yield group, pack(_LINKS, unit, rows)
        asked = np.concatenate(held)
        asked = asked[np.argsort(asked["document"], kind="stable")]
        at = 0
        for documents, batch in _numbered(unit, batches if len(asked) else ()):
            end = int(np.searchsorted(asked["document"], documents[-1], "right")) if len(documents) else at
            if at < end:
                yield from self._sets(unit, documents, batch, asked[at:end])
            at = end
            if at == len(asked):
                break

    def _sets(self, unit: int, documents: Array, batch: pa.RecordBatch, asked: Array) -> Iterator[Keyed]:
        wanted = np.unique(asked["document"])
        rows = batch.take(pa.array((wanted - documents[0]).astype(np.int64)))
        hashes, offsets = shingle_sets(rows.column("text"), self.shingle_words)
        sets = np.zeros(len(wanted), _SET)
        sets["document"], sets["size"] = wanted, np.diff(offsets)
        sets["doc_id"] = [doc_id.encode() for doc_id in rows.column("doc_id").to_pylist()]
        for group, mine in by_unit(asked["group"], asked):
            places = np.searchsorted(wanted, mine["document"])
            parts = [hashes[offsets[place] : offsets[place + 1]] for place in places]
            yield group, pack(_SETS, len(places), sets[places]) + np.concatenate(parts).tobytes()

    def _compare(self, group: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """The true overlap of each pair; of those that overlap one row to who decides, one to the unit that loses."""
        links, sets, hashes = _unpacked(messages)
        order = np.argsort(sets["document"])
        places = (order[np.searchsorted(sets["document"], links[name], sorter=order)] for name in ("longer", "shorter"))
        pairs = np.column_stack(list(places))
        found = self._verdicts(sets, pairs, shared(hashes, _offsets(sets["size"]), pairs))
        over = found[found["overlap"] > self.max_overlap]
        self._note(f"group-{group}", {"pairs_compared": len(found), "pairs_overlapping": len(over)})
        told = np.zeros(len(over), OVERLAP)
        told["longer"], told["shorter"], told["overlap"] = over["keeper_document"], over["document"], over["overlap"]
        if len(told):
            yield 0, pack(_OVERLAPS, 0, told)
        for unit, rows in by_unit(_unit(over["document"]), over):
            yield 1 + unit, pack(_VERDICTS, unit, rows)

    def _verdicts(self, sets: Array, pairs: Array, common: Array) -> Array:
        """A verdict a pair, as if it were to be; the longer set first, of equals that with the smaller doc_id."""
        one, other = sets[pairs[:, 0]], sets[pairs[:, 1]]
        swapped = (one["size"] < other["size"]) | ((one["size"] == other["size"]) & (one["doc_id"] > other["doc_id"]))
        longer, shorter = np.where(swapped, other, one), np.where(swapped, one, other)
        whole = shorter["size"] if self.contained else shorter["size"] + longer["size"] - common
        found = np.zeros(len(pairs), VERDICT)
        found["doc_id"], found["document"], found["shingles"] = (
            shorter[name] for name in ("doc_id", "document", "size")
        )
        found["keeper"], found["keeper_document"], found["keeper_shingles"] = (
            longer[name] for name in ("doc_id", "document", "size")
        )
        found["shared"], found["overlap"] = common, common / np.maximum(whole, 1)
        return found

    def _decide(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """Who goes, and for whom, told to each unit; what units are told already passes by."""
        if partition > 0:
            yield from ((partition - 1, message) for message in messages)
            return
        going = decide(messages)
        _, sizes = np.unique(going["keeper"], return_counts=True)
        clusters, times = np.unique(sizes + 1, return_counts=True)
        self._note("clusters", {f"{CLUSTERS_OF}{size}": count for size, count in zip(clusters, times, strict=True)})
        for unit, rows in by_unit(_unit(going["document"]), going):
            yield unit, pack(_GOES, unit, rows)

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filter that drops a unit's near-duplicates."""
        held: dict[bytes, list[bytes]] = {_VERDICTS: [], _GOES: []}
        for message in messages:
            kind, _, body = unpack(message)
            held[kind].append(body)
        possible, going = (
            np.frombuffer(b"".join(held[kind]), dtype) for kind, dtype in ((_VERDICTS, VERDICT), (_GOES, _GOING))
        )
        going = going[np.argsort(going["document"])]
        place = np.minimum(np.searchsorted(going["document"], possible["document"]), max(len(going) - 1, 0))
        is_so = np.zeros(len(possible), np.bool_)
        if len(going):
            told = going[place]
            is_so = (told["document"] == possible["document"]) & (told["keeper"] == possible["keeper_document"])
        verdicts = possible[is_so]
        verdicts = verdicts[np.argsort(verdicts["doc_id"], kind="stable")]
        return (DropNearDuplicates(contained=self.contained, verdicts=verdicts),)

    def _note(self, name: str, counts: dict[str, Any]) -> None:
        if self.notes is not None:
            self.notes.write_json(name, {key: int(count) for key, count in counts.items()})


def decide(messages: Iterable[bytes]) -> Array:
    """The documents that go, each with the one that stays and overlaps it most; of equals that with the least number.

    All pairs that overlap are here at once, in 20 bytes each and as much again while they are put in order.
    """
    held = [np.frombuffer(unpack(message)[2], OVERLAP) for message in messages]
    numbers = np.concatenate([rows[name] for rows in held for name in ("longer", "shorter")])
    documents = sorted_keys(numbers).copy()
    del numbers
    longer, shorter = np.empty((2, sum(map(len, held))), np.int32)
    overlap = np.concatenate([rows["overlap"] for rows in held])
    at = 0
    for rows in held:
        for name, side in (("longer", longer), ("shorter", shorter)):
            side[at : at + len(rows)] = np.searchsorted(documents, rows[name])
        at += len(rows)
    del held, rows
    kept = which_stay(longer, shorter, len(documents))[longer]
    longer, shorter, overlap = longer[kept], shorter[kept], overlap[kept]
    order = np.lexsort((longer, -overlap, shorter))
    best = order[first_of_each(shorter[order])]
    going = np.zeros(len(best), _GOING)
    going["document"], going["keeper"] = documents[shorter[best]], documents[longer[best]]
    return going


def _numbered(unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Array, pa.RecordBatch]]:
    """Each batch with the numbers of its documents: the unit, then the row in it."""
    number = unit << _ROW_BITS
    for batch in batches:
        yield np.arange(number, number + batch.num_rows, dtype=np.uint64), batch
        number += batch.num_rows


def _spread(numbers: Array, partitions: int) -> Array:
    """A partition for each number, evenly whatever the numbers are."""
    partition: Array = (numbers * _SPREAD >> np.uint64(32)) % np.uint64(partitions)
    return partition


def _unit(documents: Array) -> Array:
    units: Array = documents >> np.uint64(_ROW_BITS)
    return units


def _offsets(sizes: Array) -> Array:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _rows(messages: Iterable[bytes], dtype: np.dtype[Any]) -> Array:
    return np.concatenate([np.zeros(0, dtype), *(np.frombuffer(unpack(message)[2], dtype) for message in messages)])


def _unpacked(messages: Iterable[bytes]) -> tuple[Array, Array, Array]:
    """The pairs of a group, the heads of its sets, and their hashes in the same order."""
    links, sets, hashes = [np.zeros(0, _LINK)], [np.zeros(0, _SET)], [np.zeros(0, "<u8")]
    for message in messages:
        kind, count, body = unpack(message)
        if kind == _LINKS:
            links.append(np.frombuffer(body, _LINK))
        else:
            sets.append(np.frombuffer(body, _SET, count))
            hashes.append(np.frombuffer(body, "<u8", offset=count * _SET.itemsize))
    return np.concatenate(links), np.concatenate(sets), np.concatenate(hashes)
