"""What a corpus is to the pipeline: a reader of raw files, and the filters that its documents go through."""

import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from filters.batch import BATCH_BYTES, BATCH_DOCUMENTS, DOCUMENT_SCHEMA, Filter, document_id
from pipeline.corpora.bad_reasons import BAD_REASONS
from pipeline.stage_names import CLEAN

_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")  # U+D800 to U+DFFF, which no UTF-8 holds.

GIT_SUFFIX = ".git"
"""How the name of a raw file ends that stands for a git repository."""

QUARANTINED_BYTES = 4096
"""How much of a broken record's raw bytes is kept to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """One file of a raw dump, or part `part` of `parts` of one.

    `name` is its path below the recipe's `inputs.root`, the same on every machine; `beside(name)` is a file of that
    name in the same folder, where there is one. Where it
    stands for a git repository, `git_folder` gives the folder of its objects on this machine.
    """

    name: str
    size: int
    opener: Callable[[], BinaryIO]
    git_folder: Callable[[], AbstractContextManager[Path]] | None = None
    beside: Callable[[str], "RawFile | None"] = lambda _: None
    part: int = 1
    parts: int = 1

    @property
    def span(self) -> tuple[int, int]:
        """The part's share of the file: it is of what begins in these bytes."""
        return self.size * (self.part - 1) // self.parts, self.size * self.part // self.parts

    @property
    def whole(self) -> "RawFile":
        """The file of which this is a part."""
        return replace(self, part=1, parts=1)

    def open(self) -> BinaryIO:
        """A new binary stream from the start of the file; the caller closes it."""
        return self.opener()

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "RawFile":
        """A file that lies in memory, for tests and for a prompt."""
        return cls(name=name, size=len(content), opener=lambda: io.BytesIO(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """One record of a dump, before any rule. `key` says where in its file it lies (an offset, an id, a path).

    `text` is what the source's own rules take: a page's lines (CommonCrawl, C4), a file of code (GitHub), wikitext
    (Wikipedia), a whole book with what surrounds it (Books), a paper's LaTeX as one document (ArXiv), a thread's HTML
    (StackExchange).
    """

    key: str
    text: str
    title: str | None = None
    license: str | None = None
    url: str | None = None
    date: str | None = None
    dump: str | None = None
    digest: str | None = None
    path: str | None = None
    language: str | None = None
    cited_urls: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record, member or rest of a file that could not be read: it is quarantined, and the reader goes on.

    `reason` is one of BAD_REASONS.
    """

    key: str
    reason: str
    detail: str = ""
    raw: bytes = b""
    size: int = 0

    def __post_init__(self) -> None:
        if self.reason not in BAD_REASONS:
            raise ValueError(f"{self.reason} is no reason of a bad record")


Record = RawDocument | BadRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PartJoin:
    """How parts of a file, numbered from 1, exchange what belongs together. Results hang on no order of messages.

    `readers(name, parts)` are the parts that read the file. `send(file, settings, wanted)` gives (part, whether it is
    judged, message) of what one of them reads: messages that are judged for any part, others for the wanted ones alone.
    `judge(messages)` gives (part, message) from all messages to be judged of a part. `read(file, settings, messages)`
    are the part's records, from the messages that were sent to it.
    """

    readers: Callable[[str, int], Iterable[int]]
    send: Callable[[RawFile, Any, Collection[int]], Iterator[tuple[int, bool, bytes]]]
    judge: Callable[[Iterable[bytes]], Iterator[tuple[int, bytes]]]
    read: Callable[[RawFile, Any, Iterable[bytes]], Iterator[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A source: how its raw files are read and cleaned, and the stages that follow.

    `read(file, settings)` yields a record or a bad record for each thing in the file, in file order, and raises only
    on a bug. `filters(settings)` are the rules of stage `clean`. `bad_reasons` are all reasons of its bad records.
    `parts(name, size, settings)` is how many units a file becomes: read with `part` and `parts`, each gives the
    records that begin in its share of the bytes. With a `join` a document's records may lie in any of the parts, which
    exchange them (`pipeline/join_work.py`).
    `is_member_offset(settings)` is whether a key of digits alone is the offset of a gzip member in the file.
    `stages(recipe)` are the stages that its documents go through one after another; `side_stages` are map stages
    beside that chain, each with the stage whose documents it looks at.
    """

    source: str
    read: Callable[[RawFile, Any], Iterator[Record]]
    filters: Callable[[Any], tuple[Filter, ...]]
    bad_reasons: tuple[str, ...]
    parts: Callable[[str, int, Any], int] = lambda name, size, settings: 1
    join: PartJoin | None = None
    is_member_offset: Callable[[Any], bool] = lambda _: False
    stages: Callable[[Any], tuple[str, ...]] = lambda _: (CLEAN,)
    side_stages: Mapping[str, str] = field(default_factory=dict)


def document_batches(source: str, file: RawFile, records: Iterable[RawDocument]) -> Iterator[pa.RecordBatch]:
    """Documents in batches of at most a thousand rows and about 4 MiB of text."""
    held: list[RawDocument] = []
    size = 0
    for record in records:
        held.append(record)
        size += len(record.text)
        if len(held) >= BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield _batch(source, file.name, held)
            held, size = [], 0
    if held:
        yield _batch(source, file.name, held)


def _batch(source: str, name: str, records: list[RawDocument]) -> pa.RecordBatch:
    """One batch, column by column: a row as a dictionary would be made for each document, and taken apart again."""
    origins = [f"{name}#{record.key}" for record in records]
    encoded = [_utf8(record.text) for record in records]
    known = {
        "doc_id": [document_id(source, origin, text) for origin, text in zip(origins, encoded, strict=True)],
        "source": [source] * len(records),
        "origin": origins,
        "text": [_valid(record.text, text) for record, text in zip(records, encoded, strict=True)],
    }
    columns = [
        pa.array(known[field.name], field.type)
        if field.name in known
        else pa.array([getattr(record, field.name) for record in records], field.type)
        if field.name in RawDocument.__dataclass_fields__
        else pa.nulls(len(records), field.type)
        for field in DOCUMENT_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT_SCHEMA)


def _utf8(text: str) -> bytes:
    """The text's bytes; half of a surrogate pair has no UTF-8, but gives its document an id of its own."""
    return text.encode("utf-8", "surrogatepass")


def _valid(text: str, encoded: bytes) -> str:
    """The text, with a question mark for half of a surrogate pair."""
    if text.isascii() or _SURROGATE.search(encoded) is None:
        return text
    return text.encode("utf-8", "replace").decode()
