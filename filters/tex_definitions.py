r"""Reads the macro definitions of TeX source: `\newcommand` and its kin, `\def`, `\let`, `\DeclareMathOperator`."""

import re
from dataclasses import dataclass

from filters.tex_groups import group_end, option_end

DEFINITION = re.compile(
    r"""\\(?:(?P<command>(?:re)?newcommand|providecommand|DeclareRobustCommand)\*?
    |(?:(?:long|global|outer|protected)\s*\\)*(?P<plain>[gex]?def)
    |(?:global\s*\\)?(?P<alias>let)
    |(?P<operator>DeclareMathOperator)(?P<star>\*?))(?![A-Za-z@])""",
    re.VERBOSE,
)
_NAME = re.compile(r"\s*(?:\{\s*(\\(?:[A-Za-z@]+|[^A-Za-z\s]))\s*\}|(\\(?:[A-Za-z@]+|[^A-Za-z\s])))[ \t]*")
_ALIAS = re.compile(r"\s*=?\s*(\\(?:[A-Za-z@]+|[^A-Za-z\s]))")
_PARAMETER_COUNT = re.compile(r"\s*\[\s*([0-9])\s*\]")
_PARAMETER_TEXT = re.compile(r"(?:\s*#[1-9])*\s*(?=\{)")
_GAP = re.compile(r"[ \t]*\n?[ \t]*")
_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_ENDS_WITH_WORD = re.compile(r"\\[A-Za-z@]+\Z")
_PARAMETER = re.compile(r"##|#([1-9])")
_MACHINERY = re.compile(
    r"\\(?:[A-Za-z]*@|if(?!f(?![A-Za-z]))|expandafter|csname|catcode|futurelet|noexpand|the(?![A-Za-z])|ProcessOption"
    r"|NewDocumentCommand|verb(?![A-Za-z])|(?:re)?newenvironment)"
)
_MAX_OPTION_CHARS = 5000
_MAX_WORD_CHARS = 100

_STRUCTURE = (
    r"\part \chapter \section \subsection \subsubsection \paragraph \subparagraph \begin \end \title \abstract "
    r"\appendix \documentclass \documentstyle \usepackage \input \include \bibliography \bibitem \item "
    r"\\ \{ \} \% \# \$ \& \_ \[ \] \( \) \newcommand \renewcommand \def \let \relax"
)
STRUCTURE = frozenset(_STRUCTURE.split())
"""What later rules find their way by: never expanded, whoever redefines it."""


class UnclosedGroupError(ValueError):
    """A group without its end: `searched_chars` is what it cost to find that out."""

    def __init__(self, searched_chars: int) -> None:
        super().__init__(f"no closing brace within {searched_chars} characters")
        self.searched_chars = searched_chars


@dataclass(frozen=True, slots=True)
class Macro:
    """A user's macro: `parameters` counts its arguments; the first is optional where `default` is not None."""

    parameters: int
    default: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What a definition says. `macro` is None where it is beyond us: `\\def` with delimiters, TeX's own machinery."""

    name: str
    macro: Macro | None
    end: int


def read_definition(text: str, match: re.Match[str]) -> Definition | None:
    """The definition at a match of DEFINITION; None where name or body is missing. Raises UnclosedGroupError."""
    name = _NAME.match(text, match.end())
    if not name:
        return None
    called, position = name[1] or name[2], name.end()
    if match["alias"]:
        return _alias(text, called, position)
    if match["operator"]:
        body, end = _body(text, position)
        text_of_it = body and f"\\operatorname{match['star']}{{{body}}}"
        return Definition(called, _macro(called, 0, None, text_of_it), end) if text_of_it else None
    return _plain(text, called, position) if match["plain"] else _command(text, called, position)


def _alias(text: str, name: str, position: int) -> Definition | None:
    target = _ALIAS.match(text, position)
    if not target:
        return None
    return Definition(name, _macro(name, 0, None, target[1]), target.end())


def _plain(text: str, name: str, position: int) -> Definition | None:
    parameters = _PARAMETER_TEXT.match(text, position)
    opening = text.find("{", position, position + 200)
    if opening < 0:
        return None
    end = _closed(text, opening)
    if not parameters:
        return Definition(name, None, end)
    return Definition(name, _macro(name, parameters[0].count("#"), None, text[opening + 1 : end - 1]), end)


def _command(text: str, name: str, position: int) -> Definition | None:
    count, default = _PARAMETER_COUNT.match(text, position), None
    if count:
        position = _gap(text, count.end())
        if text[position : position + 1] == "[":
            end = option_end(text, position, position + _MAX_OPTION_CHARS)
            if end < 0:
                return None
            default, position = text[position + 1 : end - 1], end
    body, end = _body(text, position)
    return None if body is None else Definition(name, _macro(name, int(count[1]) if count else 0, default, body), end)


def _body(text: str, position: int) -> tuple[str | None, int]:
    """A group without its braces, or one control sequence; None where neither follows."""
    position = _gap(text, position)
    if text[position : position + 1] == "{":
        end = _closed(text, position)
        return text[position + 1 : end - 1], end
    control = _CONTROL.match(text, position)
    return (control[0], control.end()) if control else (None, position)


def _macro(name: str, parameters: int, default: str | None, body: str) -> Macro | None:
    unusable = name in STRUCTURE or "@" in name or _MACHINERY.search(body)
    return None if unusable else Macro(parameters, default, body)


def _closed(text: str, position: int) -> int:
    """Where the group that opens at `position` ends; raises UnclosedGroupError."""
    end = group_end(text, position, len(text))
    if end < 0:
        raise UnclosedGroupError(len(text) - position)
    return end


def _gap(text: str, position: int) -> int:
    return _GAP.match(text, position).end()  # type: ignore[union-attr]


def read_arguments(text: str, position: int, macro: Macro) -> tuple[list[str], int] | None:
    """The arguments of a call whose name ends at `position`, and where they end; None where one is missing.

    Raises UnclosedGroupError.
    """
    arguments: list[str] = []
    for index in range(macro.parameters):
        position = _gap(text, position)
        following = text[position : position + 1]
        if index == 0 and macro.default is not None:
            end = option_end(text, position, position + _MAX_OPTION_CHARS) if following == "[" else -1
            arguments.append(text[position + 1 : end - 1] if end >= 0 else macro.default)
            position = max(position, end)
        elif following in ("", "}", "\n"):
            return None
        elif following == "{":
            end = _closed(text, position)
            arguments.append(text[position + 1 : end - 1])
            position = end
        else:
            control = _CONTROL.match(text, position)
            arguments.append(control[0] if control else following)
            position = control.end() if control else position + 1
    return arguments, position


def fill_in(macro: Macro, arguments: list[str]) -> str:
    r"""The macro's body with its arguments in place; `\alpha#1` with `b` is `\alpha b`, not `\alphab`."""
    if "#" not in macro.body:
        return macro.body
    pieces: list[str] = []
    position = 0
    for match in _PARAMETER.finditer(macro.body):
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
