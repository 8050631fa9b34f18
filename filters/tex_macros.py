"""Expands a paper's own macros in place, within bounds that no macro can pass."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.tex_definitions import (
    DEFINITION,
    STRUCTURE,
    Macro,
    UnclosedGroupError,
    fill_in,
    read_arguments,
    read_definition,
    separator,
)
from filters.tex_scan import read_regions

_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_BLANK_REST = re.compile(r"\s*\Z")
_BLANKS = re.compile(r"[ \t]*")
_ONE_TOKEN = re.compile(r"\\[A-Za-z]+\Z|.\Z|\{[^{}]*\}\Z", re.DOTALL)
_ACCENTS = "hat bar tilde vec dot ddot check breve acute grave overline underline widehat widetilde overrightarrow"
_FONTS = (
    "mathbf mathrm mathcal mathbb mathit mathsf mathfrak mathscr bm boldsymbol text textbf textit textrm textsf emph"
)
_FRACTIONS = "frac tfrac dfrac cfrac binom sqrt mbox textsc texttt"
_TAKES_ONE_TOKEN = frozenset(f"\\{name}" for name in f"{_ACCENTS} {_FONTS} {_FRACTIONS}".split())
"""`\\sqrt\\x` must not become `\\sqrt a+b`: after these an expansion of several tokens gets braces."""
_NO_BLANK_BEFORE = frozenset("{}~.!,:;?/')-\n \t")
_CALL_FLOOR_CHARS = 20_000
_MAX_REACHED = 50
_DOCUMENT_FLOOR_CHARS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TexMacros:
    r"""Expands what the authors define: `\newcommand` and its kin, `\def`, `\let`, `\DeclareMathOperator`.

    Text is read in order as TeX reads it: a definition counts from where it stands and is taken out, a redefinition
    replaces it, an expansion is read again, blanks after a control word go, `\xspace` is obeyed. Left as they stand and
    counted: macros with delimited arguments, conditionals, `\csname` or `@` inside, calls without their arguments, and
    a call that would write more than `max_expansion` times its own length (plus 20,000 characters); its macro is not
    tried again. Sectioning commands are never expanded. A definition inside a group holds after the group too.

    Source: LLaMA, section 2.1 ("inline-expanded definitions and macros written by users").
    Differs: RedPajama's arxiv_cleaner.py takes one-line definitions without arguments and makes one pass in the
    dictionary's order, so that nested macros stay.
    Reads text. Rewrites text. Rejects: nothing. Counts: macros_expanded, macros_unexpanded, definitions_removed.
    """

    name: ClassVar[str] = "tex_macros"
    reasons: ClassVar[tuple[str, ...]] = ()
    max_expansion: int = 10

    def __post_init__(self) -> None:
        if self.max_expansion < 1:
            raise ValueError(f"max_expansion must be at least 1, got {self.max_expansion}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null: no document is rejected here."""
        expanded = [expand_macros(text, max_expansion=self.max_expansion) for text in texts(batch)]
        counts = {
            "macros_expanded": sum(result.expanded for result in expanded),
            "macros_unexpanded": sum(result.unexpanded for result in expanded),
            "definitions_removed": sum(result.definitions for result in expanded),
        }
        batch = with_column(batch, "text", [result.text for result in expanded])
        return FilterResult(batch, reasons([None] * batch.num_rows), counts)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text after expansion, and how many calls were expanded, calls left, and definitions taken out."""

    text: str
    expanded: int
    unexpanded: int
    definitions: int


def expand_macros(text: str, *, max_expansion: int = 10) -> Expanded:
    """The text with its macros expanded; comments must be out of it."""
    return _Expander(text, max_expansion).expand()


class _Frame:
    """A text being read: the document at the bottom, the expansion under way on top."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0


@dataclass(slots=True)
class _Call:
    """A call in the document that is being expanded: what to go back to if it grows past its bound."""

    name: str
    start: int
    end: int
    pieces: int
    expanded: int
    definitions: int
    left: int


class _Expander:
    """One reading of a document, as a stack of frames; all work is charged against a budget that follows its length."""

    def __init__(self, text: str, max_expansion: int) -> None:
        self.max_expansion = max_expansion
        self.literals = read_regions(text).literals
        self.next_literal = 0
        self.frames = [_Frame(text)]
        self.macros: dict[str, Macro | None] = {}
        self.pieces: list[str] = []
        self.call: _Call | None = None
        self.left = max_expansion * len(text) + _DOCUMENT_FLOOR_CHARS
        self.expanded = self.unexpanded = self.definitions = 0

    def expand(self) -> Expanded:
        while self.frames:
            frame = self.frames[-1]
            match = _CONTROL.search(frame.text, frame.position)
            self._write(frame.text[frame.position : match.start() if match else len(frame.text)])
            if not match:
                self.frames.pop()
                continue
            frame.position = match.end()
            if len(self.frames) == 1:
                self.call = None
                if self._skips_literal(frame, match.start()):
                    continue
            self._control(frame, match)
        return Expanded("".join(self.pieces), self.expanded, self.unexpanded, self.definitions)

    def _write(self, piece: str) -> None:
        if piece:
            if gap := separator(self.pieces[-1:], piece):
                self.pieces.append(gap)
            self.pieces.append(piece)

    def _skips_literal(self, frame: _Frame, start: int) -> bool:
        while self.next_literal < len(self.literals) and self.literals[self.next_literal][1] <= start:
            self.next_literal += 1
        if self.next_literal == len(self.literals) or start < self.literals[self.next_literal][0]:
            return False
        frame.position = self.literals[self.next_literal][1]
        self._write(frame.text[start : frame.position])
        return True

    def _control(self, frame: _Frame, match: re.Match[str]) -> None:
        """Define, expand or copy the control sequence just read."""
        name = match[0]
        definition = DEFINITION.match(frame.text, match.start()) if self.left > 0 else None
        if definition and self._define(frame, definition):
            return
        if name == r"\xspace" and len(self.frames) > 1:
            self._space()
        elif name not in self.macros:
            self._write(name)
        elif not self._expand_call(frame, match):
            self.unexpanded += 1
            self._write(name)

    def _define(self, frame: _Frame, match: re.Match[str]) -> bool:
        """Take note of a definition and, where its macro can be expanded, take it out; False where it is none."""
        try:
            definition = read_definition(frame.text, match)
        except UnclosedGroupError as error:
            self._charge(error.searched_chars)
            return False
        if not definition or definition.name in STRUCTURE:
            return False
        if match["command"] == "providecommand" and definition.name in self.macros:
            frame.position = definition.end
            return True
        self.macros[definition.name] = definition.macro
        if definition.macro is None:
            self._write(frame.text[match.start() : definition.end])
        else:
            self.definitions += 1
        frame.position = definition.end
        return True

    def _space(self) -> None:
        r"""`\xspace`: a blank, unless what follows the call is punctuation or a blank already."""
        rests = (frame.text[frame.position : frame.position + 2] for frame in reversed(self.frames))
        following = next(filter(None, rests), "")
        if following and following[0] not in _NO_BLANK_BEFORE and following not in (r"\ ", r"\/", "\\\n"):
            self.pieces.append(" ")

    def _expand_call(self, frame: _Frame, match: re.Match[str]) -> bool:
        macro = self.macros[match[0]]
        if macro is None or self.left <= 0 or self._reaches_machinery(macro):
            return False
        while len(self.frames) > 1 and macro.parameters and _BLANK_REST.match(frame.text, frame.position):
            self.frames.pop()  # The call ends its own expansion: `\def\x{\y}` where \y takes what follows \x.
            frame = self.frames[-1]
        start = frame.position
        try:
            read = read_arguments(frame.text, start, macro)
        except UnclosedGroupError as error:
            self._charge(error.searched_chars)
            return False
        if read is None:
            return False
        arguments, frame.position = read
        body = fill_in(macro, arguments)
        if self.call is None:
            left = self.max_expansion * (frame.position - match.start()) + _CALL_FLOOR_CHARS
            self.call = _Call(
                match[0], start, start, len(self.pieces), self.expanded, self.definitions, left + len(macro.body)
            )
        return self._push(frame, match[0], body, takes_blanks=not macro.parameters)

    def _reaches_machinery(self, macro: Macro) -> bool:
        """Whether a macro leads to one that cannot be expanded: what it would write is then no better than its name."""
        reached, seen = [macro], 0
        while reached and seen < _MAX_REACHED:
            names = [name for name in _CONTROL.findall(reached.pop().body) if name in self.macros]
            seen += len(names) + 1
            for name in names:
                following = self.macros[name]
                if following is None:
                    return True
                reached.append(following)
        return False

    def _push(self, frame: _Frame, name: str, body: str, *, takes_blanks: bool) -> bool:
        self._charge(len(body) + 20)
        if self.call and self.call.left <= 0:
            return self._take_back(self.call)
        self.expanded += 1
        if takes_blanks and name[1:2].isalpha():
            frame.position = _BLANKS.match(frame.text, frame.position).end()  # type: ignore[union-attr]
        if self.pieces and self.pieces[-1] in _TAKES_ONE_TOKEN and body and not _ONE_TOKEN.match(body):
            body = f"{{{body}}}"
        self.frames.append(_Frame(body))
        return True

    def _charge(self, chars: int) -> None:
        self.left -= chars
        if self.call:
            self.call.left -= chars

    def _take_back(self, call: _Call) -> bool:
        """The call that grew past its bound stands as it was; its macro is not tried again."""
        del self.pieces[call.pieces :]
        del self.frames[1:]
        self.frames[0].position = call.end
        self.expanded, self.definitions = call.expanded, call.definitions
        self.macros[call.name] = None
        self.unexpanded += 1
        self._write(call.name)
        return True
