"""The brackets and tags of a wikitext page, resolved in one pass with a stack: linear in the page, bounded in depth."""

import html
import re
from dataclasses import dataclass

from filters.namespaces import dropped_prefixes
from filters.superscript import subscript, superscript
from filters.wikilayout import BREAK
from filters.wikilinks import link_text
from filters.wikimend import HOLE
from filters.wikitemplates import template_text

MAX_DEPTH = 100
"""As deep as MediaWiki itself expands templates."""
MAX_READINGS = 8
"""A bracket that closes has its content read once more: a page may be read so many times over in all."""

# Not one possessive group with groups in it: Python before 3.11.4 gives those back empty.
_TOKEN = re.compile(
    r"\[\[(?:([^\[\]{}|<>\n]++)(?:\|([^\[\]{}|<>\n]*+))?\]\](?!\]))?"  # A link with nothing in it, or its brackets.
    r"|\{\{+|\}\}+|\{\||\|\}|\]\]|<(?:!--|/?([A-Za-z][A-Za-z0-9-]*+)[^<>]*+>)"
)
_RAISED = re.compile(r"<(sup|sub)>[ ]?([-+−]?[0-9]{1,6}[-+−]?|[-+−n])[ ]?</\1>", re.IGNORECASE)
_NOWIKI_TAG = re.compile(r"</?nowiki\s*/?>", re.IGNORECASE)
_POEM_TAG = re.compile(r"</?poem[^<>]*+>", re.IGNORECASE)

_SILENT = frozenset(
    "categorytree chart gallery graph hiero imagemap includeonly indicator inputbox mapframe maplink ref "
    "references score script style templatedata templatestyles timeline".split()
)
_VERBATIM = frozenset("ce chem math nowiki pre source syntaxhighlight".split())
_INLINE = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font i img ins kbd mark nobr noinclude nowiki onlyinclude q "
    "rb rp rt rtc ruby s samp section small span strike strong sub sup td th time tr translate tt tvar u "
    "var wbr".split()
)
_BLOCK = frozenset("blockquote center dd div dl dt h1 h2 h3 h4 h5 h6 hr ol p poem tbody thead ul".split())
_CLOSING_TAG = {
    name: re.compile(rf"</{name}\s{{0,20}}>", re.IGNORECASE) for name in sorted(_SILENT | _VERBATIM | {"poem"})
}


class TooTangledError(ValueError):
    """The page nests deeper than any article, or would have to be read too often."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A page without brackets: where something was dropped stands HOLE, and for formulas and code their numbers.

    `unbalanced` says that a bracket or tag was never closed.
    """

    text: str
    verbatim: list[str]
    unbalanced: bool


def resolve_brackets(wikitext: str, language: str | None) -> Resolved:
    """Templates, tables and silent tags become holes, links their labels. Raises TooTangledError."""
    brackets = _Brackets(wikitext, language)
    text = brackets.strip()
    return Resolved(text, brackets.verbatim, brackets.unbalanced)


class _Frame:
    """An open bracket: its kind (`{`, `[`, `|` or `t`, empty for the page), what opened it, and its text so far."""

    __slots__ = ("count", "kind", "opener", "pieces")

    def __init__(self, kind: str, opener: str, count: int = 0) -> None:
        self.kind = kind
        self.opener = opener
        self.count = count
        self.pieces: list[str] = []


class _Brackets:
    """One pass over a page's brackets and tags with a stack, as MediaWiki's preprocessor goes about it."""

    def __init__(self, text: str, language: str | None) -> None:
        self._text = text
        self._language = language
        self._dropped = dropped_prefixes(language)
        self._stack = [_Frame("", "")]
        self._readings_left = MAX_READINGS * len(text) + 1000
        self._never_closed: set[str] = set()
        self.verbatim: list[str] = []
        self.unbalanced = False

    def strip(self) -> str:
        """The page with templates, tables and silent tags as holes, and links as their labels."""
        text, position, search, dropped = self._text, 0, _TOKEN.search, self._dropped
        while match := search(text, position):
            start, end = match.span()
            pieces = self._stack[-1].pieces
            if start > position:
                pieces.append(text[position:start])
            position = end
            target, label, _ = match.groups()
            if target:
                pieces.append(link_text(target, label, dropped))
            else:
                position = self._mark(match, start, end)
        self._emit(text[position:])
        self._unwind(0)
        return "".join(self._stack[0].pieces)

    def _mark(self, match: re.Match[str], start: int, end: int) -> int:
        """One bracket or tag. Returns where to go on."""
        token = match[0]
        if token[0] == "<":
            return self._tag(match) if match[3] else self._comment(start)
        if token in {"{|", "|}"}:
            return self._table(token, start)
        if token == "]]":
            return self._close_link(end)
        if token[0] == "}":
            self._close_braces(len(token))
        else:
            self._open(token[0], token, len(token))
        return end

    def _emit(self, text: str) -> None:
        self._stack[-1].pieces.append(text)

    def _open(self, kind: str, opener: str, count: int = 0) -> None:
        if len(self._stack) > MAX_DEPTH:
            raise TooTangledError(f"brackets lie deeper than {MAX_DEPTH} levels")
        self._stack.append(_Frame(kind, opener, count))

    def _read(self, frame: _Frame) -> str:
        """A frame's text, as often as the page's length allows."""
        content = "".join(frame.pieces)
        self._readings_left -= len(content)
        if self._readings_left < 0:
            raise TooTangledError(f"brackets lie so that the page would be read more than {MAX_READINGS} times over")
        return content

    def _find(self, kind: str, through: str) -> int:
        """Index of the innermost open frame of a kind, if only frames of the kinds `through` lie above it; else 0."""
        for index in range(len(self._stack) - 1, 0, -1):
            if self._stack[index].kind == kind:
                return index
            if self._stack[index].kind not in through:
                return 0
        return 0

    def _unwind(self, index: int) -> None:
        """What was opened above this frame and never closed stays as it was written, tables without their rows."""
        frames = self._stack[index + 1 :]
        if not frames:
            return
        del self._stack[index + 1 :]
        self.unbalanced = True
        self._readings_left -= sum(len(frame.pieces) for frame in frames)
        table = next((place for place, frame in enumerate(frames) if frame.kind in "|t"), len(frames))
        for frame in frames[:table]:
            self._stack[-1].pieces += [frame.opener, *frame.pieces]
        if table < len(frames):
            written = ("\n" if frame.kind in "|t" else frame.opener for frame in frames[table:])
            inside = (self._read(frame) for frame in frames[table:])
            pieces = [piece for pair in zip(written, inside, strict=True) for piece in pair]
            self._stack[-1].pieces += ["\n", *_without_rows("".join(pieces))]

    def _close_braces(self, count: int) -> None:
        while count >= 2:
            index = self._find("{", "[|t")
            if not index:
                self._emit("}" * count)
                return
            self._unwind(index)
            frame = self._stack[-1]
            closed = min(count, frame.count, 3)
            count -= closed
            frame.count -= closed
            value = template_text(self._read(frame), self._language) if closed == 2 else HOLE
            if frame.count >= 2:
                frame.pieces = [value]
            else:
                self._stack.pop()
                self._emit("{" * frame.count + value)
        if count:
            self._emit("}")

    def _close_link(self, position: int) -> int:
        if self._stack[-1].kind != "[":
            self._emit("]]")
            return position
        content = self._read(self._stack.pop())
        if self._text.startswith("]", position) and content.count("[") > content.count("]"):
            content, position = content + "]", position + 1
        target, piped, label = content.partition("|")
        self._emit(link_text(target, label if piped else None, self._dropped))
        return position

    def _table(self, token: str, start: int) -> int:
        """`{|` and `|}` count at the start of a line; the `|}` of `|}}` closes a template."""
        text, end = self._text, start + 2
        line = text[text.rfind("\n", max(0, start - 40), start) + 1 : start] if start else ""
        at_line_start = not line.strip(" \t:*#;")
        if self._stack[-1].kind == "{" and line.rstrip()[-1:] in ("=", "|"):
            at_line_start = True  # A template's argument starts a line.
        if token == "{|" and at_line_start:
            self._open("|", token)
            return end
        closes_template = text.startswith("}", end) and not text.startswith("}}", end)
        index = self._find("|", "[") if token == "|}" and at_line_start and not closes_template else 0
        if index:
            self._close_table(index)
            return end
        self._emit(token[0])
        return start + 1

    def _close_table(self, index: int) -> None:
        self._unwind(index)
        self._stack.pop()
        self._emit(f"\n{HOLE}\n")

    def _comment(self, start: int) -> int:
        """Drop a comment; one that has a line for itself takes the line's end with it."""
        text = self._text
        end = text.find("-->", start + 4)
        if end < 0:
            return len(text)
        alone = not start or text[start - 1] == "\n"
        return end + 4 if alone and text.startswith("\n", end + 3) else end + 3

    def _tag(self, match: re.Match[str]) -> int:
        tag, name, end = match[0], match[3].lower(), match.end()
        closing, empty = tag[1] == "/", tag[-2] == "/"
        if not closing and not empty and name in _CLOSING_TAG:
            return self._element(name, tag, end)
        if name in _SILENT:
            self._emit(HOLE)
        elif name in ("sup", "sub") and (raised := _RAISED.match(self._text, match.start())):
            self._emit(superscript(raised[2]) if name == "sup" else subscript(raised[2]))
            return raised.end()
        elif name == "br":
            self._emit(BREAK)
        elif name == "li":
            self._emit("" if closing else "\n* ")
        elif name in _BLOCK:
            self._emit("\n\n")
        elif name == "table":
            self._html_table(closing=closing)
        elif name not in _INLINE and name not in _VERBATIM:
            self._emit(tag)
        return end

    def _html_table(self, *, closing: bool) -> None:
        index = self._find("t", "[|") if closing else 0
        if index:
            self._close_table(index)
        elif not closing:
            self._open("t", "")

    def _element(self, name: str, tag: str, start: int) -> int:
        """An element whose content is no wikitext: dropped, or kept as it is. Returns where to go on."""
        if name in self._never_closed:
            return start
        closing = _CLOSING_TAG[name].search(self._text, start)
        if not closing:
            self._never_closed.add(name)
            self.unbalanced = True
            return start
        content = self._text[start : closing.start()]
        if name in _SILENT:
            self._emit(HOLE)
        elif name == "poem":
            self._emit(f"\n\n{_poem(content, self._language)}\n\n")
        else:
            self._keep_verbatim(name, tag, content)
        return closing.end()

    def _keep_verbatim(self, name: str, tag: str, content: str) -> None:
        if name in ("math", "chem", "ce"):
            content = f"${html.unescape(' '.join(content.split()))}$" if content.strip() else ""
        elif name in ("nowiki", "pre"):
            content = html.unescape(_NOWIKI_TAG.sub("", content))
        self.verbatim.append(content.strip("\n"))
        block = name in ("pre", "source", "syntaxhighlight") and "inline" not in tag.lower()
        around = "\n\n" if block else ""
        self._emit(f"{around}\x01{len(self.verbatim) - 1}\x02{around}")


def _without_rows(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n") if not line.lstrip().startswith(("|", "!", "{|"))]


def _poem(text: str, language: str | None) -> str:
    """A poem: its brackets resolved, its line ends kept."""
    lines = _POEM_TAG.sub("", text).strip().split("\n")
    return BREAK.join(_Brackets(line.strip(" :*#"), language).strip() for line in lines)
