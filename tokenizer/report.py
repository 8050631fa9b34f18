"""What a tokenizer is like: how long its tokens are on which text, its pieces, digits, round trip, and junk.

python -c "from tokenizer.report import Measure, tokenizer_report; ..."
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tokenizer.junk import junk_figures
from tokenizer.round_trip import round_trip
from tokenizer.sentencepiece_model import BLANK, Kind, SentencePieceModel, parse_model
from tokenizer.vocabulary import Vocabulary

LONGEST = 20
MAX_LANGUAGES = 40
"""Languages listed of a source, those with the most text; the others are one line."""

UNKNOWN, OTHERS = "unknown", "others"
_LINE_PIECES = (ord("\n"), ord("\t"))
"""Bytes that are byte pieces in every text: LF and TAB have no other piece in LLaMA's vocabulary."""

_DIGITS = "0123456789"
_BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")
_HOLDS_DIGIT = re.compile("[0-9０-９]")


class Use:
    """How text of one kind was encoded: its bytes, and how often each id came."""

    def __init__(self, vocabulary_size: int) -> None:
        self.bytes = 0
        self.counts: NDArray[np.int64] = np.zeros(vocabulary_size, np.int64)

    def add(self, size: int, counts: NDArray[np.int64]) -> None:
        """More text."""
        self.bytes += size
        self.counts += counts


class Tokenizer:
    """A model file, to be looked at. Raises FileNotFoundError or ValueError, with the path, where it is none."""

    def __init__(self, path: Path) -> None:
        self.vocabulary = Vocabulary(path)
        self.model: SentencePieceModel = parse_model(path.read_bytes())
        self.texts: tuple[str, ...] = tuple(piece.decode("utf-8", "replace") for piece in self.model.pieces)
        self.normal: tuple[int, ...] = tuple(self.model.ids_of(Kind.NORMAL, Kind.USER_DEFINED))
        named = ((_BYTE_PIECE.fullmatch(self.texts[i]), i) for i in self.model.ids_of(Kind.BYTE))
        self.byte_ids = {int(found[1], 16): i for found, i in named if found}


class Measure:
    """Encodes texts, and counts by source and language; `used` is how often each id came in all of them.

    Memory: a count for each id of each language.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.used: NDArray[np.int64] = np.zeros(tokenizer.vocabulary.size, np.int64)
        self._uses: dict[str, dict[str, Use]] = {}

    def add(self, source: str, languages: pa.Array, texts: pa.Array) -> None:
        """Texts of a source, each with its language or null."""
        known = pc.fill_null(languages, UNKNOWN)
        for language in pc.unique(known).to_pylist():
            held = texts.filter(pc.equal(known, language))
            use = self._use(source, language)
            use.add(pc.sum(pc.binary_length(held)).as_py() or 0, self.use(held))

    def use(self, texts: pa.Array) -> NDArray[np.int64]:
        """Texts that only say which ids are used; gives how often each came."""
        ids = self._tokenizer.vocabulary.encode(texts).ids
        counts = np.bincount(ids, minlength=len(self.used)).astype(np.int64)
        self.used += counts
        return counts

    def _use(self, source: str, language: str) -> Use:
        held = self._uses.setdefault(source, {})
        name = language if language in held or len(held) < 4 * MAX_LANGUAGES else OTHERS
        return held.setdefault(name, Use(self._tokenizer.vocabulary.size))

    def figures(self, source: str) -> dict[str, Any]:
        """Figures of a source's text, and of each of its languages."""
        held = self._uses.get(source, {})
        ordered = sorted(held.items(), key=lambda item: (item[0] == OTHERS, -item[1].bytes, item[0]))
        named, rest = ordered[:MAX_LANGUAGES], ordered[MAX_LANGUAGES:]
        languages = {name: use_figures(self._tokenizer, [use]) for name, use in named}
        if rest:
            languages[OTHERS] = use_figures(self._tokenizer, [use for _, use in rest])
        return use_figures(self._tokenizer, list(held.values())) | {"languages": languages}


def use_figures(tokenizer: Tokenizer, uses: list[Use]) -> dict[str, Any]:
    """Bytes, tokens, bytes a token, and the share of tokens that are bytes of characters without a piece.

    LF and TAB are bytes in any text and stand apart, as `line_tokens`.
    """
    size, tokens = sum(use.bytes for use in uses), sum(int(use.counts.sum()) for use in uses)
    by_value = {value: sum(int(use.counts[i]) for use in uses) for value, i in tokenizer.byte_ids.items()}
    line = sum(by_value.get(value, 0) for value in _LINE_PIECES)
    fallback = sum(by_value.values()) - line
    return {
        "bytes": size,
        "tokens": tokens,
        "bytes_per_token": round(size / tokens, 4) if tokens else 0.0,
        "byte_fallback_rate": round(fallback / tokens, 6) if tokens else 0.0,
        "line_tokens": line,
    }


def tokenizer_report(tokenizer: Tokenizer, used: NDArray[np.int64] | None, seed: int = 0) -> dict[str, Any]:
    """All that can be said of a model by itself; `used` is how often each id came in text, where that was counted."""
    pieces = {i: tokenizer.texts[i] for i in tokenizer.normal}
    unused = None if used is None else [i for i in tokenizer.normal if not used[i]]
    return {
        "vocabulary_size": tokenizer.vocabulary.size,
        "digest": tokenizer.vocabulary.digest,
        "algorithm": tokenizer.model.algorithm.name.lower(),
        "faults": list(tokenizer.vocabulary.faults()),
        "pieces": piece_figures(tokenizer, used),
        "digits": digit_figures(tokenizer),
        "round_trip": round_trip(tokenizer.vocabulary, tokenizer.byte_ids, seed),
        "junk": junk_figures(pieces, unused),
    }


def piece_figures(tokenizer: Tokenizer, used: NDArray[np.int64] | None) -> dict[str, Any]:
    """How many pieces of which kind, and the longest, with how often each was used."""
    texts = {i: tokenizer.texts[i] for i in tokenizer.normal}
    longest = sorted(texts, key=lambda i: (-len(texts[i]), i))[:LONGEST]
    characters = sum(len(text) == 1 for text in texts.values())
    words = sorted((i for i in texts if _is_word(texts[i])), key=lambda i: (-len(texts[i]), i))[:LONGEST]
    return {
        "characters": characters,
        "longer": len(texts) - characters,
        "bytes": len(tokenizer.byte_ids),
        "blanks": sum(not text.strip("▁") for text in texts.values()),
        "longest": [_piece(tokenizer, i, used) for i in longest],
        "longest_words": [_piece(tokenizer, i, used) for i in words],
        "scripts": dict(_scripts(texts.values())),
    }


def _is_word(text: str) -> bool:
    return text.removeprefix("▁").isalpha()


def _piece(tokenizer: Tokenizer, token: int, used: NDArray[np.int64] | None) -> dict[str, Any]:
    return {"id": token, "piece": tokenizer.texts[token], "used": None if used is None else int(used[token])}


def _scripts(texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Pieces by the script of their first letter, as Unicode's names begin, the most first."""
    found: dict[str, int] = {}
    for text in texts:
        letter = next((character for character in text if character.isalpha()), None)
        script = unicodedata.name(letter, "UNKNOWN").split()[0] if letter else "NONE"
        found[script] = found.get(script, 0) + 1
    yield from sorted(found.items(), key=lambda item: (-item[1], item[0]))[:LONGEST]


def digit_figures(tokenizer: Tokenizer) -> dict[str, Any]:
    """Whether each digit is a token of its own, and which pieces break the rule (0 to 9, full-width ones too)."""
    texts = (tokenizer.texts[i] for i in tokenizer.normal)
    joined = [text for text in texts if len(text) > 1 and _HOLDS_DIGIT.search(text)]
    ids = tokenizer.vocabulary.encode(pa.array([_DIGITS])).ids
    digits = [i for i in ids if tokenizer.model.pieces[i] != BLANK]
    return {"single": len(digits) == len(_DIGITS) and not joined, "joined": len(joined), "examples": joined[:LONGEST]}
