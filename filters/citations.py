"""The web pages that a Wikipedia article cites: positive examples for the reference classifier.

One pass over the page's tags, braces and addresses with a stack, as MediaWiki's preprocessor goes about it: linear in
the page. `cited_urls("<ref>{{cite web|url=http://a.example/x}}</ref>")` is `("http://a.example/x",)`.
"""

import html
import re
from urllib.parse import unquote

from filters.citation_templates import is_address, is_citation, is_footnote, is_link, parameter_name, template_name
from filters.urls import is_archived, normalize_url, original_url

MAX_CITED_URLS = 5000
"""More links than this on one page are no citations."""

MAX_DEPTH = 100
"""Templates below so many others are not looked into: a page that nests so deep was written to hurt."""

_URL = r"""(?:[^\s|{}<>\[\]"\x7f']++|'(?!')|\{\{[!=]\}\})++"""
_TOKEN = re.compile(
    r"(?=[<hH{}|\[\]])(?:"
    r"<(?:!--|(?P<verbatim>nowiki|pre|source|syntaxhighlight|math|chem|score|timeline)(?:\s[^<>]*+)?(?<!/)>"
    r"|ref(?:\s[^<>]*+)?(?<!/)>|/ref\s{0,20}>)"
    rf"|\b(?:https?(?:://|%3A%2F%2F)){_URL}"
    rf"|\[//{_URL}"
    r"|\{\{|\}\}|\[\[|\]\]|\|)",
    re.IGNORECASE,
)
_REF_CLOSE = re.compile(r"</ref\s{0,20}>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,30});", re.IGNORECASE)
_NO_URL = re.compile(r"[\s<>\[\]\"]")
_MAX_PARAMETER_CHARS = 2000
_PARAMETER_NAME = re.compile(r"[\w\s-]*")
_WITHOUT_SCHEME = re.compile(r"(?://)?((?:[\w-]{1,63}+\.)++[^\W\d_]{2,24}(?::\d+)?(?:[/?][^\s|{}<>\[\]\"]*)?)")


def cited_urls(wikitext: str) -> tuple[str, ...]:
    """Addresses in `<ref>…</ref>`, footnote and citation templates, in order, each once; originals of archived copies.

    Of two spellings of an address the first stays. A copy that does not say what it is a copy of is left out.
    """
    if "{{" not in wikitext and "<ref" not in wikitext.lower():
        return ()
    found: dict[str, str] = {}
    for written in _Scan(wikitext).addresses():
        url = original_url(written)
        page = "" if is_archived(url) else normalize_url(url)
        if page and len(found) < MAX_CITED_URLS:
            found.setdefault(page, url)
    return tuple(found.values())


class _Frame:
    """What is open: the page, a `<ref>` or a template, and what was found in it that it has still to vouch for."""

    __slots__ = ("cites", "is_ref", "links", "name", "pending", "start", "too_deep", "vouches")

    def __init__(self, start: int, *, is_ref: bool, cites: bool, too_deep: int = 0) -> None:
        self.is_ref = is_ref
        self.cites = cites  # Whether an address in here is cited, if all that is open turns out to be closed.
        self.vouches = is_ref  # Whether that is so whatever lies around it.
        self.name: str | None = None
        self.start = start  # Of a template's name, then of its parameter.
        self.links = 0
        self.too_deep = too_deep  # Templates around a reference that were too deep to be opened.
        self.pending: list[tuple[int, str]] = []


class _Scan:
    """One pass over a page. What is never closed cites nothing, unless it lies in something that is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._stack = [_Frame(0, is_ref=False, cites=False)]
        self._found: list[tuple[int, str]] = []
        self._in_ref = False
        self._too_deep = 0
        self._never_closed: set[str] = set()

    def addresses(self) -> list[str]:
        """What the page cites, in order, as it is written but for entities and marks behind it."""
        position = 0
        while match := _TOKEN.search(self._text, position):
            token, position = match[0], match.end()
            if token == "|":
                self._end_parameter(match.start())
            elif token == "{{":
                self._open(position)
            elif token == "}}":
                self._close(match.start())
            elif token == "[[":
                self._stack[-1].links += 1
            elif token == "]]":
                self._stack[-1].links = max(0, self._stack[-1].links - 1)
            elif token[0] == "<":
                position = self._tag(match)
            elif self._stack[-1].cites:
                self._add(match.start(), self._written(match))
        self._abandon(1)
        return [url for _, url in sorted(self._found)]

    def _add(self, position: int, url: str) -> None:
        self._stack[-1].pending.append((position, url))

    def _written(self, match: re.Match[str]) -> str:
        """The address of a token; marks behind it are part of the sentence where it stands free."""
        if match[0][0] == "[":
            return _decoded(f"http:{match[0][1:]}")
        url, before = _decoded(match[0]), self._text[max(0, match.start() - 20) : match.start()].rstrip(" ")
        if before.endswith(("[", "=")):
            return url
        url = url.rstrip(",;.:!?'")
        return url if "(" in url else url.rstrip(").,;:!?'")

    def _open(self, position: int) -> None:
        if len(self._stack) > MAX_DEPTH:
            self._too_deep += 1
        else:
            self._stack.append(_Frame(position, is_ref=False, cites=self._stack[-1].cites))

    def _close(self, end: int) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif len(self._stack) > 1 and not self._stack[-1].is_ref:
            self._end_parameter(end)
            self._pop()

    def _pop(self) -> None:
        """The innermost is closed: what it vouches for is found, the rest hangs on what lies around it."""
        frame = self._stack.pop()
        (self._found if frame.vouches else self._stack[-1].pending).extend(frame.pending)

    def _abandon(self, height: int) -> None:
        """What lies above was never closed: it vouches for nothing."""
        while len(self._stack) > height:
            frame = self._stack.pop()
            if self._stack[-1].cites:
                self._stack[-1].pending.extend(frame.pending)

    def _end_parameter(self, end: int) -> None:
        frame = self._stack[-1]
        if frame.is_ref or frame.links or len(self._stack) == 1:
            return
        if frame.name is None:
            frame.name = template_name(self._text[frame.start : min(end, frame.start + _MAX_PARAMETER_CHARS)])
            frame.vouches = is_citation(frame.name) or is_footnote(frame.name)
            frame.cites = frame.cites or frame.vouches
        elif frame.cites and end - frame.start <= _MAX_PARAMETER_CHARS:
            self._bare_address(frame, self._text[frame.start : end])
        frame.start = end + 1

    def _bare_address(self, frame: _Frame, parameter: str) -> None:
        """An address without its scheme, where a parameter must be one: `url=www.example.org`."""
        name, equals, value = parameter.partition("=")
        if not equals or not _PARAMETER_NAME.fullmatch(name):
            name, value = "1", parameter
        template = frame.name or ""
        if not (is_link(template) or (is_citation(template) and is_address(parameter_name(name)))):
            return
        if match := _WITHOUT_SCHEME.fullmatch(_decoded(_COMMENT.sub("", value).strip())):
            self._add(frame.start, f"http://{match[1]}")

    def _tag(self, match: re.Match[str]) -> int:
        """A comment, a tag whose content is no wikitext, or a reference; returns where to go on."""
        tag, end = match[0].lower(), match.end()
        if tag == "<!--":
            closing = self._text.find("-->", end)
            return closing + 3 if closing >= 0 else len(self._text)
        if match["verbatim"]:
            return self._skip(match["verbatim"].lower(), end)
        if tag.startswith("</"):
            self._close_ref()
        elif not self._in_ref and "ref" not in self._never_closed:
            if _REF_CLOSE.search(self._text, end):
                self._stack.append(_Frame(end, is_ref=True, cites=True, too_deep=self._too_deep))
                self._in_ref, self._too_deep = True, 0
            else:
                self._never_closed.add("ref")
        return end

    def _skip(self, name: str, start: int) -> int:
        if name not in self._never_closed:
            closing = re.compile(rf"</{name}\s{{0,20}}>", re.IGNORECASE).search(self._text, start)
            if closing:
                return closing.end()
            self._never_closed.add(name)
        return start

    def _close_ref(self) -> None:
        if self._in_ref:
            height = next(index for index, frame in enumerate(self._stack) if frame.is_ref) + 1
            self._abandon(height)
            self._in_ref, self._too_deep = False, self._stack[-1].too_deep
            self._pop()


def _decoded(written: str) -> str:
    """An address as MediaWiki reads it: `{{=}}`, entities and an escaped scheme are what they stand for."""
    url = written.replace("{{!}}", "|").replace("{{=}}", "=")
    if "&" in url:
        url = _NO_URL.split(_ENTITY.sub(lambda match: html.unescape(match[0]), url), maxsplit=1)[0]
    return unquote(url, errors="replace") if url[:16].lower().startswith(("http%3a", "https%3a")) else url
