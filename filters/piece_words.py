"""Texts as the words that a language model knows: SentencePiece's pieces, unknown ones as they stand in the text.

A model of pieces is trained on their spelling. So what SentencePiece calls unknown, a run of characters that are no
pieces, is a word like others there, and may be known. Ids do not tell it: where a run stands follows from the lengths
of the pieces around it.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa

from tokenizer.encode import Encoder
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point
from tokenizer.sentencepiece_model import BLANK, parse_model

Array = np.ndarray[Any, Any]

_IDS = numba.types.Array(numba.int32, 1, "C", readonly=True)


class Words(NamedTuple):
    """Ids of pieces, text after text, and the spelling of each unknown one by its place among them."""

    ids: Array
    offsets: Array
    unknown: dict[int, str]


class PieceWords:
    """A SentencePiece model file. Raises FileNotFoundError or ValueError, with the path, where it is none."""

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"no SentencePiece model at {path}")
        self._encoder = Encoder(path)
        model = parse_model(Path(path).read_bytes())
        if not model.escape_whitespaces:
            raise ValueError(f"{path} has pieces with blanks, which no n-gram model can know as words")
        self._unknown = self._encoder.processor.unk_id()
        own = [model.own(piece) or b"" for piece in model.pieces]
        self._lengths = np.array([len(piece) for piece in own], np.int64)
        self._characters = np.array(
            sorted({ord(p) for p in (o.decode("utf-8", "replace") for o in own) if len(p) == 1})
        )

    @property
    def pieces(self) -> tuple[str, ...]:
        """The piece of each id."""
        return self._encoder.pieces

    def cut(self, texts: pa.Array) -> Words:
        """Each text of a string array without nulls as SentencePiece cuts it."""
        (ids, offsets), (normalized, ends) = self._encoder.encode_with_text(texts)
        places = np.flatnonzero(ids == self._unknown)
        if not len(places):
            return Words(ids, offsets, {})
        runs, astray = _find_runs(
            normalized, ends, ids, offsets, self._lengths, self._characters, self._unknown, len(places)
        )
        data = normalized.tobytes()
        spelled = (data[start:end].replace(b" ", BLANK).decode() for start, end in runs.tolist())
        unknown = dict(zip(places.tolist(), spelled, strict=True))
        for row in np.flatnonzero(astray):
            unknown |= self._spelled(texts[row].as_py(), int(offsets[row]))
        return Words(ids, offsets, unknown)

    def _spelled(self, text: str, offset: int) -> dict[int, str]:
        """SentencePiece's own answer."""
        processor = self._encoder.processor
        pairs = zip(processor.encode(text, out_type=int), processor.encode(text, out_type=str), strict=True)
        return {offset + place: piece for place, (token, piece) in enumerate(pairs) if token == self._unknown}


@compiled(
    numba.types.Tuple((numba.int64[:, ::1], numba.boolean[::1]))(
        BYTES, OFFSETS, _IDS, OFFSETS, OFFSETS, OFFSETS, numba.int64, numba.int64
    )
)
def _find_runs(
    text: Array,
    ends: Array,
    ids: Array,
    offsets: Array,
    lengths: Array,
    characters: Array,
    unknown: int,
    count: int,
) -> tuple[Array, Array]:
    """Start and end of each unknown piece, and in which texts they are not where they should be.

    A run ends before the next character that is a piece. That is too far where a piece begins with one that is none:
    then the pieces reach beyond the end of the text.
    """
    runs = np.zeros((count, 2), np.int64)
    astray = np.zeros(len(ends) - 1, np.bool_)
    found = 0
    for row in range(len(astray)):
        at, end = ends[row], ends[row + 1]
        for place in range(offsets[row], offsets[row + 1]):
            if ids[place] != unknown:
                at += lengths[ids[place]]
                continue
            runs[found, 0] = min(at, end)
            while at < end:
                code, after = next_code_point(text, at, end)
                near = np.searchsorted(characters, code)
                if near < len(characters) and characters[near] == code:
                    break
                at = after
            runs[found, 1] = min(at, end)
            found += 1
        astray[row] = at != end
    return runs, astray
