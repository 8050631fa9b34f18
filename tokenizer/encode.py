"""Text to ids over Arrow buffers, exactly SentencePiece's: cut into segments, most of them found in a table.

python -c "from tokenizer.encode import Encoder; ..."
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import sentencepiece
from numpy.typing import NDArray

from tokenizer.encode_bpe import build_bpe, encode_bpe
from tokenizer.encode_unigram import build_unigram, encode_unigram
from tokenizer.kernels import text_array, text_buffers
from tokenizer.normalizer import Normalized, Normalizer
from tokenizer.segments import empty_segments
from tokenizer.sentencepiece_model import Algorithm, Kind, SentencePieceModel, parse_model

PART_BYTES = 1 << 24
"""So much text is encoded at a time, or one text: what it takes beside the ids does not grow with a batch."""


class Encoded(NamedTuple):
    """Ids of several texts one behind another: text i is `ids[offsets[i] : offsets[i + 1]]`."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Encoder:
    """The encoder of a SentencePiece model file.

    A BPE or unigram model's texts are encoded here, any other's by SentencePiece. Holds a table of at most 40 MiB.
    Raises FileNotFoundError or ValueError, with the path, where the file is none.
    """

    def __init__(self, path: str | Path) -> None:
        model = Path(path).read_bytes()
        try:
            # SentencePiece comes last: it trusts the table of characters, and reads past the end of a damaged one.
            parsed = parse_model(model)
            self._normalizer = Normalizer(parsed)
            self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            self._encode_normalized = _loop(parsed)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path} is not a SentencePiece model: {error}") from error
        self.pieces: tuple[str, ...] = tuple(piece.decode() for piece in parsed.pieces)

    def encode(self, texts: pa.Array) -> Encoded:
        """Ids of each text of a string array without nulls, as SentencePiece's `encode` gives them."""
        return self.encode_buffers(*text_buffers(texts))

    def encode_buffers(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Encoded:
        """Ids of each text of UTF-8 bytes and n + 1 offsets into them.

        Takes up to 24 bytes a byte of the longest text, or of PART_BYTES, beside 8 bytes an id for the answer.
        """
        if self._encode_normalized is None:
            return self._encode_plainly(values, offsets)
        normalized = (self._normalizer.normalize(values, part) for part in _parts(offsets))
        return _joined([Encoded(*self._encode_normalized(*part)) for part in normalized])

    def encode_with_text(self, texts: pa.Array) -> tuple[Encoded, Normalized]:
        """Ids of each text, and the text that was cut into pieces: normalised, blanks as they are."""
        values, offsets = text_buffers(texts)
        normalized = self._normalizer.normalize(values, offsets)
        if self._encode_normalized is None:
            return self._encode_plainly(values, offsets), normalized
        return Encoded(*self._encode_normalized(*normalized)), normalized

    def _encode_plainly(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Encoded:
        # One thread: the pipeline has a process for each core, and SentencePiece would start a thread for each again.
        found = self.processor.encode(text_array(values, offsets).to_pylist(), out_type=int, num_threads=1)
        lengths = np.array([len(ids) for ids in found], np.int64)
        ids = np.fromiter((token for ids in found for token in ids), np.int32)
        return Encoded(ids, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))


def _parts(offsets: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The offsets of neighbouring texts that have up to PART_BYTES together, or of one that has more."""
    first, last = 0, len(offsets) - 1
    while True:
        fitting = int(np.searchsorted(offsets, offsets[first] + PART_BYTES, side="right")) - 1
        stop = min(last, max(first + 1, fitting))
        yield offsets[first : stop + 1]
        if stop == last:
            return
        first = stop


def _joined(parts: list[Encoded]) -> Encoded:
    """The texts of all parts as if they had been encoded at once."""
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Encoded(np.concatenate([part.ids for part in parts]), np.append(np.int64(0), np.cumsum(lengths)))


def _loop(model: SentencePieceModel) -> Callable[..., Any] | None:
    """The loop over normalised texts; None for a model that it does not fit."""
    if model.ids_of(Kind.UNUSED):
        return None
    if model.algorithm == Algorithm.BPE:
        return partial(encode_bpe, build_bpe(model), empty_segments())
    if model.algorithm == Algorithm.UNIGRAM:
        return partial(encode_unigram, build_unigram(model), empty_segments())
    return None
