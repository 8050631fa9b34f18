"""Reads a book in EPUB 2 or 3: the pages of its spine, in order, as plain text, and the metadata of its package.

An EPUB is a zip with a package document (OPF) that lists the files, the order in which they are read, and the Dublin
Core of the book. Nothing is unpacked to disk, no name in the package leads out of the archive, and no entity, document
type or address in it is followed.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from filters.book_html import book_html_to_text
from filters.html_text import NestedTooDeeplyError
from pipeline.corpora.book_archive import read_member
from pipeline.corpora.book_decoding import decode
from pipeline.corpora.marked_book import BookError, MarkedBook, date_of, language_of, squeezed
from pipeline.corpora.safe_xml import read_xml

CONTAINER = "META-INF/container.xml"
MAX_SPINE = 10_000
"""Pages of a book; the longest of Project Gutenberg's have some hundreds."""
MAX_PACKAGE_BYTES = 16 << 20

_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_RIGHTS_FILES = frozenset({"META-INF/rights.xml", "META-INF/license.lcpl", "META-INF/sinf.xml"})
_PAGE_TYPES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})
_LEFT_OUT = frozenset({"toc", "cover", "title-page-image", "loi", "lot", "index"})


@dataclass(slots=True)
class _Package:
    """What a package document tells."""

    told: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # by id: address, type, properties
    spine: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)  # addresses of the table of contents and the like


def is_epub(archive: zipfile.ZipFile) -> bool:
    """Whether an archive is an EPUB and not a zip of some books."""
    return CONTAINER in archive.NameToInfo


def read_epub(archive: zipfile.ZipFile, max_bytes: int) -> MarkedBook:
    """The book. Raises BookError."""
    _refuse_encrypted(archive)
    package_path = _package_path(_part(archive, CONTAINER))
    package = _package(_part(archive, package_path))
    pages = list(_pages(package, posixpath.dirname(package_path)))
    if not pages:
        raise BookError("broken_epub", "no page in its spine")
    if len(pages) > MAX_SPINE:
        raise BookError("too_many_members", f"{len(pages)} pages, at most {MAX_SPINE} are read")
    texts: list[str] = []
    room = max_bytes
    for path in pages:
        raw = read_member(archive, _member(archive, path), room)
        room -= len(raw)
        texts.append(_page_text(raw))
    first = {name: values[0] for name, values in package.told.items()}
    return MarkedBook(
        text="\n\n".join(text for text in texts if text),
        title=first.get("title"),
        language=language_of(first.get("language")),
        rights=first.get("rights"),
        date=date_of(first.get("date")),
        url=next(filter(_is_address, [*package.told.get("source", []), *package.told.get("identifier", [])]), None),
    )


def _refuse_encrypted(archive: zipfile.ZipFile) -> None:
    """Raise BookError where pages are encrypted; fonts that are merely obfuscated are no obstacle."""
    if rights := sorted(_RIGHTS_FILES & archive.NameToInfo.keys()):
        raise BookError("encrypted_book", f"it has a {rights[0]}")
    if _ENCRYPTION not in archive.NameToInfo:
        return
    ways = [
        attributes.get("Algorithm", "")
        for event, name, attributes in read_xml(_part(archive, _ENCRYPTION))
        if event == "start" and name == "EncryptionMethod"
    ]
    if not ways or any(not way.startswith(_FONT_OBFUSCATION) for way in ways):
        raise BookError("encrypted_book", f"it has a {_ENCRYPTION}")


def _package_path(container: bytes) -> str:
    for event, name, attributes in read_xml(container):
        if event == "start" and name == "rootfile" and attributes.get("full-path"):
            return attributes["full-path"]
    raise BookError("broken_epub", "no package document in its container")


def _package(content: bytes) -> _Package:
    package = _Package()
    path: list[str] = []
    told: list[str] = []
    for event, name, attributes in read_xml(content):
        if event == "text":
            told.append(name)
            continue
        if event == "start":
            path.append(name)
            _take(package, name, attributes)
        else:
            path.pop()
            if path and path[-1] in ("metadata", "dc-metadata") and (statement := squeezed("".join(told))):
                package.told.setdefault(name.lower(), []).append(statement)
        told.clear()
    return package


def _take(package: _Package, name: str, attributes: dict[str, str]) -> None:
    if name == "item" and "id" in attributes and "href" in attributes:
        properties = attributes.get("properties", "")
        package.files[attributes["id"]] = (attributes["href"], attributes.get("media-type", ""), properties)
    elif name == "itemref" and attributes.get("linear", "yes") != "no" and "idref" in attributes:
        package.spine.append(attributes["idref"])
    elif name == "reference" and attributes.get("type", "").lower() in _LEFT_OUT:
        package.left_out.add(attributes.get("href", ""))


def _pages(package: _Package, folder: str) -> Iterator[str]:
    """The paths of the spine's pages, each once."""
    seen: set[str] = set()
    for identifier in package.spine:
        address, media_type, properties = package.files.get(identifier, ("", "", ""))
        if not address or media_type not in _PAGE_TYPES or "nav" in properties.split() or address in package.left_out:
            continue
        path = posixpath.normpath(posixpath.join(folder, unquote(address.split("#", 1)[0])))
        if path not in seen:
            seen.add(path)
            yield path


def _member(archive: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    """The archive's member of that very name: what leads out of the archive is in no archive."""
    if path.startswith(("/", "../")) or path not in archive.NameToInfo:
        raise BookError("broken_epub", f"no {path[:200]} in it")
    return archive.NameToInfo[path]


def _part(archive: zipfile.ZipFile, path: str) -> bytes:
    return read_member(archive, _member(archive, path), MAX_PACKAGE_BYTES)


def _page_text(raw: bytes) -> str:
    page = decode(raw)
    if page is None:
        raise BookError("undecodable", "a page of it")
    try:
        return book_html_to_text(page)
    except NestedTooDeeplyError as error:
        raise BookError("nested_too_deeply", "a page of it") from error


def _is_address(told: str) -> bool:
    return told.startswith(("http://", "https://"))
