"""The document's columns, and the one shape that every filter has."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Column:
    """A column of documents: which stages write it, and what it says."""

    name: str
    type: pa.DataType
    written_by: str
    meaning: str
    nullable: bool = True

    @property
    def field(self) -> pa.Field:
        """The column in a schema."""
        return pa.field(self.name, self.type, self.nullable)


_TEXT, _LIST = pa.string(), pa.list_(pa.string())
_ID = "32 hexadecimal digits from source, origin and raw text: the same on every engine"
_ORIGIN = "`FILE#KEY`, which leads back to the record in its raw dump"
_DIGEST = "the record's own digest of its body, as in other tables of the crawl"
_TOLD = "`clean` of Wikipedia and Books; `language`"
COLUMNS = (
    Column("doc_id", _TEXT, "`clean`", _ID, nullable=False),
    Column("source", _TEXT, "`clean`", "the source", nullable=False),
    Column("origin", _TEXT, "`clean`", _ORIGIN, nullable=False),
    Column("title", _TEXT, "`clean`", "the record's own title, null where it has none"),
    Column("text", pa.large_string(), "`clean`; filters rewrite it", "the document", nullable=False),
    Column("license", _TEXT, "`clean`", "an SPDX identifier or the licence's name, null where unknown"),
    Column("url", _TEXT, "`clean`", "its address, where the source has one"),
    Column("date", _TEXT, "`clean`", "when it was written, crawled or released, as the source says it"),
    Column("dump", _TEXT, "`clean`", "the dump or crawl that it is from"),
    Column("digest", _TEXT, "`clean` of CommonCrawl", _DIGEST),
    Column("path", _TEXT, "`clean`", "the file's path in its repository; of Wikipedia the page's namespace"),
    Column("cited_urls", _LIST, "`clean` of Wikipedia", "addresses in references"),
    Column("cited", pa.bool_(), "`pages` of CommonCrawl", "whether Wikipedia cites the page"),
    Column("kept_lines", pa.list_(pa.int32()), "`dedup` of CommonCrawl", "numbers, from 0, of the lines that it left"),
    Column("language", _TEXT, _TOLD, "a language code"),
    Column("language_score", pa.float32(), _TOLD, "its probability: higher is surer"),
    Column("languages", _LIST, "`language`", "the three likeliest languages"),
    Column("language_scores", pa.list_(pa.float32()), "`language`", "their probabilities"),
    Column("perplexity", pa.float64(), "`perplexity`", "lower is more like Wikipedia; null for other languages"),
    Column(
        "reference_score", pa.float32(), "`reference`", "probability of being cited by Wikipedia: higher is likelier"
    ),
)
DOCUMENT_SCHEMA = pa.schema([column.field for column in COLUMNS])
"""One row a document."""

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What a filter says of a batch: the same rows in the same order, and what is wrong with each.

    `batch` has the text rewritten or columns added; `reason` is a string array, null where the document is kept;
    `counts` holds whatever else is worth a number.
    """

    batch: pa.RecordBatch
    reason: pa.StringArray
    counts: Mapping[str, int]


@runtime_checkable
class Filter(Protocol):
    """A frozen dataclass that judges documents: it drops no row and mutates no input."""

    name: ClassVar[str]
    reasons: ClassVar[tuple[str, ...]]

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        ...


def document_id(source: str, origin: str, text: str | bytes) -> str:
    """32 hexadecimal digits that follow from the document's content, maybe in UTF-8 already, and origin alone."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (source, origin, text):
        encoded = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def document_batch(rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows with any of the document's columns, as one batch; what a row lacks is null."""
    rows = list(rows)
    columns = [pa.array([row.get(field.name) for row in rows], type=field.type) for field in DOCUMENT_SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT_SCHEMA)


def texts(batch: pa.RecordBatch) -> list[str]:
    """The batch's texts as Python strings."""
    values: list[str] = batch.column("text").to_pylist()
    return values


def heads(batch: pa.RecordBatch, chars: int) -> list[str]:
    """The first characters of each of the batch's texts."""
    values: list[str] = pc.utf8_slice_codeunits(batch.column("text"), 0, chars).to_pylist()
    return values


def text_bytes(batch: pa.RecordBatch) -> int:
    """UTF-8 bytes of all the batch's texts."""
    return pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0


def with_column(batch: pa.RecordBatch, name: str, values: Iterable[Any]) -> pa.RecordBatch:
    """The batch with one of the document's columns replaced; the other columns' buffers are shared."""
    field = DOCUMENT_SCHEMA.field(name)
    array = values if isinstance(values, pa.Array) else pa.array(list(values), type=field.type)
    return batch.set_column(batch.schema.get_field_index(name), field, array.cast(field.type))


def reasons(values: Iterable[str | None]) -> pa.StringArray:
    """An array of reasons, null where the document is kept."""
    return pa.array(list(values), type=pa.string())


def first_reason(**holds: Any) -> pa.StringArray:
    """For each row the first of the named reasons whose array of booleans holds there; null where none does."""
    found = np.full(len(next(iter(holds.values()))), None, object)
    for reason, rows in reversed(holds.items()):
        found[np.asarray(rows, np.bool_)] = reason
    return pa.array(found, pa.string())


def check_fraction(name: str, value: float) -> None:
    """Raise ValueError where a setting is no fraction."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value}")
