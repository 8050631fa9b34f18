r"""Reads a TeX text in order and writes it with its macros expanded; all work is charged against a budget."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import islice

from filters.tex_arguments import Macro, UnclosedGroupError, fill_in, read_arguments, separator
from filters.tex_definitions import DEFINING, DEFINITION, DOT, STRUCTURE, Definition, read_definition
from filters.tex_groups import Groups
from filters.tex_scan import read_regions

_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_WORD_AT_END = re.compile(r"(\\[A-Za-z@]+)[ \t]*\Z")
_BLANK_REST = re.compile(r"\s*\Z")
_BLANKS = re.compile(r"[ \t]*")
_EMPTY_GROUP = re.compile(r"\{\}(?![_^])")
_LINE_REST = re.compile(r"[ \t]*\n")
_ONE_TOKEN = re.compile(r"\\[A-Za-z]+\Z|.\Z|\{[^{}]*\}\Z", re.DOTALL)
_ACCENTS = "hat bar tilde vec dot ddot check breve acute grave overline underline widehat widetilde overrightarrow"
_FONTS = (
    "mathbf mathrm mathcal mathbb mathit mathsf mathfrak mathscr bm boldsymbol text textbf textit textrm textsf emph"
)
_FRACTIONS = "frac tfrac dfrac cfrac binom sqrt mbox textsc texttt"
_TAKES_ONE_TOKEN = frozenset(f"\\{name}" for name in f"{_ACCENTS} {_FONTS} {_FRACTIONS}".split())
"""`\\sqrt\\x` must not become `\\sqrt a+b`: after these an expansion of several tokens gets braces."""
_NO_BLANK_BEFORE = frozenset("{}~.!,:;?/')-\n \t")
_IN_EXPANSIONS = frozenset((r"\xspace", DOT))
_CALL_FLOOR_CHARS = 20_000
_DOCUMENT_FLOOR_CHARS = 200_000
_DOCUMENT_CEILING_CHARS = 64 << 20
_STEP_CHARS = 20
"""What an expansion costs beside its length."""
_SEARCH_CHARS = 500
"""What it costs to look for a delimiter or for the end of an option."""
_MAX_REACHED = 50
_MAX_WORD_CHARS = 100
_MAX_INDENT_CHARS = 1000


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

    __slots__ = ("name_end", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.name_end = -1


@dataclass(slots=True)
class _Call:
    """A call in the document that is being expanded: what to go back to if it grows past its bound."""

    name: str
    end: int
    pieces: int
    expanded: int
    definitions: int
    left: int


class _Expander:
    """One reading of a document, as a stack of frames, under a budget that follows the document's length."""

    def __init__(self, text: str, max_expansion: int) -> None:
        self.max_expansion = max_expansion
        self.literals = read_regions(text).literals
        self.frames = [_Frame(text)]
        self.macros: dict[str, Macro | None] = {}
        self.undo: list[tuple[int, int, str, Macro | None, bool]] = []
        self.pieces: list[str] = []
        self.call: _Call | None = None
        self.left = min(max_expansion * len(text), _DOCUMENT_CEILING_CHARS) + _DOCUMENT_FLOOR_CHARS
        self.expanded = self.unexpanded = self.definitions = self.remembered = 0
        self.mentioned: dict[str, tuple[str, ...]] = {}
        self.text = text

    @cached_property
    def scopes(self) -> Groups:
        return Groups(self.text, scopes=True)

    @cached_property
    def preamble_end(self) -> int:
        return self.text.find(r"\begin{document}")

    def expand(self) -> Expanded:
        while self.frames:
            if not self._read_on(self.frames[-1]):
                self.frames.pop()
        return Expanded("".join(self.pieces), self.expanded, self.unexpanded, self.definitions)

    def _read_on(self, frame: _Frame) -> bool:
        """Copy up to the next control sequence that means something here, and obey it; False where there is none."""
        text, macros = frame.text, self.macros
        in_document = len(self.frames) == 1
        for match in _CONTROL.finditer(text, frame.position):
            name = match[0]
            if name not in macros and name not in DEFINING and (in_document or name not in _IN_EXPANSIONS):
                continue
            if in_document and not self._is_live(match):
                continue
            self._write(text[frame.position : match.start()])
            frame.position = match.end()
            if in_document:
                self.call = None
            self._control(frame, match)
            return True
        self._write(text[frame.position :])
        frame.position = len(text)
        return False

    def _is_live(self, match: re.Match[str]) -> bool:
        """Whether a control sequence of the document still means something: its group may have ended."""
        index = bisect_right(self.literals, (match.start(), len(self.text))) - 1
        if index >= 0 and match.start() < self.literals[index][1]:
            return False
        while self.undo and self.undo[0][0] <= match.start():
            _, _, name, before, was_known = heappop(self.undo)
            if was_known:
                self.macros[name] = before
            else:
                self.macros.pop(name, None)
        return match[0] in self.macros or match[0] in DEFINING

    def _write(self, piece: str) -> None:
        if piece:
            if gap := separator(self.pieces[-1:], piece):
                self.pieces.append(gap)
            self.pieces.append(piece)

    def _control(self, frame: _Frame, match: re.Match[str]) -> None:
        """Define, expand or copy the control sequence just read."""
        name = match[0]
        definition = DEFINITION.match(frame.text, match.start()) if name in DEFINING and self.left > 0 else None
        if definition and self._define(frame, definition):
            return
        if name in _IN_EXPANSIONS and name not in self.macros:
            self._space(dot=name == DOT)
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
        is_provided = (match["command"] or match["document"] or "").lower().startswith("provide")
        if not (is_provided and definition.name in self.macros):
            self._remember(definition)
            if definition.macro is None:
                self._write(frame.text[match.start() : definition.end])
                frame.position = definition.end
                return True
            self.definitions += 1
        frame.position = definition.end
        if len(self.frames) == 1:
            self._close_gap(frame, match.start())
        return True

    def _remember(self, definition: Definition) -> None:
        name, macro = definition.name, definition.macro
        place = self.frames[0].position
        if not definition.is_global and place > self.preamble_end and self.scopes.is_inside(place):
            end = self.scopes.end_of(place)
            self.remembered += 1  # What was defined last is undone first.
            heappush(self.undo, (end, -self.remembered, name, self.macros.get(name), name in self.macros))
        known = definition.alias in self.macros if definition.alias and macro else False
        self.macros[name] = self.macros[definition.alias] if known and definition.alias else macro

    def _close_gap(self, frame: _Frame, start: int) -> None:
        """A definition alone on its line takes the line with it: an empty line would end a paragraph."""
        line = frame.text.rfind("\n", max(0, start - _MAX_INDENT_CHARS), start) + 1
        rest = _LINE_REST.match(frame.text, frame.position)
        if rest and not frame.text[line:start].strip() and (line or start < _MAX_INDENT_CHARS):
            frame.position = rest.end()
            if self.pieces:
                self.pieces[-1] = self.pieces[-1].rstrip(" \t")

    def _space(self, *, dot: bool) -> None:
        r"""`\xspace`: a blank, unless what follows the call is punctuation or a blank already. A dot comes first."""
        following = ""
        for frame in reversed(self.frames):
            if frame.name_end == frame.position:
                following = "{"
            if following := following or frame.text[frame.position : frame.position + 2]:
                break
        if dot and not following.startswith("."):
            self.pieces.append(".")
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
        if macro.searches:
            self.left -= _SEARCH_CHARS
        if read is None:
            return False
        arguments, frame.position = read
        body = fill_in(macro, arguments)
        if self.call is None:
            left = self.max_expansion * (frame.position - match.start()) + _CALL_FLOOR_CHARS + len(macro.body)
            self.call = _Call(match[0], start, len(self.pieces), self.expanded, self.definitions, left)
        return self._push(frame, match[0], macro, body)

    def _reaches_machinery(self, macro: Macro) -> bool:
        """Whether a macro leads to one that cannot be expanded: what it would write is then no better than its name."""
        reached, seen = [macro], 0
        while reached and seen < _MAX_REACHED:
            following = reached.pop()
            names = [name for name in self._names_in(following) if name in self.macros]
            seen += len(names) + 1
            for name in names:
                next_macro = self.macros[name]
                if next_macro is None:
                    return True
                reached.append(next_macro)
        return False

    def _names_in(self, macro: Macro) -> tuple[str, ...]:
        """The control sequences of a macro's body, the first ones of very many."""
        if macro.is_final:
            return ()
        if macro.body not in self.mentioned:
            found = islice(_CONTROL.finditer(macro.body), _MAX_REACHED)
            self.mentioned[macro.body] = tuple(match[0] for match in found)
        return self.mentioned[macro.body]

    def _push(self, frame: _Frame, name: str, macro: Macro, body: str) -> bool:
        self._charge(len(body) + _STEP_CHARS)
        if self.call and self.call.left <= 0:
            return self._take_back(self.call)
        self.expanded += 1
        if not macro.parameters and name[1:2].isalpha():
            self._end_name(frame)
        if self._wants_one_token() and body and not _ONE_TOKEN.match(body):
            body = f"{{{body}}}"
        if macro.is_final:
            self._write(body)
        else:
            self.frames.append(_Frame(body))
        return True

    @staticmethod
    def _end_name(frame: _Frame) -> None:
        r"""Pass over the blanks that end a macro's name, or the empty group: `\x{} y` is what `\x` says, and ` y`."""
        if group := _EMPTY_GROUP.match(frame.text, frame.position):
            frame.position = frame.name_end = group.end()
        else:
            frame.position = _BLANKS.match(frame.text, frame.position).end()  # type: ignore[union-attr]

    def _wants_one_token(self) -> bool:
        word = _WORD_AT_END.search(self.pieces[-1][-_MAX_WORD_CHARS:]) if self.pieces else None
        return bool(word) and word[1] in _TAKES_ONE_TOKEN  # type: ignore[index]

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
