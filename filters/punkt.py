"""Where sentences end, as NLTK 3.8.1's Punkt decides it, from a model that is read and never run.

Source: Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection"; nltk/tokenize/punkt.py of 3.8.1.
Training is left out. The orthographic contexts of a word are a sum of the bits that `PunktParameters` gives them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import NamedTuple

from filters.punkt_model import PunktModel, load_punkt_model

UPPER_INSIDE = 1 << 2
UPPER = 1 << 1 | UPPER_INSIDE | 1 << 3
LOWER_FIRST = 1 << 4
LOWER = LOWER_FIRST | 1 << 5 | 1 << 6

_END_MARKS = (".", "?", "!")
_PUNCTUATION = (";", ":", ",", ".", "!", "?")
_ASCII_BLANKS = " \t\n\r\x0b\x0c"
_REMEMBERED = 1 << 16
_REMEMBERED_CHARS = 64

_NON_WORD = r"(?:[)\";}\]\*:@\'\({\[!?])"
_SEVERAL = r"(?:\-{2,}|\.{2,}|(?:\.\s){2,}\.)"
_TOKEN = re.compile(
    rf"({_SEVERAL}|(?=[^\(\"\`{{\[:;&\#\*@\)}}\]\-,])\S+?(?=\s|$|{_NON_WORD}|{_SEVERAL}|"
    rf",(?=$|\s|{_NON_WORD}|{_SEVERAL}))|\S)"
)
_CANDIDATE = re.compile(rf"[.?!](?=(?P<after>{_NON_WORD}|\s+(?P<next>\S+)))")
_CLOSING = re.compile(r'["\')\]}]+?(?:\s+|(?=--)|$)', re.MULTILINE)
_ELLIPSIS = re.compile(r"\.\.+$")
_NUMBER = re.compile(r"^-?[\.,]?\d[\d,\.-]*\.?$")
_INITIAL = re.compile(r"[^\W\d]\.$")


class _Token(NamedTuple):
    """A token with what its form alone says of it."""

    text: str
    type: str
    is_break: bool
    is_abbreviation: bool
    is_ellipsis: bool

    @property
    def type_without_period(self) -> str:
        return self.type[:-1] if len(self.type) > 1 and self.type[-1] == "." else self.type

    @property
    def next_type(self) -> str:
        return self.type_without_period if self.is_break else self.type


@dataclass(frozen=True, slots=True)
class Punkt:
    """A sentence splitter with the given model's abbreviations, collocations, starters and contexts."""

    model: PunktModel = field(default_factory=PunktModel)
    _verdicts: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def count(self, text: str, most: int) -> int:
        """How many sentences the text has, counted up to `most` and read no further."""
        return sum(1 for _ in islice(self.sentences(text), most))

    def sentences(self, text: str) -> Iterator[slice]:
        """Where each sentence lies: closing quotes and brackets belong to the sentence before them."""
        closed = 0
        for piece, after in _pairs(self._pieces(text)):
            start = piece.start + closed
            closed = 0
            found = _CLOSING.match(text, after.start, after.stop) if after else None
            if after and found:
                yield slice(start, after.start + len(found[0].rstrip()))
                closed = found.end() - after.start
            elif text[start : piece.stop]:
                yield slice(start, piece.stop)

    def _pieces(self, text: str) -> Iterator[slice]:
        """The text cut at each break, blanks between pieces left out."""
        start = 0
        for candidate, context in _contexts(text):
            if self._is_break(context):
                yield slice(start, candidate.end())
                start = candidate.start("next") if candidate["next"] else candidate.end()
        yield slice(start, len(text.rstrip()))

    def _is_break(self, context: str) -> bool:
        """Whether a sentence ends inside the context; what was asked before is remembered, within bounds."""
        if (verdict := self._verdicts.get(context)) is not None:
            return verdict
        tokens = (self._token(text) for line in context.split("\n") for text in _TOKEN.findall(line))
        verdict = any(self._ends_sentence(token, after) for token, after in pairwise(tokens))
        if len(context) <= _REMEMBERED_CHARS:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[context] = verdict
        return verdict

    def _token(self, text: str) -> _Token:
        kind = _NUMBER.sub("##number##", text.lower())
        if text in _END_MARKS:
            return _Token(text, kind, True, False, False)
        if _ELLIPSIS.match(text):
            return _Token(text, kind, False, False, True)
        if text.endswith(".") and not text.endswith(".."):
            word = text[:-1].lower()
            known = word in self.model.abbreviations or word.split("-")[-1] in self.model.abbreviations
            return _Token(text, kind, not known, known, False)
        return _Token(text, kind, False, False, False)

    def _ends_sentence(self, token: _Token, after: _Token) -> bool:
        """The second look, at two neighbours: collocations, then abbreviations, then initials and numbers."""
        if not token.text.endswith("."):
            return token.is_break
        kind, is_initial = token.type_without_period, _INITIAL.match(token.text) is not None
        if (kind, after.next_type) in self.model.collocations:
            return False
        starts = self._starts_sentence(after)
        if (token.is_abbreviation or token.is_ellipsis) and not is_initial:
            known = after.text[0].isupper() and after.next_type in self.model.starters
            if starts is True or known:
                return True
        if is_initial or kind == "##number##":
            always_upper = after.text[0].isupper() and not self.model.contexts.get(after.next_type, 0) & LOWER
            if starts is False or (starts is None and is_initial and always_upper):
                return False
        return token.is_break

    def _starts_sentence(self, token: _Token) -> bool | None:
        """Whether the token's case says that it starts a sentence; None where it says nothing."""
        if token.text in _PUNCTUATION:
            return False
        contexts = self.model.contexts.get(token.next_type, 0)
        if token.text[0].isupper() and contexts & LOWER and not contexts & UPPER_INSIDE:
            return True
        if token.text[0].islower() and (contexts & UPPER or not contexts & LOWER_FIRST):
            return False
        return None


def load_punkt(path: str) -> Punkt:
    """The splitter of a model's path; with no path it has learned nothing, and knows no abbreviation."""
    return Punkt(load_punkt_model(path)) if path else Punkt()


def _pairs(pieces: Iterator[slice]) -> Iterator[tuple[slice, slice | None]]:
    """Each piece with the one after it."""
    before = next(pieces)
    for piece in pieces:
        yield before, piece
        before = piece
    yield before, None


def _contexts(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each mark that may end a sentence, with the word before it and the token after it.

    Of several marks in one word the last counts.
    """
    start = stop = 0
    held: re.Match[str] | None = None
    for candidate in _CANDIDATE.finditer(text):
        blank = _last_blank(text, stop, candidate.start())
        begin = blank + 1 if blank >= 0 else start
        if held and stop <= begin:
            yield held, text[start:stop] + held[0] + held["after"]
        held, start, stop = candidate, begin, candidate.start()
    if held:
        yield held, text[start:stop] + held[0] + held["after"]


def _last_blank(text: str, start: int, end: int) -> int:
    return max(text.rfind(blank, start, end) for blank in _ASCII_BLANKS)
