"""Reads a fastText model file: every length in it is held against the file's end before it is believed.

Layout, little-endian: magic, version, arguments, dictionary, input matrix, output matrix (facebookresearch/fastText,
src/fasttext.cc `loadModel`, args.cc, dictionary.cc, densematrix.cc, quantmatrix.cc and productquantizer.cc).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from tokenizer.kernels import BYTES, compiled

Array = np.ndarray[Any, Any]

HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
"""The losses, by fastText's numbers; they decide how rows of the output matrix become probabilities."""

MAX_NGRAM = 64
"""Longest n-gram, of characters or words, that a model may have; the published ones stop at six."""

MAX_UNPACKED_BYTES = 4 << 30
"""What a quantised matrix may take once it is unpacked."""

_MAGIC, _VERSIONS = 793712314, (11, 12)
_SUPERVISED = 3
_CENTROIDS = 256
_WORD, _LABEL = 0, 1
_MAX_COUNT = 10**15
"""fastText's own placeholder for a node of its tree that is not built yet."""


class Arguments(NamedTuple):
    """What of the training's arguments reading a text hangs on."""

    dimension: int
    word_ngrams: int
    loss: int
    buckets: int
    min_ngram: int
    max_ngram: int

    @property
    def has_ngrams(self) -> bool:
        """Whether any feature is looked up by its bucket."""
        return self.max_ngram > 0 or self.word_ngrams > 1


class Dictionary(NamedTuple):
    """Where each word, and then each label, begins and ends in `data`; and how often each label was seen.

    `pruned` are pairs of a bucket and its row below the words' rows; None where every bucket has its row.
    """

    data: Array
    spans: Array
    words: int
    label_counts: Array
    pruned: Array | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of their numbers."""
        spans = self.spans[self.words :].tolist()
        return tuple(self.data[start:end].tobytes().decode("utf-8", "replace") for start, end in spans)


@dataclass(frozen=True, slots=True)
class FastTextFile:
    """A supervised model: a row of `inputs` for each word and bucket, and one of `outputs` for each label or node.

    A matrix that is not quantised lies in the mapped file, perhaps unaligned: pages that no text asks for are never
    read, and processes share the others. What a row of `outputs` gives is multiplied by its scale.
    """

    arguments: Arguments
    dictionary: Dictionary
    inputs: Array
    outputs: Array
    output_scales: Array


def read_fasttext_file(path: str) -> FastTextFile:
    """The model of a file; raises FileNotFoundError, or ValueError where it is no whole supervised model."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no fastText model at {path}")
    try:
        return _read(_Reader(np.asarray(np.memmap(path, np.uint8, mode="r"))))
    except ValueError as error:
        raise ValueError(f"{path} is no fastText model: {error}") from error


@dataclass(slots=True)
class _Reader:
    """A place in the file."""

    data: Array
    at: int = 0

    def take(self, dtype: str, count: int = 1) -> Array:
        """The next numbers, where they lie."""
        size = count * np.dtype(dtype).itemsize
        if not 0 <= size <= len(self.data) - self.at:
            raise ValueError(f"{size} bytes are meant to follow byte {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at].view(dtype)

    def integer(self, dtype: str, name: str, least: int, most: int) -> int:
        """The next number, within bounds."""
        value = int(self.take(dtype)[0])
        if not least <= value <= most:
            raise ValueError(f"{name} must be from {least} to {most}, got {value}")
        return value


def _read(reader: _Reader) -> FastTextFile:
    arguments = _read_arguments(reader)
    dictionary = _read_dictionary(reader)
    quantised = bool(reader.integer("u1", "quant", 0, 1))
    if dictionary.pruned is not None and not quantised:
        raise ValueError("a pruned dictionary goes with a quantised matrix alone")
    inputs, input_scales = _read_matrix(reader, arguments.dimension, quantised)
    outputs, scales = _read_matrix(reader, arguments.dimension, bool(reader.integer("u1", "qout", 0, 1)) and quantised)
    if quantised:
        inputs *= input_scales[:, None]
    _check_rows(arguments, dictionary, len(inputs), len(outputs))
    return FastTextFile(arguments, dictionary, inputs, np.ascontiguousarray(outputs, np.float32), scales)


def _read_arguments(reader: _Reader) -> Arguments:
    most = (1 << 31) - 1
    reader.integer("<i4", "magic number", _MAGIC, _MAGIC)
    version = reader.integer("<i4", "version", *_VERSIONS)
    dimension = reader.integer("<i4", "dim", 1, most)
    reader.take("<i4", 4)  # Window, epochs, least count, negatives.
    word_ngrams = reader.integer("<i4", "wordNgrams", 0, MAX_NGRAM)
    loss = reader.integer("<i4", "loss", HIERARCHICAL, ONE_VS_ALL)
    reader.integer("<i4", "model, which is to be supervised,", _SUPERVISED, _SUPERVISED)
    buckets = reader.integer("<i4", "bucket", 0, most)
    min_ngram = reader.integer("<i4", "minn", 0, MAX_NGRAM)
    max_ngram = reader.integer("<i4", "maxn", 0, MAX_NGRAM)
    reader.take("u1", 12)  # Rate of updates, threshold of sampling.
    if version == _VERSIONS[0]:
        max_ngram = 0  # Supervised models of that version knew no n-grams of characters.
    arguments = Arguments(dimension, word_ngrams, loss, buckets, min_ngram, max_ngram)
    if arguments.has_ngrams and not buckets:
        raise ValueError("bucket must be at least 1 where there are n-grams, got 0")
    return arguments


def _read_dictionary(reader: _Reader) -> Dictionary:
    size = reader.integer("<i4", "entries", 1, len(reader.data))
    words = reader.integer("<i4", "words", 0, size)
    labels = reader.integer("<i4", "labels", 1, size)
    reader.take("<i8")  # Words seen.
    prunings = reader.integer("<i8", "pruneidx_size", -1, len(reader.data))
    spans = np.empty((size, 2), np.int64)
    counts, kinds = np.empty(size, np.int64), np.empty(size, np.uint8)
    reader.at = _scan_entries(reader.data, reader.at, spans, counts, kinds)
    if reader.at < 0:
        raise ValueError(f"it ends among the {size} entries of its dictionary")
    if words + labels != size or (kinds != np.repeat([_WORD, _LABEL], [words, labels])).any():
        raise ValueError(f"its dictionary is not {words} words, then {labels} labels")
    label_counts = counts[words:]
    if label_counts.min() < 0 or sum(label_counts.tolist()) >= _MAX_COUNT:
        raise ValueError(f"labels must have been seen from 0 to {_MAX_COUNT} times")
    pruned = reader.take("<i4", 2 * prunings).reshape(-1, 2) if prunings >= 0 else None
    return Dictionary(reader.data, spans, words, label_counts, pruned)


@compiled(numba.int64(BYTES, numba.int64, numba.int64[:, ::1], numba.int64[::1], numba.uint8[::1]))
def _scan_entries(data: Array, at: int, spans: Array, counts: Array, kinds: Array) -> int:
    """Fill in each entry: bytes, NUL, count, kind. Where the last one ends, or -1 where the file ends before."""
    for entry in range(len(spans)):
        spans[entry, 0] = at
        while at < len(data) and data[at] != 0:
            at += 1
        if at + 10 > len(data):
            return -1
        spans[entry, 1] = at
        counts[entry] = 0
        for index in range(8):
            counts[entry] |= np.int64(data[at + 1 + index]) << 8 * index
        kinds[entry] = data[at + 9]
        at += 10
    return at


def _read_matrix(reader: _Reader, dimension: int, quantised: bool) -> tuple[Array, Array]:
    """Rows, and the factor of each."""
    scaled = bool(reader.integer("u1", "qnorm", 0, 1)) if quantised else False
    rows = reader.integer("<i8", "rows", 1, len(reader.data))
    reader.integer("<i8", "columns", dimension, dimension)
    ones = np.ones(rows, np.float32)
    if not quantised:
        return reader.take("<f4", rows * dimension).reshape(rows, dimension), ones
    if rows * dimension * 4 > MAX_UNPACKED_BYTES:
        raise ValueError(f"{rows} rows of {dimension} take more than {MAX_UNPACKED_BYTES} bytes")
    matrix = _unpack(reader, rows, dimension, reader.take("u1", reader.integer("<i4", "codes", 0, len(reader.data))))
    return matrix, _unpack(reader, rows, 1, reader.take("u1", rows))[:, 0] if scaled else ones


def _unpack(reader: _Reader, rows: int, dimension: int, codes: Array) -> Array:
    """Rows from the numbers of their parts: each part of a row is one of 256 centroids of its own."""
    reader.integer("<i4", "a quantiser's dimension", dimension, dimension)
    parts = reader.integer("<i4", "a quantiser's parts", 1, dimension)
    width = reader.integer("<i4", "a part's width", 1, max(1, dimension))
    last = reader.integer("<i4", "the last part's width", 1, width)
    if (parts - 1) * width + last != dimension or len(codes) != rows * parts:
        raise ValueError(f"{len(codes)} codes of {parts} parts do not make {rows} rows of {dimension}")
    centroids = reader.take("<f4", dimension * _CENTROIDS)
    matrix = np.empty((rows, dimension), np.float32)
    for part, chosen in enumerate(codes.reshape(rows, parts).T):
        start, size = part * width, width if part < parts - 1 else last
        table = centroids[start * _CENTROIDS : (start + size) * _CENTROIDS].reshape(_CENTROIDS, size)
        matrix[:, start : start + size] = table[chosen]
    return matrix


def _check_rows(arguments: Arguments, dictionary: Dictionary, inputs: int, outputs: int) -> None:
    """Raise ValueError where a feature or a label has no row."""
    needed = dictionary.words
    if dictionary.pruned is None:
        needed += arguments.buckets if arguments.has_ngrams else 0
    elif len(dictionary.pruned):
        needed += int(dictionary.pruned[:, 1].max()) + 1
        if dictionary.pruned.min() < 0:
            raise ValueError("a pruned bucket or its row is below 0")
    if inputs < needed:
        raise ValueError(f"{needed} rows of the input matrix are asked for, there are {inputs}")
    if outputs != len(dictionary.label_counts):
        raise ValueError(f"there are {len(dictionary.label_counts)} labels, but {outputs} rows of the output matrix")
