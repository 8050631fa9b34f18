r"""Reads the macro definitions of TeX source: `\newcommand` and its kin, `\def`, `\let`, `\DeclareMathOperator`."""

import re
from dataclasses import dataclass

from filters.tex_arguments import Macro, Parameter, UnclosedGroupError, after_gap
from filters.tex_groups import group_end, option_end

DEFINITION = re.compile(
    r"""\\(?:(?P<command>(?:re)?newcommand|providecommand|DeclareRobustCommand|(?:re)?newrobustcmd|providerobustcmd)\*?
    |(?P<document>(?:New|Renew|Provide|Declare)(?:Expandable)?DocumentCommand)
    |(?P<prefixes>(?:(?:long|global|outer|protected)\s*\\)*)(?P<plain>[gex]?def)
    |(?P<global>global\s*\\)?(?P<alias>let)
    |(?P<operator>DeclareMathOperator)(?P<star>\*?))(?![A-Za-z@])""",
    re.VERBOSE,
)
_COMMANDS = (
    r"\newcommand \renewcommand \providecommand \DeclareRobustCommand \newrobustcmd \renewrobustcmd \providerobustcmd "
    r"\def \gdef \edef \xdef \long \global \outer \protected \let \DeclareMathOperator "
    r"\NewDocumentCommand \RenewDocumentCommand \ProvideDocumentCommand \DeclareDocumentCommand "
    r"\NewExpandableDocumentCommand \RenewExpandableDocumentCommand \ProvideExpandableDocumentCommand "
    r"\DeclareExpandableDocumentCommand"
)
DEFINING = frozenset(_COMMANDS.split())
"""The control words that a match of DEFINITION begins with."""

_CONTROL_NAME = r"\\(?:[A-Za-z@]+|[^A-Za-z\s])"
_NAME = re.compile(rf"\s*(?:\{{\s*({_CONTROL_NAME})\s*\}}|({_CONTROL_NAME}))[ \t]*")
_ALIAS = re.compile(rf"\s*=?[ \t]?({_CONTROL_NAME}|[^\s\\{{}}#%&$~])")
_PARAMETER_COUNT = re.compile(r"\s*\[\s*([0-9])\s*\]")
_MARK = re.compile(r"#([1-9])")
_ARGUMENT_TYPE = re.compile(r"\s*\+?(?:(?P<plain>m)|(?P<optional>O)\s*(?=\{))")
_CONTROL = re.compile(r"\\(?:[A-Za-z@]+|.)", re.DOTALL)
_MACHINERY = re.compile(
    r"\\(?:[A-Za-z]+@|@[A-Za-z]|if(?!f(?![A-Za-z]))|expandafter|csname|catcode|futurelet|noexpand|the(?![A-Za-z])|ProcessOption"
    r"|NewDocumentCommand|verb(?![A-Za-z])|(?:re)?newenvironment|IfNoValue|IfBooleanT|IfValueT)"
)
_MODES = re.compile(
    r"\\ifmmode(?![A-Za-z@])(?P<math>[^\\]*(?:\\(?!if|else|fi)[^\\]*)*)\\else(?P<text>.*?)\\fi\s*", re.DOTALL
)
_HEADING_NAME = re.compile(r"\\(?!the)[A-Za-z]{0,4}?(?:chapter|(?:sub){0,2}section|(?:sub)?paragraph)")
_HEADING = re.compile(r"\\(?:part|chapter|(?:sub){0,2}section|(?:sub)?paragraph)(?![A-Za-z@])")
_DOT = re.compile(r"\s*\\futurelet\s*\\@let@token\s*\\@onedot\s*")
DOT = r"\one@dot"
r"""What `\onedot` of computer vision's templates stands for: a full stop, unless one follows."""
_CONSOLE = re.compile(
    r"\\(?:(?:Package|Class)(?:Warning|Info)(?:NoLine)?\s*\{[^{}]*\}|typeout(?![A-Za-z@]))\s*\{[^{}]*\}"
)
"""What a macro says to who runs TeX (`\\todo` warns of itself): it stands in no paper."""
_MATH_SIGNS = re.compile(r"\\ensuremath|[\s${}]|\\[()]|\\relax(?![A-Za-z@])")
_MAX_OPTION_CHARS = 5000
_MAX_PARAMETER_CHARS = 200

_STRUCTURE = (
    r"\part \chapter \section \subsection \subsubsection \paragraph \subparagraph \begin \end \title \abstract "
    r"\newsec \subsec \beginsection \appendices \listrefs \Refs \bye "
    r"\appendix \documentclass \documentstyle \usepackage \input \include \bibliography \bibitem \item "
    r"\\ \{ \} \% \# \$ \& \_ \[ \] \( \) \newcommand \renewcommand \def \let \relax"
)
STRUCTURE = frozenset(_STRUCTURE.split())
"""What later rules find their way by: never expanded, whoever redefines it."""


@dataclass(frozen=True, slots=True)
class Definition:
    r"""What a definition says. `macro` is None where it is beyond us: TeX's own machinery, kinds of arguments we lack.

    `alias` is what `\let` names, which is then meant as it is now; `is_global` outlives the group around it.
    """

    name: str
    macro: Macro | None
    end: int
    alias: str | None = None
    is_global: bool = False


def read_definition(text: str, match: re.Match[str]) -> Definition | None:
    """The definition at a match of DEFINITION; None where name or body is missing. Raises UnclosedGroupError."""
    name = _NAME.match(text, match.end())
    if not name:
        return None
    called, position = name[1] or name[2], name.end()
    if match["alias"]:
        return _alias(text, called, position, is_global=bool(match["global"]))
    if match["operator"]:
        body, end = _body(text, position)
        text_of_it = body and f"\\operatorname{match['star']}{{{body}}}"
        return Definition(called, _macro(called, text_of_it), end) if text_of_it else None
    if match["plain"]:
        is_global = match["plain"][0] in "gx" or "global" in match["prefixes"]
        return _plain(text, called, position, expands=match["plain"][0] in "ex", is_global=is_global)
    return _document(text, called, position) if match["document"] else _command(text, called, position)


def _alias(text: str, name: str, position: int, *, is_global: bool) -> Definition | None:
    target = _ALIAS.match(text, position)
    if not target:
        return None
    macro = _macro(name, target[1], is_final=True) if _macro(name, name) else None
    return Definition(name, macro, target.end(), alias=target[1], is_global=is_global)


def _plain(text: str, name: str, position: int, *, expands: bool, is_global: bool) -> Definition | None:
    opening = text.find("{", position, position + _MAX_PARAMETER_CHARS)
    if opening < 0:
        return None
    end = _closed(text, opening)
    prefix, *marks = _MARK.split(text[position:opening].lstrip())
    numbers, delimiters = marks[::2], marks[1::2]
    body = text[opening + 1 : end - 1]
    is_sound = numbers == [str(number) for number in range(1, len(numbers) + 1)]
    is_sound = is_sound and not any("#" in part or "\n\n" in part for part in (prefix, *delimiters))
    if not is_sound or (expands and name in body):
        return Definition(name, None, end, is_global=is_global)
    parameters = tuple(Parameter(delimiter=delimiter) for delimiter in delimiters)
    return Definition(name, _macro(name, body, parameters, prefix=prefix), end, is_global=is_global)


def _command(text: str, name: str, position: int) -> Definition | None:
    count = _PARAMETER_COUNT.match(text, position)
    parameters = [Parameter()] * int(count[1]) if count else []
    if count:
        position = after_gap(text, count.end())
        if text[position : position + 1] == "[":
            end = option_end(text, position, position + _MAX_OPTION_CHARS)
            if end < 0:
                return None
            parameters[:1] = [Parameter(default=text[position + 1 : end - 1])]
            position = end
    body, end = _body(text, position)
    return None if body is None else Definition(name, _macro(name, body, tuple(parameters)), end)


def _document(text: str, name: str, position: int) -> Definition | None:
    r"""`\NewDocumentCommand`: mandatory arguments and those with a default are ours, others are not."""
    position = after_gap(text, position)
    if text[position : position + 1] != "{":
        return None
    end = _closed(text, position)
    parameters: list[Parameter] = []
    place: int = position + 1
    while kind := _ARGUMENT_TYPE.match(text, place, end):
        place = kind.end()
        if kind["optional"]:
            place = group_end(text, kind.end(), end)
            if place < 0:
                return None
        default = text[kind.end() + 1 : place - 1] if kind["optional"] else None
        parameters.append(Parameter(default=default))
    is_ours = not text[place : end - 1].strip()
    body, end = _body(text, end)
    if body is None:
        return None
    return Definition(name, _macro(name, body, tuple(parameters)) if is_ours else None, end)


def _body(text: str, position: int) -> tuple[str | None, int]:
    """A group without its braces, or one control sequence; None where neither follows."""
    position = after_gap(text, position)
    if text[position : position + 1] == "{":
        end = _closed(text, position)
        return text[position + 1 : end - 1], end
    control = _CONTROL.match(text, position)
    return (control[0], control.end()) if control else (None, position)


def _macro(
    name: str, body: str, parameters: tuple[Parameter, ...] = (), *, prefix: str = "", is_final: bool = False
) -> Macro | None:
    if r"\ifmmode" in body:
        body = _MODES.sub(_in_either_mode, body)
    body = _CONSOLE.sub("", body)
    if _DOT.fullmatch(body):
        return Macro(DOT)
    is_conditional = name.startswith(r"\if") and name != r"\iff"
    if parameters and _HEADING_NAME.fullmatch(name) and not _HEADING.search(body):
        return None  # A heading made by hand is known by its name alone.
    if name in STRUCTURE or "@" in name or is_conditional or _MACHINERY.search(body):
        return None
    return Macro(body, parameters, prefix, is_final)


def _in_either_mode(match: re.Match[str]) -> str:
    r"""`\ifmmode x\else$x$\fi` is `\ensuremath{x}`; what says different things in text and in maths stays."""
    math, text = match["math"].strip(), match["text"].strip()
    same = _MATH_SIGNS.sub("", math) == _MATH_SIGNS.sub("", text)
    return f"\\ensuremath{{{math}}}" if same else match[0]


def _closed(text: str, position: int) -> int:
    """Where the group that opens at `position` ends; raises UnclosedGroupError."""
    end = group_end(text, position, len(text))
    if end < 0:
        raise UnclosedGroupError(len(text) - position)
    return end
