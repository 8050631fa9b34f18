"""A language model over SentencePiece's pieces: an ARPA file is scored here, what `build_binary` makes by KenLM."""

import struct
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
import pyarrow as pa

from filters.arpa_reader import check_arpa, read_arpa
from filters.backoff_model import MAX_ORDER
from filters.language_model_text import normalized_texts
from filters.piece_words import PieceWords, Words
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]

_MAX_LOGARITHM = 30.0  # A model that finds all impossible still gives a number that sums and plots bear.
_BINARY_MAGIC = b"mmap lm http://kheafield.com/code"
_HEADER = struct.Struct("<88xB3xfI")  # Order, slots an n-gram, kind of table; then a count for each order.
_COUNTS_AT, _MODEL_KINDS, _MAX_SLOTS_AN_NGRAM = 108, 6, 100.0


class _Scorer(Protocol):
    def score(self, words: Words) -> Array:
        """The log10 probability of each text, begin and end of sentence around it, as float32."""
        ...


class LanguageModel:
    """The n-gram model and the pieces that it was trained on. Raises FileNotFoundError or ValueError, with the path."""

    def __init__(self, model_path: str, pieces_path: str) -> None:
        self._words = PieceWords(pieces_path)
        pieces = self._words.pieces
        binary = is_binary(model_path)
        self._scorer: _Scorer = _KenlmScorer(model_path, pieces) if binary else _ArpaScorer(model_path, pieces)
        self._blank_separated = np.array([len(piece.split()) for piece in pieces], np.int64)

    def perplexities(
        self,
        texts: pa.Array,
        *,
        line_break: str = " ",
        split_pieces_at_blanks: bool = False,
        decimals: int | None = None,
    ) -> list[float | None]:
        """10 to the mean negative log10 probability of a piece, the end of the text being one; None without a piece.

        The pieces of a text are SentencePiece's, or with `split_pieces_at_blanks` what Python's `split` makes of them:
        then one that is a blank does not count.
        """
        words = self._words.cut(normalized_texts(texts, line_break=line_break))
        lengths = np.diff(words.offsets)
        counts = self._count_blank_separated(words) if split_pieces_at_blanks else lengths
        found = zip(lengths.tolist(), counts.tolist(), self._scorer.score(words).tolist(), strict=True)
        # Python's own power and rounding, since NumPy's differ from them in the last digit.
        values = (
            10.0 ** min(-score / (count + 1), _MAX_LOGARITHM) if length else None for length, count, score in found
        )
        return [value if value is None or decimals is None else round(value, decimals) for value in values]

    def _count_blank_separated(self, words: Words) -> Array:
        """How many each text has; nearly every piece is one."""
        others = {place: len(spelling.split()) for place, spelling in words.unknown.items()}
        if (self._blank_separated != 1).any():
            found = self._blank_separated[words.ids]
            others = {int(place): int(found[place]) for place in np.flatnonzero(found != 1)} | others
        counts = np.diff(words.offsets)
        places = np.fromiter(others, np.int64, len(others))
        more = np.fromiter(others.values(), np.int64, len(others)) - 1
        np.add.at(counts, np.searchsorted(words.offsets, places, side="right") - 1, more)
        return counts


class _ArpaScorer:
    """Pieces under the numbers that an ARPA file's words have."""

    def __init__(self, path: str, pieces: tuple[str, ...]) -> None:
        self._model = read_arpa(path)
        self._numbers = np.array([self._number(piece) for piece in pieces], np.int32)

    def _number(self, word: str) -> int:
        return self._model.numbers.get(word.encode(), 0)

    def score(self, words: Words) -> Array:
        numbers = self._numbers[words.ids]
        for place, spelling in words.unknown.items():
            numbers[place] = self._number(spelling)
        return self._model.score(numbers, words.offsets)


class _KenlmScorer:
    """Pieces spelt out, blanks between, for KenLM's binding, which takes one text at a time."""

    def __init__(self, path: str, pieces: tuple[str, ...]) -> None:
        self._model = load_kenlm(path)
        self._pieces = pieces

    def score(self, words: Words) -> Array:
        ids = words.ids.copy()
        ids[list(words.unknown)] = np.arange(len(words.unknown)) + len(self._pieces)
        spellings = pa.array([*self._pieces, *words.unknown.values()], pa.large_string())
        text, ends = _spell(ids, words.offsets, *text_buffers(spellings))
        rows = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        return np.array([self._model.score(text[start:end].tobytes()) for start, end in rows], np.float32)


@compiled(
    numba.types.Tuple((numba.uint8[::1], numba.int64[::1]))(
        numba.types.Array(numba.int32, 1, "C", readonly=True), OFFSETS, BYTES, OFFSETS
    )
)
def _spell(ids: Array, offsets: Array, spellings: Array, starts: Array) -> Any:
    """The pieces of each text with a blank behind each, and where the texts end."""
    size = np.int64(0)
    for piece in ids:
        size += starts[piece + 1] - starts[piece] + 1
    text = np.empty(size, np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        for place in range(offsets[row], offsets[row + 1]):
            for source in range(starts[ids[place]], starts[ids[place] + 1]):
                text[at] = spellings[source]
                at += 1
            text[at] = 32
            at += 1
        ends[row + 1] = at
    return text, ends


def is_binary(path: str) -> bool:
    """Whether a file is one of KenLM's own."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no language model at {path}")
    with Path(path).open("rb") as file:
        return file.read(len(_BINARY_MAGIC)) == _BINARY_MAGIC


def check_language_model(path: str) -> None:
    """See how a model's file begins, and not what is in it. Raises FileNotFoundError or ValueError, with the path."""
    if is_binary(path):
        _check_header(path)
    else:
        check_arpa(path)


def load_kenlm(path: str) -> Any:
    """KenLM's model of an ARPA file or of what `build_binary` makes of one, without a word on the console."""
    try:
        import kenlm
    except ImportError as error:
        raise ValueError(
            f"{path} needs kenlm, which is not installed, and of which no release builds under Python 3.13: "
            "name the ARPA file, or use Python 3.12"
        ) from error
    if is_binary(path):
        _check_header(path)
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(path, config)
    except (OSError, RuntimeError, MemoryError, ValueError) as error:
        raise ValueError(f"{path} is no n-gram model: {error}") from error


def _check_header(path: str) -> None:
    """Raises ValueError where KenLM would reckon with sizes that no file has, and read past its end."""
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        head = file.read(_COUNTS_AT + 8 * MAX_ORDER)
    if len(head) < _COUNTS_AT + 8 * MAX_ORDER:
        raise ValueError(f"{path} is no n-gram model: it ends within its header")
    order, slots, kind = _HEADER.unpack_from(head)
    if not (2 <= order <= MAX_ORDER and kind < _MODEL_KINDS and 1.0 <= slots <= _MAX_SLOTS_AN_NGRAM):
        raise ValueError(f"{path} is no n-gram model: its header gives order {order}, kind {kind}, {slots} slots")
    counts = struct.unpack_from(f"<{order}Q", head, _COUNTS_AT)
    if not all(1 <= count <= size for count in counts):
        raise ValueError(f"{path} is no n-gram model: it counts {counts} n-grams in {size} bytes")
