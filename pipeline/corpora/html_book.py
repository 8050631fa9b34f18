"""Reads a book in one page of HTML, as Project Gutenberg makes them, and what the page's head tells of it."""

import re
from html import unescape

from filters.book_html import book_html_to_text
from filters.html_text import NestedTooDeeplyError
from pipeline.corpora.marked_book import BookError, MarkedBook, date_of, language_of, squeezed

_HEAD_CHARS = 20_000
_NAMES = (".htm", ".html", ".xhtml")
_ROOT = re.compile(r"<html[\s>]", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,1000})</title", re.IGNORECASE)
_LANGUAGE = re.compile(r"<html\b[^>]{0,500}?\blang=[\"']([\w-]{2,20})", re.IGNORECASE)
_META = re.compile(r"<meta\b[^<>]{0,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(name|property|content)=(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_LICENSE_LINK = re.compile(r"<(?:a|link)\b[^<>]{0,500}\brel=[\"']license[\"'][^<>]{0,500}>", re.IGNORECASE)
_ADDRESS = re.compile(r"\bhref=[\"']([^\"'<>]{1,300})", re.IGNORECASE)
_SHOP_WINDOW = re.compile(r"^(?:the )?project gutenberg(?:'s|’s)? ?(?:e-?book of |e-?text of )?", re.IGNORECASE)


def is_html(text: str, name: str) -> bool:
    """Whether a document is a page of HTML, by its file's name or its root."""
    return name.endswith(_NAMES) or _ROOT.search(text[:_HEAD_CHARS]) is not None


def read_html(text: str) -> MarkedBook:
    """The book. Raises BookError."""
    try:
        body = book_html_to_text(text)
    except NestedTooDeeplyError as error:
        raise BookError("nested_too_deeply") from error
    head = text[:_HEAD_CHARS]
    told = _metadata(head)
    title, language, license_link = _TITLE.search(head), _LANGUAGE.search(head), _LICENSE_LINK.search(text)
    address = _ADDRESS.search(license_link[0]) if license_link else None
    return MarkedBook(
        text=body,
        title=told.get("title") or (_book_title(title[1]) if title else None),
        language=language_of(told.get("language") or (language[1] if language else None)),
        rights=told.get("rights") or (address[1] if address else None),
        date=date_of(told.get("date") or told.get("created")),
    )


def _metadata(head: str) -> dict[str, str]:
    """The Dublin Core among the head's metadata, without its prefix."""
    told: dict[str, str] = {}
    for meta in _META.findall(head):
        found = {key.lower(): unescape(double or single) for key, double, single in _ATTRIBUTE.findall(meta)}
        name = found.get("name", found.get("property", "")).lower()
        prefix, _, field = name.replace(":", ".").partition(".")
        if prefix in ("dc", "dcterms") and (content := squeezed(found.get("content"))):
            told.setdefault(field, content)
    return told


def _book_title(title: str) -> str | None:
    """The page's title without the words around the book's."""
    own = _SHOP_WINDOW.sub("", squeezed(unescape(title)))
    if own != squeezed(unescape(title)):
        own = re.split(r",? by ", own)[0]
    return own.removesuffix(" | Project Gutenberg").strip(" .") or None
