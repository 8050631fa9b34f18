r"""Decides the conditionals of TeX source that can be decided: `\iffalse`, `\if0`, `\ifnum`, flags of `\newif`."""

import re
from bisect import bisect_left

from filters.tex_groups import Groups

Span = tuple[int, int]

_NEW_FLAG = re.compile(r"\\newif\s*\\if([A-Za-z@]+)")
_LET = re.compile(r"\\let\s*\\if([A-Za-z@]+)\s*=?\s*\\if(?:true|false)(?![A-Za-z@])")
_SETTING = (
    r"\\(?:newif\s*\\if(?P<new>[A-Za-z@]+)"
    r"|let\s*\\if(?P<let>[A-Za-z@]+)\s*=?\s*\\if(?P<meaning>true|false)(?![A-Za-z@])"
)
_CLASS = re.compile(r"\\documentclass\s*\[(?P<options>[^\[\]]{0,1000})\]\s*\{IEEEtran\}")
_CLASS_FLAG = re.compile(
    r"\\if(CLASSOPTION(?:compsoc|comsoc|transmag|captionsoff|peerreview|conference|technote|onecolumn))\b"
)
_MAX_FLAGS = 100
_TWO_TOKENS = re.compile(r"[ \t]*([^\\{}\s#%])(\s|[^\\{}#%])")
_NUMBERS = re.compile(r"\s*(\d{1,9})\s*([<=>])\s*(\d{1,9})(?![0-9])")


class Flags:
    r"""What each flag of `\newif` is at each place of a text; None where only running TeX could tell.

    Those of IEEEtran, which papers ask around their first heading, are its class's options.

    A setting inside a group, or inside a conditional that cannot be decided, makes its flag undecided from there on. A
    conditional inside a group may be part of a macro, which is called later: it is decided only where no later setting
    says otherwise.
    """

    def __init__(self, text: str, hidden: tuple[Span, ...], undecided: list[Span], groups: Groups) -> None:
        self._groups = groups
        self._settings: dict[str, list[tuple[int, bool | None]]] = {}
        self._settings.update(_class_options(text, hidden))
        names = sorted({match[1] for match in _NEW_FLAG.finditer(text)} | {match[1] for match in _LET.finditer(text)})
        if not names or len(names) > _MAX_FLAGS:
            return
        setting = re.compile(rf"{_SETTING}|(?P<set>{'|'.join(names)})(?P<value>true|false)(?![A-Za-z@]))")
        fences, unsure = _Fences(hidden), _Fences(tuple(sorted(undecided)))
        for match in setting.finditer(text):
            if fences.hold(match.start()):
                continue
            name = match["new"] or match["let"] or match["set"]
            value: bool | None = (match["meaning"] or match["value"] or "false") == "true"
            if unsure.hold(match.start()) or groups.is_inside(match.start()):
                value = None
            self._settings.setdefault(name, []).append((match.start(), value))

    def __bool__(self) -> bool:
        return bool(self._settings)

    def value(self, name: str, position: int) -> bool | None:
        """The flag's value for a conditional at a position."""
        settings = self._settings.get(name, [])
        index = bisect_left(settings, (position,))
        if not index:
            return None
        value = settings[index - 1][1]
        if self._groups.is_inside(position) and any(later != value for _, later in settings[index:]):
            return None
        return value


def _class_options(text: str, hidden: tuple[Span, ...]) -> dict[str, list[tuple[int, bool | None]]]:
    fences = _Fences(hidden)
    loaded = next((match for match in _CLASS.finditer(text) if not fences.hold(match.start())), None)
    if not loaded:
        return {}
    options = {f"CLASSOPTION{option.strip()}" for option in loaded["options"].split(",")}
    return {name: [(0, name in options)] for name in set(_CLASS_FLAG.findall(text))}


class _Fences:
    """Sorted spans, asked in rising order whether one holds a position."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = spans
        self._index = 0
        self._end = -1

    def hold(self, position: int) -> bool:
        while self._index < len(self._spans) and self._spans[self._index][0] <= position:
            self._end = max(self._end, self._spans[self._index][1])
            self._index += 1
        return position < self._end


def has_flags(text: str) -> bool:
    r"""Whether a text may have flags: `\newif`, `\let` to `\iftrue` or `\iffalse`, options of a class."""
    return r"\newif" in text or r"\ifCLASSOPTION" in text or bool(_LET.search(text))


def constant_condition(name: str, text: str, position: int) -> bool | None:
    r"""What `\if…` with its name's end at `position` is, whatever the document: `\iffalse`, `\if0`, `\ifnum0=1`."""
    if name in ("iftrue", "iffalse"):
        return name == "iftrue"
    if name == "if" and (tokens := _TWO_TOKENS.match(text, position)):
        return tokens[1] == tokens[2]
    if name == "ifnum" and (numbers := _NUMBERS.match(text, position)):
        left, right = int(numbers[1]), int(numbers[3])
        return left < right if numbers[2] == "<" else left > right if numbers[2] == ">" else left == right
    return None


def condition_end(name: str, text: str, position: int) -> int:
    """Where a constant condition ends: what it compares is no text."""
    pattern = {"if": _TWO_TOKENS, "ifnum": _NUMBERS}.get(name)
    match = pattern.match(text, position) if pattern else None
    return match.end() if match else position
