"""Reads the arguments of a call to a macro, as TeX and LaTeX do, and puts them into its body."""

import re
from dataclasses import dataclass
from functools import lru_cache

from filters.tex_groups import group_end, option_end

_GAP = re.compile(r"[ \t]*\n?[ \t]*")
_BLANKS = r"(?:[ \t]+\n?|\n)[ \t]*"
_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_ENDS_WITH_WORD = re.compile(r"\\[A-Za-z@]+\Z")
_MARK = re.compile(r"##|#([1-9])")
_MAX_ARGUMENT_CHARS = 5000
"""Of an option, or of an argument up to its delimiter."""
_MAX_WORD_CHARS = 100


class UnclosedGroupError(ValueError):
    """A group without its end: `searched_chars` is what it cost to find that out."""

    def __init__(self, searched_chars: int) -> None:
        super().__init__(f"no closing brace within {searched_chars} characters")
        self.searched_chars = searched_chars


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a macro: it is optional where it has a default, and ends with its delimiter where it has one."""

    default: str | None = None
    delimiter: str = ""


@dataclass(frozen=True, slots=True)
class Macro:
    r"""A user's macro. `prefix` stands between its name and its arguments; a final body is not read again (`\let`)."""

    body: str
    parameters: tuple[Parameter, ...] = ()
    prefix: str = ""
    is_final: bool = False

    @property
    def searches(self) -> bool:
        """Whether a call may have to look far for where its arguments end."""
        return bool(self.prefix) or any(part.delimiter or part.default is not None for part in self.parameters)


def after_gap(text: str, position: int) -> int:
    """The place after blanks and one line end."""
    return _GAP.match(text, position).end()  # type: ignore[union-attr]


def read_arguments(text: str, position: int, macro: Macro) -> tuple[list[str], int] | None:
    """The arguments of a call whose name ends at `position`, and where they end; None where one is missing.

    Raises UnclosedGroupError.
    """
    if macro.prefix or (macro.parameters and macro.parameters[0].delimiter):
        position = after_gap(text, position)
    if macro.prefix:
        prefix = _delimiter(macro.prefix).match(text, position)
        if not prefix:
            return None
        position = prefix.end()
    arguments: list[str] = []
    for parameter in macro.parameters:
        read = _argument(text, position, parameter)
        if read is None:
            return None
        arguments.append(read[0])
        position = read[1]
    return arguments, position


def _argument(text: str, position: int, parameter: Parameter) -> tuple[str, int] | None:
    if parameter.delimiter:
        return _delimited(text, position, parameter.delimiter)
    before, position = position, after_gap(text, position)
    following = text[position : position + 1]
    if parameter.default is not None:
        end = option_end(text, position, position + _MAX_ARGUMENT_CHARS) if following == "[" else -1
        return (text[position + 1 : end - 1], end) if end >= 0 else (parameter.default, before)
    if following in ("", "}", "\n"):
        return None
    if following == "{":
        end = group_end(text, position, len(text))
        if end < 0:
            raise UnclosedGroupError(len(text) - position)
        return text[position + 1 : end - 1], end
    control = _CONTROL.match(text, position)
    return (control[0], control.end()) if control else (following, position + 1)


def _delimited(text: str, position: int, delimiter: str) -> tuple[str, int] | None:
    r"""The argument up to its delimiter outside of braces, in one paragraph; braces around all of it go."""
    start, depth = position, 0
    for match in _delimiter(delimiter).finditer(text, position, position + _MAX_ARGUMENT_CHARS):
        if match["end"] is not None and not depth:
            argument = text[start : match.start()]
            is_group = argument.startswith("{") and group_end(argument, 0, len(argument)) == len(argument)
            return argument[1:-1] if is_group else argument, match.end()
        depth += 1 if match[0] == "{" else -1 if match[0] == "}" else 0
        if depth < 0 or match["paragraph"]:
            return None
    return None


@lru_cache(maxsize=1000)
def _delimiter(delimiter: str) -> re.Pattern[str]:
    """Finds a delimiter, whose blanks stand for any, or what its argument is counted by."""
    parts = (re.escape(part) for part in re.split(r"\s+", delimiter))
    word = r"(?![A-Za-z@])" if _ENDS_WITH_WORD.search(delimiter) else ""
    return re.compile(rf"(?P<end>{_BLANKS.join(parts)}{word})|(?P<paragraph>\n[ \t]*\n)|\\.|[{{}}]", re.DOTALL)


def fill_in(macro: Macro, arguments: list[str]) -> str:
    r"""The macro's body with its arguments in place; `\alpha#1` with `b` is `\alpha b`, not `\alphab`."""
    if "#" not in macro.body:
        return macro.body
    pieces: list[str] = []
    position = 0
    for match in _MARK.finditer(macro.body):
        pieces.append(macro.body[position : match.start()])
        position = match.end()
        value = "#" if not match[1] else arguments[int(match[1]) - 1] if int(match[1]) <= len(arguments) else match[0]
        pieces += [separator(pieces, value), value]
    rest = macro.body[position:]
    return "".join([*pieces, separator(pieces, rest), rest])


def separator(pieces: list[str], following: str) -> str:
    """A blank where the last piece ends with a control word and what follows would lengthen its name."""
    if not following or not ("a" <= following[0] <= "z" or "A" <= following[0] <= "Z"):
        return ""
    last = next((piece for piece in reversed(pieces) if piece), "")
    return " " if _ENDS_WITH_WORD.search(last[-_MAX_WORD_CHARS:]) else ""
