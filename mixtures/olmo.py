"""OLMo-core's `NAME.csv.gz`, by which it finds the documents in the ids, which it opens as `NAME.npy`.

A line a document, without a header: `start,end,doc_id,origin`, both in tokens, the end exclusive. OLMo-core splits
the file at line ends and each line at commas before it looks at quotes, so no field holds a line end, and the two
numbers come first. NAME.npy is not NumPy's format: it holds the ids and nothing else.

Source: olmo_core/data/utils.py, iter_document_indices, ai2-olmo-core 3.0.0; the Dolma toolkit's columns.
"""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_LEVEL = 1
"""Of gzip. Level 6 makes lines of ids a tenth smaller and takes three times as long."""


_MARKS = b',"\r\n'
"""One of these in a field is seldom: looking for them costs less than regular expressions over every text."""


class DocumentBounds:
    """A `.csv.gz` that grows; it holds neither a time nor a name, so that its bytes follow from its lines."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb")
        self._zipped = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=_LEVEL, mtime=0)

    def write(self, starts: pa.Array, ends: pa.Array, doc_ids: pa.Array, origins: pa.Array) -> None:
        """A line for each document."""
        self._zipped.write(document_lines(starts, ends, doc_ids, origins))

    def close(self) -> None:
        """Write what is left."""
        self._zipped.close()
        self._raw.close()


def document_lines(starts: pa.Array, ends: pa.Array, doc_ids: pa.Array, origins: pa.Array) -> bytes:
    """The lines of these documents, before they are zipped."""
    numbers = (pc.cast(column, pa.large_string()) for column in (starts, ends))
    texts = (_field(pc.cast(column, pa.large_string())) for column in (doc_ids, origins))
    lines = pc.binary_join_element_wise(*numbers, *texts, _text(",")).to_pylist()
    return "\n".join([*lines, ""]).encode()


def _field(texts: pa.Array) -> pa.Array:
    """The texts as fields of CSV: quoted where they need it, with blanks for line ends."""
    buffer = texts.buffers()[2]
    data = buffer.to_pybytes() if buffer else b""
    if not any(mark in data for mark in _MARKS):
        return texts
    texts = pc.replace_substring_regex(texts, "[\r\n]", " ")
    special = pc.match_substring_regex(texts, '[,"]')
    quoted = pc.binary_join_element_wise(_text('"'), pc.replace_substring(texts, '"', '""'), _text('"'), _text(""))
    return pc.if_else(special, quoted, texts)


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
