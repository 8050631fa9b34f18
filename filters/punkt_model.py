"""Reads what a Punkt sentence model has learned, from NLTK's pickle or from its folder of tables. Nothing is run."""

import io
import pickle
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_BYTES = 64 << 20
"""NLTK's own models take up to 1.3 MB."""


@dataclass(frozen=True, slots=True)
class PunktModel:
    """Words that a period follows within a sentence, pairs around such a period, words that start sentences.

    `contexts` holds for each word the bits of where it was seen with which case; see `filters/punkt.py`.
    """

    abbreviations: frozenset[str] = frozenset()
    collocations: frozenset[tuple[str, str]] = frozenset()
    starters: frozenset[str] = frozenset()
    contexts: Mapping[str, int] = field(default_factory=dict)


def load_punkt_model(path: str) -> PunktModel:
    """The model of a pickle (`punkt/english.pickle`) or of a folder of tables (`punkt_tab/english`)."""
    if Path(path).is_dir():
        return _read_tables(Path(path))
    if (size := Path(path).stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path} is no Punkt model: it has {size} bytes, at most {MAX_BYTES}")
    return _read_pickle(path)


class _Held:
    """Stands in for a class of NLTK's: it takes any state and does nothing."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


_CLASSES: Mapping[tuple[str, str], Any] = {
    **{("nltk.tokenize.punkt", f"Punkt{name}"): _Held for name in "SentenceTokenizer LanguageVars Token".split()},
    ("nltk.tokenize.punkt", "PunktParameters"): _Held,
    ("builtins", "int"): int,
    ("builtins", "set"): set,
    ("collections", "defaultdict"): defaultdict,
}


_FAULTS = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What `pickle` raises on bytes that are no pickle, or not the one that is looked for."""


class _Unpickler(pickle.Unpickler):
    """Knows the classes of a Punkt model and the containers in it, and no other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (found := _CLASSES.get((module.replace("__builtin__", "builtins"), name))) is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no Punkt model does")
        return found


def _read_pickle(path: str) -> PunktModel:
    try:
        parameters = _Unpickler(io.BytesIO(Path(path).read_bytes())).load().state["_params"].state
        return PunktModel(
            abbreviations=frozenset(map(_word, parameters["abbrev_types"])),
            collocations=frozenset((_word(one), _word(other)) for one, other in parameters["collocations"]),
            starters=frozenset(map(_word, parameters["sent_starters"])),
            contexts={_word(word): _bits(bits) for word, bits in parameters["ortho_context"].items()},
        )
    except _FAULTS as error:
        raise ValueError(f"{path} is no Punkt model: {error}") from error


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a word is a {type(value).__name__}")
    return value


def _bits(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the contexts of a word are a {type(value).__name__}")
    return value


def _read_tables(folder: Path) -> PunktModel:
    try:
        return PunktModel(
            abbreviations=frozenset(_lines(folder / "abbrev_types.txt")),
            collocations=frozenset(_pair(line) for line in _lines(folder / "collocations.tab")),
            starters=frozenset(_lines(folder / "sent_starters.txt")),
            contexts={word: int(bits) for word, bits in map(_pair, _lines(folder / "ortho_context.tab"))},
        )
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"{folder} is no Punkt model: {error}") from error


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _pair(line: str) -> tuple[str, str]:
    one, other = line.split("\t")
    return one, other
