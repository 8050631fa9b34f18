"""What stands for a character that is no piece: the ids of its bytes, or the unknown piece, once for a whole run."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.kernels import BYTES, compiled_lean
from tokenizer.segments import IDS, MOST_IDS
from tokenizer.sentencepiece_model import BLANK, SPACE, Kind, SentencePieceModel
from tokenizer.trie import NONE

_BLANK = np.frombuffer(BLANK, np.uint8)


class Unknown(NamedTuple):
    """What stands for a character that is no piece: the ids of its bytes if there are such, else `unk` once a run."""

    unk: Any
    bytes: NDArray[np.int32]
    escape: bool


UNKNOWN = numba.types.NamedTuple((numba.int32, numba.int32[::1], numba.boolean), Unknown)


def unknown_of(model: SentencePieceModel) -> Unknown:
    """What the model does with unknown characters."""
    by_byte = model.ids_of(Kind.BYTE) if model.byte_fallback else []
    values = [int(model.pieces[i][3:5], 16) for i in by_byte]  # <0x41>
    found = np.zeros(len(values), np.int32)
    found[values] = by_byte
    unk = NONE if len(found) else model.ids_of(Kind.UNKNOWN)[0]
    return Unknown(np.int32(unk), found, model.escape_whitespaces)


def most_ids(model: SentencePieceModel) -> int:
    """How many ids a byte of normalised text becomes at most: three where a blank is no piece but three bytes."""
    known = any(model.pieces[i] == BLANK for i in model.ids_of(Kind.NORMAL, Kind.USER_DEFINED))
    return MOST_IDS if model.byte_fallback and model.escape_whitespaces and not known else 1


@compiled_lean(numba.int64(UNKNOWN, BYTES, numba.int64, numba.int64, IDS, numba.int64))
def write_unknown(unknown: Unknown, text: Any, start: int, end: int, ids: Any, used: int) -> Any:
    """Writes what stands for the character text[start:end] and returns how many ids that is."""
    if not len(unknown.bytes):
        ids[used] = unknown.unk
        return 1
    begin = used
    for at in range(start, end):
        if unknown.escape and text[at] == SPACE:
            for byte in _BLANK:
                ids[used] = unknown.bytes[byte]
                used += 1
        else:
            ids[used] = unknown.bytes[text[at]]
            used += 1
    return used - begin


@compiled_lean(numba.int64(IDS, numba.int64, numba.int64, numba.int64, numba.int32))
def merge_unknown(ids: Any, begin: int, used: int, count: int, unk: int) -> Any:
    """Leaves of each run of `unk` the first, among `count` new ids behind `used` and before them; returns what is left.

    The text's ids begin at `begin`.
    """
    kept = used
    for at in range(used, used + count):
        if ids[at] != unk or kept == begin or ids[kept - 1] != unk:
            ids[kept] = ids[at]
            kept += 1
    return kept - used
