"""Wikitext to plain text in one pass over its brackets and tags: linear in the page, bounded in depth.

`wikitext_to_text("[[Paris|The city]] {{infobox}}").text` is `"The city"`.
"""

import html
import re
from dataclasses import dataclass

from filters.namespaces import SISTER_PREFIXES, dropped_prefixes
from filters.superscript import subscript, superscript
from filters.wikilayout import BREAK, HOLE, lay_out, mend_holes, restore
from filters.wikitemplates import template_text

MAX_DEPTH = 100
"""Deeper brackets are dropped unread: a page that nests so deep was written to hurt."""

_TOKEN = re.compile(r"\{\{+|\}\}+|\{\||\|\}|\[\[|\]\]|</?([A-Za-z][A-Za-z0-9-]*+)[^<>]*+>")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SUPERSCRIPT = re.compile(r"<(sup|sub)>[ ]?([-+−]?[0-9]{1,6}[-+]?|[-+−n])[ ]?</\1>", re.IGNORECASE)
_EXTERNAL_LINK = re.compile(
    r"\[(?:(?:https?:|ftp:)?//|mailto:|news:|irc:)[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]", re.IGNORECASE
)
_ELISION = re.compile(
    r"(?<![^\W\d_])([cdjlmnst]|qu|un|(?:[adns]|de|da|su|ne)ll)'''(?=[^'\n]{1,80}''(?!'))", re.IGNORECASE
)
_QUOTES = re.compile(r"'{2,}+")
_MAGIC_WORD = re.compile(r"__([^\W\d_]{3,40})__")
_VARIANT = re.compile(r"-\{([^{}\n]{0,500}+)\}-")
_CONTROLS = {code: None for code in range(32) if chr(code) not in "\t\n"}

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


@dataclass(frozen=True, slots=True)
class PlainText:
    """A page's text; `unbalanced` where brackets or tables never closed, or nested too deep to be read."""

    text: str
    unbalanced: bool


def wikitext_to_text(wikitext: str, language: str | None = None) -> PlainText:
    """Readable paragraphs, lists and headings of a wikitext page; `language` names the wiki's own words."""
    text = wikitext.replace("\r\n", "\n").translate(_CONTROLS) if not wikitext.isprintable() else wikitext
    text = _COMMENT.sub("", text)
    text = _SUPERSCRIPT.sub(_raise_or_lower, text)
    brackets = _Brackets(text, language)
    text, verbatim = brackets.strip(), brackets.verbatim
    text = _EXTERNAL_LINK.sub(lambda match: match[1] or HOLE, text)
    text = _ELISION.sub(r"\1'", text)
    text = _QUOTES.sub(lambda match: _APOSTROPHES.get(len(match[0]), "'"), text)
    text = _MAGIC_WORD.sub(lambda match: "" if match[1].isupper() else match[0], text)
    if language in ("sr", "zh"):
        text = _VARIANT.sub(_first_variant, text)
    text = html.unescape(text).replace("\xa0", " ").replace("\u200b", "")
    return PlainText(restore(lay_out(mend_holes(text)), verbatim), brackets.unbalanced)


_APOSTROPHES = {2: "", 3: "", 5: ""}


def _raise_or_lower(match: re.Match[str]) -> str:
    return superscript(match[2]) if match[1].lower() == "sup" else subscript(match[2])


def _first_variant(match: re.Match[str]) -> str:
    """`-{sr-ec:а; sr-el:a}-` is one word in two scripts: the first is kept; flags as in `-{T|…}-` show nothing."""
    if "|" in match[1]:
        return ""
    first = match[1].split(";")[0]
    return first.split(":", 1)[-1].strip()


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
        self._too_deep = 0
        self._never_closed: set[str] = set()
        self.verbatim: list[str] = []
        self.unbalanced = False

    def strip(self) -> str:
        """The page with templates, tables and silent tags as holes, and links as their labels."""
        text, position = self._text, 0
        while match := _TOKEN.search(text, position):
            start, token = match.start(), match[0]
            if start > position:
                self._emit(text[position:start])
            position = match.end()
            if token[0] == "<":
                position = self._tag(match)
            elif token in {"{|", "|}"}:
                position = self._table(token, start)
            elif token[0] in "{[":
                self._open(token[0], token, len(token))
            elif token[0] == "}":
                self._close_braces(len(token))
            else:
                position = self._close_link(position)
        self._emit(text[position:])
        self._unwind(0)
        return "".join(self._stack[0].pieces)

    def _emit(self, text: str) -> None:
        self._stack[-1].pieces.append(text)

    def _open(self, kind: str, opener: str, count: int = 0) -> None:
        if len(self._stack) > MAX_DEPTH:
            self._too_deep += max(1, count // 2)
            self.unbalanced = True
        else:
            self._stack.append(_Frame(kind, opener, count))

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
        del self._stack[index + 1 :]
        self.unbalanced = self.unbalanced or bool(frames)
        table = next((place for place, frame in enumerate(frames) if frame.kind in "|t"), len(frames))
        for frame in frames[:table]:
            self._stack[-1].pieces += [frame.opener, *frame.pieces]
        if table < len(frames):
            written = ("\n" if frame.kind in "|t" else frame.opener for frame in frames[table:])
            inside = ("".join(frame.pieces) for frame in frames[table:])
            pieces = [piece for pair in zip(written, inside, strict=True) for piece in pair]
            self._stack[-1].pieces += ["\n", *_without_rows("".join(pieces))]

    def _close_braces(self, count: int) -> None:
        while count >= 2:
            if self._too_deep:
                self._too_deep -= 1
                count -= 2
                continue
            index = self._find("{", "[|t")
            if not index:
                self._emit("}" * count)
                return
            self._unwind(index)
            frame = self._stack[-1]
            closed = min(count, frame.count, 3)
            count -= closed
            frame.count -= closed
            value = template_text("".join(frame.pieces), self._language) if closed == 2 else HOLE
            if frame.count >= 2:
                frame.pieces = [value]
            else:
                self._stack.pop()
                self._emit("{" * frame.count + value)
        if count:
            self._emit("}")

    def _close_link(self, position: int) -> int:
        if self._too_deep:
            self._too_deep -= 1
            return position
        if self._stack[-1].kind != "[":
            self._emit("]]")
            return position
        content = "".join(self._stack.pop().pieces)
        if self._text.startswith("]", position) and content.count("[") > content.count("]"):
            content, position = content + "]", position + 1
        self._emit(link_text(content, self._dropped))
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
            self._unwind(index)
            self._stack.pop()
            self._emit(f"\n{HOLE}\n")
            return end
        self._emit(token[0])
        return start + 1

    def _tag(self, match: re.Match[str]) -> int:
        tag, name, end = match[0], match[1].lower(), match.end()
        closing, empty = tag[1] == "/", tag[-2] == "/"
        if not closing and not empty and (name in _SILENT or name in _VERBATIM or name == "poem"):
            return self._element(name, tag, end)
        if name in _SILENT:
            self._emit(HOLE)
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
            self._unwind(index)
            self._stack.pop()
            self._emit(f"\n{HOLE}\n")
        elif not closing:
            self._open("t", "")

    def _element(self, name: str, tag: str, start: int) -> int:
        """An element whose content is no wikitext: dropped, or kept as it is. Returns where to go on."""
        if name in self._never_closed:
            return start
        closing = _closing_tag(name).search(self._text, start)
        if not closing:
            self._never_closed.add(name)
            self.unbalanced = True
            return start
        content = self._text[start : closing.start()]
        if name in _SILENT:
            self._emit(HOLE)
        elif name == "poem":
            self._emit("\n\n" + wikitext_lines(content, self._language) + "\n\n")
        else:
            self._keep_verbatim(name, tag, content)
        return closing.end()

    def _keep_verbatim(self, name: str, tag: str, content: str) -> None:
        if name in ("math", "chem", "ce"):
            content = f"${' '.join(content.split())}$" if content.strip() else ""
        elif name in ("nowiki", "pre"):
            content = html.unescape(content)
        self.verbatim.append(content.strip("\n"))
        block = name in ("pre", "source", "syntaxhighlight") and "inline" not in tag.lower()
        around = "\n\n" if block else ""
        self._emit(f"{around}\x01{len(self.verbatim) - 1}\x02{around}")


_CLOSING_TAGS: dict[str, re.Pattern[str]] = {}


def _closing_tag(name: str) -> re.Pattern[str]:
    if name not in _CLOSING_TAGS:
        _CLOSING_TAGS[name] = re.compile(rf"</{name}\s{{0,20}}>", re.IGNORECASE)
    return _CLOSING_TAGS[name]


def _without_rows(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n") if not line.lstrip().startswith(("|", "!", "{|"))]


def wikitext_lines(text: str, language: str | None) -> str:
    """A poem: its brackets resolved, its line ends kept."""
    lines = re.sub(r"</?poem[^<>]*+>", "", text, flags=re.IGNORECASE).strip().split("\n")
    return BREAK.join(_Brackets(line.strip(" :*#"), language).strip() for line in lines)


def link_text(content: str, dropped: frozenset[str]) -> str:
    """What a reader sees of `[[content]]`: its label, else its target, and nothing of a file or a category."""
    target, piped, label = content.partition("|")
    if "\n" in target or "[" in target:
        return f"[[{content}]]"
    shown = target.strip().lstrip(":")
    prefix, colon, rest = shown.partition(":")
    name = prefix.strip().replace("_", " ").lower()
    if colon and not target.lstrip().startswith(":") and name in dropped:
        return HOLE
    if label.strip():
        return label.strip("\n")
    if colon and name in SISTER_PREFIXES | {""}:
        shown = rest.rsplit(":", 1)[-1]
    if piped:  # The pipe trick: `[[Paris (mythology)|]]` shows Paris.
        shown = shown.split(" (")[0].split(", ")[0]
    return shown.lstrip("#").replace("_", " ")
