"""Reads a SentencePiece model file: its pieces and the settings that decide how text becomes ids.

SentencePiece's own generated reader asks for a newer protobuf than Beam allows, so the few fields are read here.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
BLANK = "▁".encode()
"""SentencePiece's mark for a blank."""

SPACE = 0x20
"""The one byte that stands for it in normalised text."""

_NUL = b"\0"


class Algorithm(IntEnum):
    """How a model finds the pieces of a text."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


class Kind(IntEnum):
    """What a piece is."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencePieceModel:
    """What a model file says, in the order of the ids; `kinds` holds values of `Kind`."""

    pieces: tuple[bytes, ...]
    scores: NDArray[np.float32]
    kinds: NDArray[np.int8]
    algorithm: Algorithm
    byte_fallback: bool
    whitespace_is_suffix: bool
    charsmap: bytes
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool
    escape_whitespaces: bool

    def ids_of(self, *kinds: Kind) -> list[int]:
        """The ids of the pieces of these kinds, in order."""
        return [int(found) for found in np.flatnonzero(np.isin(self.kinds, kinds))]

    def own(self, piece: bytes) -> bytes | None:
        """A piece as it is compared with normalised text, where U+2581 is one byte: a blank.

        None where it can match nothing: it holds a blank, and in normalised text there is none but U+2581.
        """
        if not self.escape_whitespaces:
            return piece
        return None if b" " in piece else piece.replace(BLANK, b" ")


def parse_model(model: bytes) -> SentencePieceModel:
    """The model of a file's bytes. Raises ValueError where they are none."""
    pieces: list[bytes] = []
    scores: list[float] = []
    kinds: list[Kind] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for field, value in _fields(model, {1: _BYTES, 2: _BYTES, 3: _BYTES}):
        if field == 1:
            piece = dict(_fields(value, {1: _BYTES, 2: _FIXED32, 3: _VARINT}))
            pieces.append(_text(piece.get(1, b""), len(pieces)))
            scores.append(_score(piece.get(2, bytes(4)), len(pieces)))
            kinds.append(Kind(piece.get(3, Kind.NORMAL)))
        elif field == 2:
            trainer.update(_fields(value, {3: _VARINT, 24: _VARINT, 35: _VARINT}))
        else:
            normalizer.update(_fields(value, {2: _BYTES, 3: _VARINT, 4: _VARINT, 5: _VARINT}))
    if Kind.UNKNOWN not in kinds:
        raise ValueError("it has no unknown piece")
    byte_fallback = bool(trainer.get(35, False))
    if byte_fallback and _NUL in pieces:
        kinds[pieces.index(_NUL)] = Kind.UNUSED  # SentencePiece takes this one for its byte.
    return SentencePieceModel(
        pieces=tuple(pieces),
        scores=np.array(scores, np.float32),
        kinds=np.array(kinds, np.int8),
        algorithm=Algorithm(trainer.get(3, Algorithm.UNIGRAM)),
        byte_fallback=byte_fallback,
        whitespace_is_suffix=bool(trainer.get(24, False)),
        charsmap=normalizer.get(2, b""),
        add_dummy_prefix=bool(normalizer.get(3, True)),
        remove_extra_whitespaces=bool(normalizer.get(4, True)),
        escape_whitespaces=bool(normalizer.get(5, True)),
    )


def _text(piece: bytes, index: int) -> bytes:
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"piece {index} is no text: {error}") from error
    if not piece:
        raise ValueError(f"piece {index} is empty")
    return piece


def _score(packed: bytes, index: int) -> float:
    (score,) = struct.unpack("<f", packed)
    if not math.isfinite(score):
        raise ValueError(f"the score of piece {index} is {score}")
    return float(score)


def _fields(message: bytes, wanted: Mapping[int, int]) -> Iterator[tuple[int, Any]]:
    """(number, value) of the fields wanted of a protobuf message: an integer, or the bytes of it.

    `wanted` gives each one's type. A field of another type is passed over, as protobuf does.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        value: Any
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            if wire == _BYTES:
                size, at = _varint(message, at)
            elif wire in (_FIXED32, _FIXED64):
                size = 4 if wire == _FIXED32 else 8
            else:
                raise ValueError(f"a field of an unknown type {wire} at byte {at}")
            if at + size > len(message):
                raise ValueError(f"the file ends within the field at byte {at}")
            value = message[at : at + size]
            at += size
        if wanted.get(field) == wire:
            yield field, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("the file ends within a number")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError(f"a number of more than ten bytes before byte {at}")
