"""Reads TeX as far as the rules need it: what is comment, what is literal."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from filters.tex_flags import Flags, condition_end, constant_condition, has_flags
from filters.tex_groups import Groups

Span = tuple[int, int]

_LITERAL = ("verbatim", "Verbatim", "BVerbatim", "LVerbatim", "SaveVerbatim", "VerbatimOut", "lstlisting", "minted")
_MORE_LITERAL = ("filecontents", "alltt", "tcblisting", "verbatimtab", "boxedverbatim", "Sinput", "Soutput")
LITERAL_ENVIRONMENTS = frozenset(name + star for name in (*_LITERAL, *_MORE_LITERAL) for star in ("", "*"))
"""Environments whose content TeX does not read as commands: a `%` in them is a percent sign."""

_TAKES_ARGUMENTS = re.compile(
    "iff|ifthenelse|if(not)?blank|ifstr(equal|empty)|if(cs)?(def|undef)|if(cs|def)(empty|void|string|equal)|ifbool(expr)?"
    "|if(num|dim)(comp|equal|less|greater|odd)|iftoggle|ifinlist|ifundefined|iflanguage|ifpackageloaded"
)
"""Commands that look like conditionals but end with their arguments, not with `\\fi`."""

_TOKEN = re.compile(
    r"""(?P<percent>%)
    |\\(?:[\\%]
    |begin\s*\{(?P<environment>[A-Za-z@]+\*?)\}
    |(?P<condition>if[A-Za-z@]*)
    |(?P<plain>comment(?![A-Za-z@]))
    |(?=[DVbcefhilmnpsuv])(?:
     (?P<branch>(?:else|fi)(?![A-Za-z@]))
    |(?:verb|Verb|spverb)(?![A-Za-z@])\*?(?P<verb>[^\s*A-Za-z])
    |(?:lstinline(?:\[[^\]\n]*\])?|mint(?:inline)?(?:\[[^\]\n]*\])?\{[a-z0-9+-]*\})(?P<listing>[^\s\[A-Za-z@])
    |(?P<address>(?:url|href|path|nolinkurl|burl)\s*(?:\[[^\]\n]*\])?\{(?:[^{}\n]|\{[^{}\n]*\})*\})
    |newif\s*\\[A-Za-z@]+
    |let\s*\\if[A-Za-z@]+(?:\s*=?\s*\\if[A-Za-z@]+)?
    |(?P<rule>ex|in)cludecomment\s*\{(?P<rules>[A-Za-z]+)\}
    |(?:lstnewenvironment|DefineVerbatimEnvironment|newverbatim)\s*\{(?P<literal>[A-Za-z]+)\}
    |catcode\s*(?:`\\%|37)\s*=?\s*(?P<category>\d{1,2})))""",
    re.VERBOSE,
)
_COMMENT_CATEGORY = "14"


@dataclass(frozen=True, slots=True)
class Regions:
    """Where a TeX text says nothing (`comments`) and where it speaks literally (`literals`): sorted, disjoint spans.

    `lines` are the comments that begin with `%`; they end before their line's end.
    """

    comments: tuple[Span, ...]
    literals: tuple[Span, ...]
    lines: int


def read_regions(text: str) -> Regions:
    r"""The comments and literal passages of a text, in one pass; in two where it has flags of `\newif`."""
    reader = _RegionReader(text, None)
    regions = reader.read()
    if has_flags(text):
        flags = Flags(text, regions.comments, reader.undecided, reader.groups)
        return _RegionReader(text, flags).read() if flags else regions
    return regions


@dataclass(slots=True)
class _Conditional:
    r"""A conditional that is open: what it is (None: undecided), where its `\if` and `\else` stand, what bounds it."""

    value: bool | None
    opening: Span
    group_end: int
    otherwise: Span | None = None

    @property
    def hides(self) -> bool:
        return self.value is not None and self.value == (self.otherwise is not None)


class _RegionReader:
    """The state of one pass: what is hidden, which conditionals are open, which ends are known to be missing."""

    def __init__(self, text: str, flags: Flags | None) -> None:
        self.text = text
        self.flags = flags
        self.hidden = {"comment"}
        self.literal = set(LITERAL_ENVIRONMENTS)
        self.comments: list[Span] = []
        self.literals: list[Span] = []
        self.lines = 0
        self.open: list[_Conditional] = []
        self.hiding = 0
        self.undecided: list[Span] = []
        self.percent_ends = 0
        self.missing: set[str] = set()

    @cached_property
    def groups(self) -> Groups:
        return Groups(self.text, scopes=False)

    def read(self) -> Regions:
        position = 0
        while match := _TOKEN.search(self.text, position):
            position = self._token(match)
        self.undecided += [(conditional.opening[0], len(self.text)) for conditional in self.open]
        comments = _outermost(self.comments)
        return Regions(comments, tuple(outside(self.literals, comments)), self.lines)

    def _token(self, match: re.Match[str]) -> int:
        """Take note of one token; where to read on."""
        kind, span = match.lastgroup, match.span()
        while self.open and span[0] > self.open[-1].group_end:
            self._leave(self.open.pop(), None)  # `\def\hide{\iffalse}`: a macro holds one half of it.
        if kind == "percent":
            return self._percent(*span)
        if kind == "condition":
            return self._enter(match[kind], span)
        if kind == "branch":
            self._branch(match[kind], span)
        elif kind and not self.hiding:  # TeX looks for nothing else in what it skips.
            return self._passage(kind, match)
        return span[1]

    def _passage(self, kind: str, match: re.Match[str]) -> int:
        """Take note of a passage that is hidden or literal, or of what makes one so; where to read on."""
        start, end = match.span()
        if kind == "environment":
            return self._environment(start, end, match[kind])
        if kind in ("verb", "listing"):
            return self._verb(match, match[kind])
        if kind == "plain":
            return self._hide(start, end, r"\endcomment")
        if kind == "address":
            self.literals.append((start, end))
        elif kind == "category":
            self.percent_ends = 0 if match[kind] == _COMMENT_CATEGORY else self.groups.end_of(start)
        elif kind == "literal":
            self.literal.add(match[kind])
        elif match["rule"] == "ex":
            self.hidden.add(match["rules"])
        else:
            self.hidden.discard(match["rules"])
        return end

    def _percent(self, start: int, end: int) -> int:
        if start < self.percent_ends:
            self.literals.append((start, end))
            return end
        line_end = self._find("\n", end)
        end = len(self.text) if line_end < 0 else line_end
        self.comments.append((start, end))
        self.lines += 1
        return end

    def _find(self, needle: str, start: int) -> int:
        """`str.find` that never looks twice for what is not there: thousands of unclosed beginnings stay linear."""
        if needle in self.missing:
            return -1
        found = self.text.find(needle, start)
        if found < 0:
            self.missing.add(needle)
        return found

    def _environment(self, start: int, end: int, name: str) -> int:
        closing = f"\\end{{{name}}}"
        if name in self.hidden:
            return self._hide(start, end, closing)
        if name not in self.literal:
            return end
        found = self._find(closing, end)
        if found < 0:
            return end
        self.literals.append((start, found + len(closing)))
        return found + len(closing)

    def _hide(self, start: int, end: int, closing: str) -> int:
        """Everything up to `closing` is a comment, unless this is half of a macro that wraps it."""
        found = -1 if self.text.startswith("}", end) else self._find(closing, end)
        if found < 0:
            return end
        self.comments.append((start, found + len(closing)))
        return found + len(closing)

    def _verb(self, match: re.Match[str], delimiter: str) -> int:
        closing = "}" if delimiter == "{" else delimiter
        line_end = self.text.find("\n", match.end(), match.end() + 1000)
        end = self.text.find(closing, match.end(), line_end if line_end >= 0 else match.end() + 1000)
        if end < 0:
            return match.end() - 1  # No \verb after all: its delimiter may be a percent sign.
        self.literals.append((match.start(), end + 1))
        return end + 1

    def _branch(self, name: str, span: Span) -> None:
        if not self.open:
            return
        if name == "fi":
            self._leave(self.open.pop(), span)
        elif self.open[-1].otherwise is None:
            self.hiding -= self.open[-1].hides
            self.open[-1].otherwise = span
            self.hiding += self.open[-1].hides

    def _enter(self, name: str, span: Span) -> int:
        if _TAKES_ARGUMENTS.fullmatch(name):
            return span[1]
        value = constant_condition(name, self.text, span[1])
        if value is None and self.flags and not self.hiding:
            value = self.flags.value(name[2:], span[0])
        end = span[1] if value is None else condition_end(name, self.text, span[1])
        group_end = len(self.text) if value is None else self.groups.end_of(span[0])
        self.open.append(_Conditional(value, (span[0], end), group_end))
        self.hiding += self.open[-1].hides
        return end

    def _leave(self, conditional: _Conditional, closing: Span | None) -> None:
        r"""Note what a conditional hides, now that it ends with `\fi`, or without one and hides nothing."""
        self.hiding -= conditional.hides
        opening, otherwise = conditional.opening, conditional.otherwise
        if conditional.value is None or closing is None:
            self.undecided.append((opening[0], closing[1] if closing else opening[1]))
        elif not conditional.value:
            end = otherwise or closing
            self.comments += [(opening[0], end[1]), *([closing] if otherwise else [])]
        else:
            self.comments += [opening, (otherwise[0], closing[1]) if otherwise else closing]


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
