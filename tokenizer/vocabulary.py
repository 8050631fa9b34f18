"""The tokenizer at work: text → ids and back, exactly SentencePiece's, in bounded memory for a text of any length."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import sentencepiece
from numpy.typing import NDArray

SEGMENT_CHARS = 1 << 16
"""A longer text is cut near every so many characters. SentencePiece holds about 80 bytes for each at a time."""

BATCH_CHARS = 1 << 20
BLANK = "▁"
_ROUND_TRIP = ("a  b\n\tc ", "1²ﬁ Å")


class Encoded(NamedTuple):
    """Ids of several texts one behind another: text i is `ids[offsets[i] : offsets[i + 1]]`."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Vocabulary:
    """A SentencePiece model file. Raises FileNotFoundError or ValueError, with the path, where it is none."""

    def __init__(self, path: str | Path) -> None:
        model = Path(path).read_bytes()
        self.digest = hashlib.blake2b(model, digest_size=16).hexdigest()
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(f"{path} is not a SentencePiece model") from error
        self.size: int = self._processor.get_piece_size()
        self.unk_id: int = self._processor.unk_id()
        self.bos_id: int = self._processor.bos_id()
        self.eos_id: int = self._processor.eos_id()
        self._pieces = [self._processor.id_to_piece(i) for i in range(self.size)]
        self._joined = self._joined_pairs()

    def piece(self, token: int) -> str:
        """The piece of an id, blanks as U+2581."""
        return self._pieces[token]

    def encode(self, texts: pa.Array) -> Encoded:
        """Ids of each text of a string array, without BOS and EOS; null and empty text give none."""
        ids: list[NDArray[np.int32]] = []
        lengths = np.zeros(len(texts), dtype=np.int64)
        for rows, segments, joins in _batches(self._segments(texts.to_pylist())):
            for row, join, found in zip(rows, joins, self._encode(segments), strict=True):
                kept = np.array(found[join:], dtype=np.int32)
                lengths[row] += kept.size
                ids.append(kept)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return Encoded(np.concatenate(ids) if ids else np.empty(0, np.int32), offsets)

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of ids; BOS and EOS give nothing."""
        text: str = self._processor.decode([int(token) for token in ids])
        return text

    def faults(self) -> tuple[str, ...]:
        """What keeps this vocabulary from serving as LLaMA's: a sentence each, none where all is well."""
        found = []
        for name, token in (("BOS", self.bos_id), ("EOS", self.eos_id), ("UNK", self.unk_id)):
            if token < 0:
                found.append(f"it has no {name} piece")
        bytes_found = sum(self._processor.is_byte(i) for i in range(self.size))
        if bytes_found != 256:
            found.append(f"it has {bytes_found} byte pieces, not 256")
        if joined := next(
            (p for p in self._normal() if len(p) > 1 and any(c.isdigit() and c.isascii() for c in p)), None
        ):
            found.append(f"digits are not single: it has the piece {joined!r}")
        lost = (text for text in _ROUND_TRIP if self.decode(self.encode(pa.array([text])).ids) != text)
        return (*found, *(f"it does not give back {text!r}" for text in lost))

    def _encode(self, segments: list[str]) -> list[list[int]]:
        # One thread: the pipeline has a process for each core, and SentencePiece would start a thread for each again.
        found: list[list[int]] = self._processor.encode(segments, out_type=int, num_threads=1)
        return found

    def _normal(self) -> Iterator[str]:
        kinds = (self._processor.is_control, self._processor.is_unknown, self._processor.is_byte)
        return (piece for i, piece in enumerate(self._pieces) if not any(kind(i) for kind in kinds))

    def _joined_pairs(self) -> frozenset[str] | None:
        """Pairs of characters that lie side by side in some piece; None where cutting text is not known to be safe.

        A merge crosses a boundary only if some piece contains the pair of characters around it. So text may be cut
        at every other boundary, if characters reach the merges as they stand (no normaliser but the identity) and
        merges are all there is (BPE), and if LF is in no piece: it holds off the blank put before every text.
        """
        pairs = frozenset(a + b for piece in self._normal() for a, b in pairwise(piece))
        probe = "ﬁ²①Å  \u3000Ａ"
        plain = self._processor.decode(self._processor.encode(probe)) == probe
        guarded = self._processor.encode("\n", out_type=str)
        return pairs if plain and guarded == [BLANK, "<0x0A>"] and self._is_bpe() else None

    def _is_bpe(self) -> bool:
        """BPE scores are ranks, whole numbers; a unigram model's are logarithms of probabilities."""
        return all(self._processor.get_score(i).is_integer() for i in range(self.size))

    def _segments(self, texts: list[str | None]) -> Iterator[tuple[int, str, int]]:
        """(row, segment, ids to drop from its front) for all texts in order."""
        for row, text in enumerate(texts):
            start = 0
            while text and start < len(text):
                end = self._safe_cut(text, start + SEGMENT_CHARS)
                # A blank would be put before the segment; LF keeps it apart, and both ids are dropped again.
                yield (row, "\n" + text[start:end], 2) if start else (row, text[start:end], 0)
                start = end

    def _safe_cut(self, text: str, wanted: int) -> int:
        """The first place from `wanted` on where no merge can cross; the end of the text where there is none."""
        if self._joined is None:
            return len(text)
        for place in range(wanted, len(text)):
            if text[place - 1 : place + 1].replace(" ", BLANK) not in self._joined:
                return place
        return len(text)


def _batches(segments: Iterator[tuple[int, str, int]]) -> Iterator[tuple[list[int], list[str], list[int]]]:
    """Segments gathered until they hold enough characters to be worth a call."""
    rows: list[int] = []
    held: list[str] = []
    joins: list[int] = []
    size = 0
    for row, segment, join in segments:
        rows.append(row)
        held.append(segment)
        joins.append(join)
        size += len(segment)
        if size >= BATCH_CHARS:
            yield rows, held, joins
            rows, held, joins, size = [], [], [], 0
    if rows:
        yield rows, held, joins
