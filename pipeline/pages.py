"""Whole pages before any line is looked at: one page of each address, one of each text, and which Wikipedia cites.

Round one brings equal addresses together, round two the equal texts of the pages that round one leaves: a page that is
superseded at its own address must not win over its copy elsewhere. Only keys, dates and numbers travel.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from filters.batch import Filter
from filters.dedup import DropDuplicateDocuments, identities, is_member
from filters.fingerprint import Array, document_keys
from filters.pages import DropRepeatedUrls, MarkCited, UrlKeys
from filters.urls import url_keys
from pipeline.key_index import KeyIndex, partition_of
from pipeline.rounds import Judge, by_unit, pack, unpack

ADDRESSES, TEXTS = "addresses", "texts"
"""Kinds of keys in an index."""

_PAGES_A_SKETCH = 1 << 20
_NOBODY = 0  # Wins a key that an earlier dump has.
_CITED, _ADDRESSES, _PAGES, _TEXTS = b"C", b"A", b"P", b"T"  # What is sketched: to round one; texts to round two.
_WINNING_PAGES, _WINNING_TEXTS, _CITED_PAGES = b"p", b"t", b"c"  # What a unit is told.
_TOLD = (_WINNING_PAGES, _WINNING_TEXTS, _CITED_PAGES)

_KEY = np.dtype("<u8")
_PAGE = np.dtype(
    [("url", "<u8"), ("date", "S24"), ("unit", "<u8"), ("row", "<u8"), ("page", "<u8"), ("text", "<u8", (2,))]
)
"""`page` is the key of its doc_id; dates compare as strings, as they do in C4."""

Keyed = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRounds:
    """Of pages with one address the newest stays, of pages with one text the first of the first unit.

    A page whose address or text an earlier dump has goes as well: `addresses` and `texts` know them. `marks_cited` says
    whether documents with `cited_urls` are among the sketched, so that pages can be marked.
    No key is hot: of an address, and of a text, a unit sends two pages at most.
    """

    partitions: int
    unique_url: bool = False
    unique_text: bool = False
    marks_cited: bool = False
    keys: UrlKeys = url_keys
    addresses: KeyIndex = field(default_factory=partial(KeyIndex, kind=ADDRESSES))
    texts: KeyIndex = field(default_factory=partial(KeyIndex, kind=TEXTS))

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ValueError(f"partitions must be at least 1, got {self.partitions}")

    def sketch(self, unit: int, batches: Iterable[pa.RecordBatch]) -> Iterator[Keyed]:
        """Addresses that the unit's documents cite, and its pages' addresses and texts."""
        held: list[Array] = []
        row = 0
        for batch in batches:
            cited = batch.column("cited_urls").flatten()
            if self.marks_cited and len(cited):
                yield from self._send(_CITED, unit, np.unique(url_keys(cited.to_pylist())))
            held.append(self._pages(unit, row, batch))
            row += batch.num_rows
            if sum(map(len, held)) >= _PAGES_A_SKETCH:
                yield from self._messages(unit, np.concatenate(held))
                held = []
        if held:
            yield from self._messages(unit, np.concatenate(held))

    def _pages(self, unit: int, row: int, batch: pa.RecordBatch) -> Array:
        pages = np.zeros(batch.num_rows, _PAGE)
        pages["url"] = self.keys(batch.column("url").to_pylist())
        pages["date"] = [(date or "").encode("ascii", "replace") for date in batch.column("date").to_pylist()]
        pages["unit"], pages["row"] = unit, np.arange(row, row + batch.num_rows)
        pages["page"] = identities(batch)
        if self.unique_text:
            pages["text"] = document_keys(batch.column("text"))
        return pages

    def _messages(self, unit: int, pages: Array) -> Iterator[Keyed]:
        if self.marks_cited:
            yield from self._send(_ADDRESSES, unit, np.unique(pages["url"][pages["url"] != 0]))
        if self.unique_url:
            yield from self._send(_PAGES, unit, _best_two(pages, by_text=False))
        elif self.unique_text:
            yield from self._send(_TEXTS, unit, _best_two(pages, by_text=True))

    def _send(self, kind: bytes, unit: int, items: Array) -> Iterator[Keyed]:
        """Items to the partitions of their keys; a page without an address goes by what it is."""
        if kind == _TEXTS:
            keys = items["text"][:, 0]
        elif kind == _PAGES:
            keys = np.where(items["url"] == 0, items["page"], items["url"])
        else:
            keys = items
        partition = partition_of(keys, self.partitions)
        for index in np.unique(partition).tolist():
            yield index, pack(kind, unit, items[partition == index])

    @property
    def judges(self) -> tuple[Judge, ...]:
        """By address, then by text."""
        return (self._judge_addresses, self._judge_texts)

    def _judge_addresses(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        cited: list[Array] = []
        addresses: list[tuple[int, Array]] = []
        pages: list[Array] = []
        for message in messages:
            kind, unit, body = unpack(message)
            if kind == _CITED:
                cited.append(np.frombuffer(body, _KEY))
            elif kind == _ADDRESSES:
                addresses.append((unit, np.frombuffer(body, _KEY)))
            elif kind == _PAGES:
                pages.append(np.frombuffer(body, _PAGE))
            else:
                yield partition, message  # Texts, whose turn is next.
        yield from self._cited_pages(cited, addresses)
        if pages:
            yield from self._one_page_an_address(partition, np.concatenate(pages))

    def _cited_pages(self, cited: list[Array], addresses: list[tuple[int, Array]]) -> Iterator[Keyed]:
        if cited:
            keys = np.unique(np.concatenate(cited))
            for unit, own in sorted(addresses, key=lambda item: item[0]):
                found = own[is_member(own, keys)]
                if len(found):
                    yield unit % self.partitions, pack(_CITED_PAGES, unit, found)

    def _one_page_an_address(self, partition: int, pages: Array) -> Iterator[Keyed]:
        pages = pages[_order(pages, by_text=False)]
        first = np.concatenate([[True], ~_same(pages[1:], pages[:-1], by_text=False)])
        known = self._known(self.addresses, partition, pages["url"]) & (pages["url"] != 0)
        for unit, verdict in _losers(pages, first, known, pages["url"][:, None]):
            yield unit % self.partitions, pack(_WINNING_PAGES, unit, verdict)
        if self.unique_text:
            stays = first & ~known
            for unit, own in by_unit(pages["unit"][stays], pages[stays]):
                yield from self._send(_TEXTS, unit, _best_two(own, by_text=True))

    def _judge_texts(self, partition: int, messages: Iterable[bytes]) -> Iterator[Keyed]:
        held: list[Array] = []
        for message in messages:
            kind, unit, body = unpack(message)
            if kind in _TOLD:
                yield unit, message
            else:
                held.append(np.frombuffer(body, _PAGE))
        if held:
            pages = np.concatenate(held)
            pages = pages[_order(pages, by_text=True)]
            first = np.concatenate([[True], ~_same(pages[1:], pages[:-1], by_text=True)])
            known = self._known(self.texts, partition, pages["text"][:, 0])
            for unit, verdict in _losers(pages, first, known, pages["text"]):
                yield unit, pack(_WINNING_TEXTS, unit, verdict)

    def _known(self, index: KeyIndex, partition: int, keys: Array) -> Array:
        """Which of a partition's keys an earlier dump has; all of them are written down for later ones."""
        own, places = np.unique(keys, return_inverse=True)
        index.write(0, partition, own[own != 0])
        return index.known(own, partition, self.partitions)[places]

    def filters(self, messages: Iterable[bytes]) -> tuple[Filter, ...]:
        """Drop the pages that lost, then mark those that are cited."""
        told: dict[bytes, list[Array]] = {kind: [] for kind in _TOLD}
        for message in messages:
            kind, _, body = unpack(message)
            told[kind].append(np.frombuffer(body, _KEY))
        by_url, by_text, cited = (np.concatenate([np.empty(0, _KEY), *told[kind]]) for kind in _TOLD)
        found: list[Filter] = []
        if self.unique_url:
            found.append(DropRepeatedUrls(winners=np.unique(by_url.reshape(-1, 2), axis=0), keys=self.keys))
        if self.unique_text:
            found.append(DropDuplicateDocuments(winners=np.unique(by_text.reshape(-1, 3), axis=0)))
        if self.marks_cited:
            found.append(MarkCited(cited_keys=np.unique(cited)))
        return tuple(found)


def _order(pages: Array, *, by_text: bool) -> Array:
    """By text, of one text the first of the first unit; or by address, of one address the newest before that."""
    if by_text:
        return np.lexsort((pages["row"], pages["unit"], pages["text"][:, 1], pages["text"][:, 0]))
    _, age = np.unique(pages["date"], return_inverse=True)
    return np.lexsort((pages["row"], pages["unit"], -age.astype(np.int64), pages["url"]))


def _same(pages: Array, others: Array, *, by_text: bool) -> Array:
    """Which pages share their text, or their address, with the other beside them; no address is nobody's."""
    if by_text:
        return np.asarray(np.all(pages["text"] == others["text"], axis=1))
    return np.asarray((pages["url"] == others["url"]) & (pages["url"] != 0))


def _best_two(pages: Array, *, by_text: bool) -> Array:
    """Two pages of each key: the one that stays if nothing better comes, and one that says there is a loser."""
    pages = pages[_order(pages, by_text=by_text)]
    third = np.zeros(len(pages), np.bool_)
    third[2:] = _same(pages[2:], pages[:-2], by_text=by_text)
    return pages[~third]


def _losers(pages: Array, first: Array, known: Array, keys: Array) -> Iterator[tuple[int, Array]]:
    """For each unit with a page that goes: rows of the key and of the page that stays, the first of its key if any."""
    goes = ~first | known
    winner = pages["page"][np.flatnonzero(first)[np.cumsum(first) - 1]]
    verdicts = np.column_stack([keys, np.where(known, np.uint64(_NOBODY), winner)])[goes]
    for unit, rows in by_unit(pages["unit"][goes], verdicts):
        yield unit, np.unique(rows, axis=0)
