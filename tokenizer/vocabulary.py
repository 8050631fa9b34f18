"""The tokenizer at work: text → ids and back, exactly SentencePiece's."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tokenizer.encode import Encoded, Encoder
from tokenizer.special_ids import BOS, EOS, UNK

_ROUND_TRIP = ("a  b\n\tc ", "1²ﬁ Å")
_UNKNOWN = " ⁇ ".encode()
"""SentencePiece's own text for UNK."""


class Vocabulary:
    """A SentencePiece model file. Raises FileNotFoundError or ValueError, with the path, where it is none."""

    def __init__(self, path: str | Path) -> None:
        self.digest = hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
        self._encoder = Encoder(path)
        self._processor = self._encoder.processor
        self.size: int = self._processor.get_piece_size()
        self.unk_id: int = self._processor.unk_id()
        self.bos_id: int = self._processor.bos_id()
        self.eos_id: int = self._processor.eos_id()

    def piece(self, token: int) -> str:
        """The piece of an id, blanks as U+2581."""
        return self._encoder.pieces[token]

    def piece_bytes(self, token: int) -> bytes:
        """What an id adds to a text: a byte piece may be a part of a character, BOS and EOS are nothing."""
        if self._processor.is_byte(token):
            return bytes([int(self.piece(token)[1:-1], 16)])
        if self._processor.is_unknown(token):
            return _UNKNOWN
        return b"" if self._processor.is_control(token) else self.piece(token).replace("▁", " ").encode()

    def encode(self, texts: pa.Array) -> Encoded:
        """Ids of each text of a string array, without BOS and EOS; null and empty text give none."""
        return self._encoder.encode(texts.fill_null("") if texts.null_count else texts)

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of ids; BOS and EOS give nothing."""
        text: str = self._processor.decode([int(token) for token in ids])
        return text

    def faults(self) -> tuple[str, ...]:
        """What keeps this vocabulary from serving as LLaMA's: a sentence each, none where all is well."""
        found = []
        special = (("BOS", self.bos_id, BOS), ("EOS", self.eos_id, EOS), ("UNK", self.unk_id, UNK))
        for name, token, expected in special:
            if token < 0:
                found.append(f"it has no {name} piece")
            elif token != expected:
                found.append(f"its {name} has the id {token}, not {expected}")
        bytes_found = sum(self._processor.is_byte(i) for i in range(self.size))
        if bytes_found != 256:
            found.append(f"it has {bytes_found} byte pieces, not 256")
        if joined := next(
            (p for p in self._normal() if len(p) > 1 and any(c.isdigit() and c.isascii() for c in p)), None
        ):
            found.append(f"digits are not single: it has the piece {joined!r}")
        lost = (text for text in _ROUND_TRIP if self.decode(self.encode(pa.array([text])).ids) != text)
        return (*found, *(f"it does not give back {text!r}" for text in lost))

    def _normal(self) -> Iterator[str]:
        kinds = (self._processor.is_control, self._processor.is_unknown, self._processor.is_byte)
        return (piece for i, piece in enumerate(self._encoder.pieces) if not any(kind(i) for kind in kinds))
