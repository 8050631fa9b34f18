"""One owner for each line of C4, among pages that stay: every line of a kept page survives exactly once.

Pages are in a fixed order: the MD5 of their address, then unit, then row. Taken in that order, a page stays if the
lines that no page before it owns have enough sentences, and then it owns them. Rounds find out the same, all pages at
once: a line is *sure* for a page when no page before it that holds the line can stay any more, *lost* when one does
stay. A page with enough sure sentences stays; one that has too few even with all that are not lost leaves. A page that
is still undecided after the last round stays too, so that what holds always is that a line has one owner, which stays.

A round goes to the lines and back: each unit claims each of its lines once, for the first of its pages that may still
own it, so that no line is hot, and is told which unit's page is the first of all. Text stays where it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.batch import Filter, texts
from filters.c4_lines import MIN_SENTENCES, sentence_counter
from filters.dedup import identities
from filters.fingerprint import Array
from filters.owned_lines import KeepOwnedLines, owned_line_keys, page_ranks
from pipeline.key_index import partition_of
from pipeline.owned_unit import ANSWER, CLAIM, LINE, PAGE, OwnedUnit
from pipeline.rounds import Judge, by_unit, pack, unpack

_PAGES, _LINES, _CLAIMS, _ANSWERS = b"P", b"L", b"C", b"A"
_LOST, _LEAVING, _SHORT = b"l", b"g", b"s"  # What a unit is told in the end.
_TOLD = (_LOST, _LEAVING, _SHORT)

Keyed = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedLineRounds:
    """Of the pages that hold a line, the first one that stays keeps it.

    After `decisions` rounds whoever is undecided stays. None at all is C4's own way: owners are chosen among all pages,
    and `recounts` then throws out those with too few sentences, together with the lines that they own.
    """

    partitions: int
    DECISIONS: ClassVar[int] = 4
    """Of 9,228 pages, most of which share lines with others, the fourth round decides the last one."""
    decisions: int = DECISIONS
    recounts: bool = False
    min_sentences: int = MIN_SENTENCES
    punkt_path: str = ""
    curly_quotes: bool = True

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.min_sentences < 1:
            raise ValueError(
                f"partitions and min_sentences must be at least 1, got {self.partitions}, {self.min_sentences}"
            )
        if self.decisions < 0:
            raise ValueError(f"decisions must be at least 0, got {self.decisions}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[Keyed]:
        """The unit's pages and lines to itself, and its claims to the partitions of the lines."""
        pages, lines = [np.zeros(0, PAGE)], [np.zeros(0, LINE)]
        count = sentence_counter(self.punkt_path, most=self.min_sentences, curly_quotes=self.curly_quotes)
        row = 0
        for batch in batches:
            held = np.zeros(batch.num_rows, PAGE)
            held["rank"], held["page"] = page_ranks(batch.column("url").to_pylist()), identities(batch)
            pages.append(held)
            for text in texts(batch):
                keys, first = np.unique(owned_line_keys(text), return_index=True)
                found = np.zeros(len(keys), LINE)
                found["key"], found["row"] = keys, row
                if self.decisions:
                    each = text.split("\n")
                    found["sentences"] = [max(1, count(each[index])) for index in first]
                lines.append(found)
                row += 1
        state = OwnedUnit(unit, np.concatenate(pages), np.concatenate(lines), self.min_sentences)
        if not self.decisions:
            state.keep_undecided()
        yield from self._go_on(state)

    @property
    def judges(self) -> tuple[Judge, ...]:
        """Lines and units in turn; once more than there are decisions, to tell the last ones."""
        turns = range(self.decisions + 1)
        return tuple(judge for turn in turns for judge in (self._judge_lines, partial(self._judge_unit, turn)))

    def _go_on(self, state: OwnedUnit) -> Iterator[Keyed]:
        """What a unit has to know in the next round, and what it claims in it."""
        for kind, held in ((_PAGES, state.pages), (_LINES, state.lines)):
            if len(held):
                yield self.partitions + state.unit, pack(kind, state.unit, held)
        claims = state.claims()
        partition = partition_of(claims["key"], self.partitions)
        ends = np.searchsorted(partition, np.arange(self.partitions + 1, dtype=np.uint64)).tolist()
        for index in np.unique(partition).tolist():
            yield index, pack(_CLAIMS, state.unit, claims[ends[index] : ends[index + 1]])

    def _judge_lines(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """Tell the units that claim one line whose claim is the first. What a unit keeps for itself passes by."""
        held: list[Array] = []
        for message in messages:
            kind, unit, body = unpack(message)
            if kind != _CLAIMS:
                yield partition, message
                continue
            claims = np.frombuffer(body, CLAIM)
            answers = np.zeros(len(claims), ANSWER)
            answers["key"], answers["rank"], answers["stays"] = claims["key"], claims["rank"], claims["stays"]
            answers["unit"] = unit
            held.append(answers)
        if held:
            for unit, answers in _first_claims(np.concatenate(held)):
                yield self.partitions + unit, pack(_ANSWERS, unit, answers)

    def _judge_unit(self, turn: int, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        """Decide what can be decided of one unit's pages. What was told of pages before passes by."""
        unit = partition - self.partitions
        last = turn == self.decisions
        held: dict[bytes, list[bytes]] = {_PAGES: [], _LINES: [], _ANSWERS: []}
        for message in messages:
            kind, _, body = unpack(message)
            if kind in _TOLD:
                yield (unit if last else partition), message
            else:
                held[kind].append(body)
        pages, lines, answers = (
            np.frombuffer(b"".join(held[kind]), dtype) for kind, dtype in zip(held, (PAGE, LINE, ANSWER), strict=True)
        )
        state = OwnedUnit(unit, pages.copy(), lines.copy(), self.min_sentences)
        state.decide(answers[np.argsort(answers["key"])])
        if turn == self.decisions - 1:
            state.keep_undecided()
        lost = state.settle()
        told = {_LOST: lost, _LEAVING: state.leaving(), _SHORT: state.short() if last else lost[:0]}
        for kind, found in told.items():
            if len(found):
                yield (unit if last else partition), pack(kind, unit, found)
        if not last:
            state.forget()
            yield from self._go_on(state)

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """The filter that drops a unit's lost lines and leaving pages."""
        told: dict[bytes, list[Array]] = {kind: [np.empty(0, "<u8")] for kind in _TOLD}
        for message in messages:
            kind, _, body = unpack(message)
            told[kind].append(np.frombuffer(body, "<u8"))
        lost, leaving, short = (np.concatenate(told[kind]).astype(np.uint64) for kind in _TOLD)
        return (
            KeepOwnedLines(
                lost=np.unique(lost.reshape(-1, 2), axis=0),
                leaving=np.unique(leaving),
                short=np.unique(short),
                min_sentences=self.min_sentences,
                recounts=self.recounts,
                punkt_path=self.punkt_path,
            ),
        )


def _first_claims(claims: Array) -> Iterator[tuple[int, Array]]:
    """For each unit the first claim on each line that it shares with another unit."""
    claims = claims[np.lexsort((claims["unit"], claims["rank"], claims["key"]))]
    new = np.concatenate([[True], claims["key"][1:] != claims["key"][:-1]])
    first = np.flatnonzero(new)[np.cumsum(new) - 1]
    shared = ~new
    shared[:-1] |= shared[1:]
    return by_unit(claims["unit"][shared], claims[first[shared]])
