"""Reads TeX as far as the rules need it: what is comment, what is literal, where a brace group ends."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]

_LITERAL = ("verbatim", "Verbatim", "BVerbatim", "LVerbatim", "SaveVerbatim", "lstlisting", "minted", "filecontents")
LITERAL_ENVIRONMENTS = frozenset(name + star for name in (*_LITERAL, "alltt") for star in ("", "*"))
"""Environments whose content TeX does not read as commands: a `%` in them is a percent sign."""

_TAKES_ARGUMENTS = re.compile(
    "iff|ifthenelse|if(not)?blank|ifstr(equal|empty)|if(cs)?(def|undef)|if(cs|def)(empty|void|string|equal)|ifbool(expr)?"
    "|if(num|dim)(comp|equal|less|greater|odd)|iftoggle|ifinlist|ifundefined|iflanguage|ifpackageloaded"
)
"""Commands that look like conditionals but end with their arguments, not with `\\fi`."""

_TOKEN = re.compile(
    r"""(?P<percent>%)
    |\\begin\s*\{(?P<environment>[A-Za-z]+\*?)\}
    |\\verb(?![A-Za-z@])\*?(?P<verb>[^\s*])
    |\\lstinline(?![A-Za-z@])(?:\[[^\]\n]*\])?(?P<listing>[^\s\[])
    |(?P<address>\\(?:url|href|path|nolinkurl|burl)\s*(?:\[[^\]\n]*\])?\{[^{}\n]*\})
    |\\newif\s*\\[A-Za-z@]+
    |\\let\s*\\if[A-Za-z@]+(?:\s*=?\s*\\if[A-Za-z@]+)?
    |\\(?P<condition>if[A-Za-z@]*|else(?![A-Za-z@])|fi(?![A-Za-z@]))
    |\\excludecomment\s*\{(?P<excluded>[A-Za-z]+)\}
    |\\(?:[A-Za-z@]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\]]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Regions:
    """Where a TeX text says nothing (`comments`) and where it speaks literally (`literals`): sorted, disjoint spans.

    `lines` are the comments that begin with `%`; they end before their line's end.
    """

    comments: tuple[Span, ...]
    literals: tuple[Span, ...]
    lines: int


def read_regions(text: str) -> Regions:
    """The comments and literal passages of a text, in one pass."""
    return _RegionReader(text).read()


class _RegionReader:
    """The state of one pass: what is hidden, which conditionals are open, which ends are known to be missing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.hidden = {"comment"}
        self.comments: list[Span] = []
        self.literals: list[Span] = []
        self.lines = 0
        self.open: list[tuple[str, Span, Span | None]] = []
        self.conditional: list[Span] = []
        self.missing: set[str] = set()

    def read(self) -> Regions:
        position = 0
        while match := _TOKEN.search(self.text, position):
            position = self._token(match)
        balanced = _balanced(self.text, self.conditional)
        comments = _outermost([*self.comments, *balanced])
        return Regions(comments, tuple(outside(self.literals, comments)), self.lines)

    def _token(self, match: re.Match[str]) -> int:
        """Take note of one token; where to read on."""
        kind, end = match.lastgroup, match.end()
        if kind == "percent":
            line_end = self._find("\n", end)
            end = len(self.text) if line_end < 0 else line_end
            self.comments.append((match.start(), end))
            self.lines += 1
        elif kind == "environment":
            return self._environment(match)
        elif kind in ("verb", "listing"):
            return self._verb(match, match[kind])
        elif kind == "address":
            self.literals.append(match.span())
        elif kind == "condition":
            self._condition(match["condition"], match.span())
        elif kind == "excluded":
            self.hidden.add(match["excluded"])
        return end

    def _find(self, needle: str, start: int) -> int:
        """`str.find` that never looks twice for what is not there: thousands of unclosed beginnings stay linear."""
        if needle in self.missing:
            return -1
        found = self.text.find(needle, start)
        if found < 0:
            self.missing.add(needle)
        return found

    def _environment(self, match: re.Match[str]) -> int:
        name = match["environment"]
        if name not in self.hidden and name not in LITERAL_ENVIRONMENTS:
            return match.end()
        closing = f"\\end{{{name}}}"
        end = self._find(closing, match.end())
        if end < 0:
            return match.end()
        if name in self.hidden:
            self.comments.append((match.start(), end + len(closing)))
        else:
            self.literals.append((match.start(), end + len(closing)))
        return end + len(closing)

    def _verb(self, match: re.Match[str], delimiter: str) -> int:
        closing = "}" if delimiter == "{" else delimiter
        line_end = self.text.find("\n", match.end(), match.end() + 1000)
        end = self.text.find(closing, match.end(), line_end if line_end >= 0 else match.end() + 1000)
        if end < 0:
            return match.end() - 1  # No \verb after all: its delimiter may be a percent sign.
        self.literals.append((match.start(), end + 1))
        return end + 1

    def _condition(self, name: str, span: Span) -> None:
        if name == "fi":
            if self.open:
                self._close(*self.open.pop(), span)
        elif name == "else":
            if self.open:
                kind, start, _ = self.open[-1]
                self.open[-1] = (kind, start, span)
        elif not _TAKES_ARGUMENTS.fullmatch(name):
            self.open.append((name, span, None))

    def _close(self, kind: str, start: Span, otherwise: Span | None, end: Span) -> None:
        if kind == "iffalse":
            self.conditional += [(start[0], end[1])] if otherwise is None else [(start[0], otherwise[1]), end]
        elif kind == "iftrue":
            self.conditional += [start, end] if otherwise is None else [start, (otherwise[0], end[1])]


def _balanced(text: str, spans: list[Span]) -> list[Span]:
    r"""The spans that begin and end in one group: `\def\hide{\iffalse} \def\stop{\fi}` hides nothing by itself."""
    if not spans:
        return []
    positions, groups, stack = [-1], [-1], [-1]
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and len(stack) > 1:
            stack.pop()
        positions.append(match.start())
        groups.append(stack[-1])

    def group_at(position: int) -> int:
        return groups[bisect_right(positions, position - 1) - 1]

    return [span for span in spans if group_at(span[0]) == group_at(span[1])]


def _outermost(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in order, each one that begins inside another left out or joined to it."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def outside(spans: Iterable[Span], fences: tuple[Span, ...]) -> Iterator[Span]:
    """The spans, in order, that do not begin inside one of the sorted, disjoint fences."""
    index = 0
    for span in sorted(spans):
        while index < len(fences) and fences[index][1] <= span[0]:
            index += 1
        if index == len(fences) or span[0] < fences[index][0]:
            yield span


def group_end(text: str, start: int, limit: int) -> int:
    """Where the group whose `{` is at `start` ends, just after its `}`; -1 where that is not before `limit`."""
    depth = 0
    for match in _BRACE.finditer(text, start, limit):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if not depth:
                return match.end()
    return -1


def option_end(text: str, start: int, limit: int) -> int:
    """Where the option whose `[` is at `start` ends, just after its `]`; a bracket inside braces does not count."""
    depth = 0
    for match in _BRACKET.finditer(text, start, limit):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth < 0:
                return -1
        elif match[0] == "]" and not depth:
            return match.end()
    return -1
