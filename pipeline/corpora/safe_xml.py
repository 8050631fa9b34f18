"""Reads XML as a stream of events without what makes XML dangerous: document types, entities, addresses, depth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.entities import html5

from lxml import etree

from pipeline.corpora.book_decoding import decode
from pipeline.corpora.marked_book import BookError

MAX_DEPTH = 256
"""libxml2 goes no deeper by itself."""

Event = tuple[str, str, dict[str, str]]
"""`("start", name, attributes)`, `("end", name, {})` or `("text", a piece of text, {})`."""

_FEED_CHARS = 1 << 16
_PROLOG_CHARS = 1 << 20
_BEFORE_ROOT = re.compile(r"\s+|<\?[^>]*>|<!--.*?-->", re.DOTALL)
_DOCUMENT_TYPE = re.compile(
    r"<!DOCTYPE\s[^\[\]<>\"']*(?:(?:\"[^\"<>]*\"|'[^'<>]*')[^\[\]<>\"']*)*(?:\[(?P<subset>[^\]]*)\]\s*)?>",
    re.IGNORECASE,
)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{0,40});")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def read_xml(raw: bytes) -> Iterator[Event]:
    """The document's elements, without namespaces. Raises BookError."""
    text = decode(raw)
    if text is None:
        raise BookError("undecodable")
    yield from xml_events(text)


def xml_events(text: str) -> Iterator[Event]:
    """The elements of a decoded document, in bounded memory. Raises BookError."""
    document = _NAMED.sub(_character, _FORBIDDEN.sub("", without_prolog(text)))
    target = _Events()
    parser = etree.XMLParser(target=target, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True)
    try:
        for start in range(0, len(document), _FEED_CHARS):
            parser.feed(document[start : start + _FEED_CHARS])
            yield from target.taken()
        parser.close()
    except etree.XMLSyntaxError as error:
        yield from target.taken()
        raise BookError("malformed_markup", str(error)[:200]) from error
    yield from target.taken()


def without_prolog(text: str) -> str:
    """The document from its root element on. Raises BookError where a document type declares entities."""
    at = 0
    while True:
        if found := _BEFORE_ROOT.match(text, at, at + _PROLOG_CHARS):
            at = found.end()
        elif text.startswith("<!", at):
            declared = _DOCUMENT_TYPE.match(text, at, at + _PROLOG_CHARS)
            if not declared or "<!ENTITY" in (declared["subset"] or "") or "%" in (declared["subset"] or ""):
                raise BookError("declares_entities", "its document type is not read")
            at = declared.end()
        else:
            return text[at:]


def _local_name(tag: str) -> str:
    """A name without its namespace."""
    return tag.rsplit("}", 1)[-1]


def _character(found: re.Match[str]) -> str:
    """The character of an entity that HTML knows, as XHTML and TEI use them; XML's own five stay for the parser."""
    name = found[1]
    if name in _OF_XML:
        return found[0]
    return html5.get(f"{name};", found[0].replace("&", "&amp;")).replace("<", "&lt;")


@dataclass(slots=True)
class _Events:
    """Takes the parser's events and holds them until they are taken."""

    held: list[Event] = field(default_factory=list)
    depth: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BookError("nested_too_deeply", f"more than {MAX_DEPTH} elements are open")
        self.held.append(("start", _local_name(tag), {_local_name(key): value for key, value in attributes.items()}))

    def end(self, tag: str) -> None:
        """An element closes."""
        self.depth -= 1
        self.held.append(("end", _local_name(tag), {}))

    def data(self, text: str) -> None:
        """Text between tags."""
        self.held.append(("text", text, {}))

    def close(self) -> None:
        """The document ends."""

    def taken(self) -> list[Event]:
        """The events since the last time."""
        taken, self.held = self.held, []
        return taken
