"""Books: plain texts in any encoding, HTML, TEI and EPUB, of Project Gutenberg and of others; a zip may hold many."""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from filters.batch import Filter
from filters.books import PUBLIC_DOMAIN, GutenbergWrapper, PublicDomain
from filters.commoncrawl import MinChars
from filters.gutenberg import MENTION
from pipeline.corpora.book_archive import open_archive, read_member
from pipeline.corpora.book_decoding import decode
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile
from pipeline.corpora.epub import is_epub, read_epub
from pipeline.corpora.html_book import is_html, read_html
from pipeline.corpora.marked_book import BookError, MarkedBook, license_of
from pipeline.corpora.tei import is_tei, read_tei
from pipeline.source_sections import Books
from pipeline.stage_names import CLEAN, DEDUP

COPYRIGHTED = "Copyrighted Project Gutenberg eBook"
MAX_MEMBERS = 1000

_HEADER_CHARS = 20_000
_FIELD = re.compile(r"^[ \t]*(Title|Language|Release Date|Posting Date):[ \t]*(.{1,300})", re.IGNORECASE | re.MULTILINE)
_TITLE_CONTINUES = re.compile(r"^[ \t]{6,}(\S.{0,200})$")
_FIRST_LINE = re.compile(
    r"^[ *]*(?:This is )?(?:The )?Project Gutenberg(?:['’]s|(?:'s)? (?:E-?text|E-?Book) of:?)[ ]+(.{1,200})",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"\b(?:E-?Book|E-?text) ?#(\d{1,7})\]", re.IGNORECASE)
_RELEASED = re.compile(
    r"^\W{0,4}(?:Official release date|This Edition Is Being Officially Released On)[ ].{1,40}"
    r"|^[ \t]*[a-z]{3,9},? \d{4}(?=[ \t]+\[E-?(?:Book|text) ?#)",
    re.IGNORECASE | re.MULTILINE,
)
"""How the headers of the 1990s tell the day that today's call Release Date."""
_DATE = re.compile(r"([A-Z][a-z]{2,8})\.? ?(\d{1,2})?,? ?(\d{4})")
_MONTHS = "January February March April May June July August September October November December".split()
_LANGUAGES = dict(
    pair.split("=")
    for pair in (
        "bulgarian=bg catalan=ca czech=cs danish=da german=de english=en spanish=es french=fr croatian=hr hungarian=hu "
        "italian=it dutch=nl polish=pl portuguese=pt romanian=ro russian=ru slovenian=sl serbian=sr swedish=sv "
        "ukrainian=uk finnish=fi greek=el latin=la esperanto=eo chinese=zh japanese=ja tagalog=tl "
        "norwegian=no welsh=cy hebrew=he arabic=ar icelandic=is irish=ga"
    ).split()
)
_MARKUP = ("<?xml", "<!doctype", "<!--", "<html", "<tei")
_PLAIN, _MARKED = (".txt",), (".htm", ".html", ".xhtml", ".xml", ".tei", ".epub")
_COUNTRY = re.compile(r"A Project Gutenberg (?:of )?(Australia|Canada) ebook", re.IGNORECASE)

BAD_REASONS = (
    "binary",
    "undecodable",
    "book_too_large",
    "broken_archive",
    "expands_too_much",
    "too_many_members",
    "link",
    "encrypted_book",
    "no_book",
    "broken_epub",
    "malformed_markup",
    "unknown_markup",
    "declares_entities",
    "nested_too_deeply",
)


def read(file: RawFile, settings: Books) -> Iterator[RawDocument | BadRecord]:
    """The book in a file, or the books in a zip."""
    with file.open() as stream:
        magic = stream.read(4)
    if magic == b"PK\x03\x04":
        yield from _zipped(file, settings.max_book_bytes)
        return
    if file.size > settings.max_book_bytes:
        detail = f"{file.size} bytes, at most {settings.max_book_bytes} are read"
        yield BadRecord(key="book", reason="book_too_large", detail=detail, size=file.size)
        return
    with file.open() as stream:
        yield book("book", stream.read(settings.max_book_bytes), name=file.name)


def filters(settings: Books) -> tuple[Filter, ...]:
    """The rules of stage `clean`; RedPajama v1 has none for its books, which came without wrappers."""
    if settings.mode == "faithful":
        return (GutenbergWrapper(),)
    return (
        PublicDomain(licenses=settings.licenses, keep_unknown=settings.keep_unknown_license),
        GutenbergWrapper(),
        MinChars(min_chars=settings.min_chars),
    )


def book(key: str, raw: bytes, *, name: str = "") -> RawDocument | BadRecord:
    """One book from the bytes of its file, a plain text or one in markup."""
    try:
        return document(key, _read(raw, name.lower()))
    except BookError as error:
        kept = raw[:QUARANTINED_BYTES]
        return BadRecord(key=key, reason=error.reason, detail=error.detail, raw=kept, size=len(raw))


def document(key: str, found: MarkedBook) -> RawDocument:
    """A book with what its own metadata say and, where they are silent, what Gutenberg's header says."""
    header = found.text[:_HEADER_CHARS]
    fields = {name.lower(): value.strip() for name, value in reversed(_FIELD.findall(header))}
    number = _NUMBER.search(header)
    language = _LANGUAGES.get(re.split(r"[ ,;(]", fields.get("language", "").lower(), maxsplit=1)[0])
    return RawDocument(
        key=key,
        text=found.text,
        title=found.title or _title(header, fields),
        license=license_of(found.rights) or _gutenberg_license(header),
        url=found.url or (f"https://www.gutenberg.org/ebooks/{number[1]}" if number else None),
        date=found.date or _date(header, fields),
        language=found.language or language,
    )


def _read(raw: bytes, name: str) -> MarkedBook:
    text = decode(raw)
    if text is None:
        raise BookError("binary", "it holds NUL bytes") if b"\x00" in raw else BookError("undecodable")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    looks_marked = text[:1000].lstrip().lower().startswith(_MARKUP)
    if looks_marked and is_tei(text):
        return read_tei(text)
    if (looks_marked or name.endswith(_MARKED)) and is_html(text, name):
        return read_html(text)
    if name.endswith(".xml") or (looks_marked and not name.endswith(_PLAIN)):
        raise BookError("unknown_markup", text[:80])
    return MarkedBook(text=text.removesuffix("\x1a"))


def _gutenberg_license(header: str) -> str | None:
    """What Project Gutenberg says of its own books; of another's nothing is known."""
    if "COPYRIGHTED Project Gutenberg" in header[:4000]:
        return COPYRIGHTED
    if country := _COUNTRY.search(header[:4000]):
        return f"Public domain in {country[1].title()}"
    return PUBLIC_DOMAIN if MENTION.search(header[:4000]) else None


def _title(header: str, fields: dict[str, str]) -> str | None:
    title = fields.get("title")
    if title:
        following = re.split(r"(?i)\btitle:[ \t]*" + re.escape(title), header, maxsplit=1)[-1].split("\n", 2)
        if len(following) > 1 and (more := _TITLE_CONTINUES.match(following[1])):
            title = f"{title} {more[1].strip()}"
        return title
    first = _FIRST_LINE.search(header)
    return re.split(r",? by ", first[1].strip(" *"))[0].strip(" *,") if first else None


def _date(header: str, fields: dict[str, str]) -> str | None:
    told = fields.get("release date", fields.get("posting date"))
    if told is None and (released := _RELEASED.search(header)):
        told = released[0]
    return _iso_date(told or "")


def _iso_date(value: str) -> str | None:
    found = _DATE.search(value)
    if not found or found[1] not in _MONTHS:
        return None
    month = f"{found[3]}-{_MONTHS.index(found[1]) + 1:02d}"
    return f"{month}-{int(found[2]):02d}" if found[2] else month


def _zipped(file: RawFile, max_bytes: int) -> Iterator[RawDocument | BadRecord]:
    with file.open() as stream:
        try:
            archive = open_archive(stream)
        except BookError as error:
            yield BadRecord(key="zip", reason=error.reason, detail=error.detail, size=file.size)
            return
        with archive:
            if is_epub(archive):
                yield _epub("book", archive, max_bytes, file.size)
            else:
                yield from _members(archive, max_bytes, file.size)


def _epub(key: str, archive: zipfile.ZipFile, max_bytes: int, size: int) -> RawDocument | BadRecord:
    try:
        return document(key, read_epub(archive, max_bytes))
    except BookError as error:
        return BadRecord(key=key, reason=error.reason, detail=error.detail, size=size)


def _members(archive: zipfile.ZipFile, max_bytes: int, size: int) -> Iterator[RawDocument | BadRecord]:
    """The texts of a zip; of one without texts, its books in markup."""
    names = [(member.filename.lower(), member) for member in archive.infolist()]
    members = [member for name, member in names if name.endswith(_PLAIN)]
    members = members or [member for name, member in names if name.endswith(_MARKED)]
    for member in members[:MAX_MEMBERS]:
        try:
            raw = read_member(archive, member, max_bytes)
        except BookError as error:
            detail, packed = error.detail, member.compress_size
            yield BadRecord(key=member.filename, reason=error.reason, detail=detail, size=packed)
        else:
            yield _member_book(member.filename, raw, max_bytes)
    if not members:
        yield BadRecord(key="zip", reason="no_book", detail="no text and no book in markup in it", size=size)
    if len(members) > MAX_MEMBERS:
        detail = f"{len(members)} books, at most {MAX_MEMBERS} are read"
        yield BadRecord(key="zip", reason="too_many_members", detail=detail, size=size)


def _member_book(name: str, raw: bytes, max_bytes: int) -> RawDocument | BadRecord:
    if not name.lower().endswith(".epub"):
        return book(name, raw, name=name)
    try:
        archive = open_archive(BytesIO(raw))
    except BookError as error:
        return BadRecord(key=name, reason=error.reason, detail=error.detail, size=len(raw))
    return _epub(name, archive, max_bytes, len(raw))


def _stages(recipe: Any) -> tuple[str, ...]:
    """As RedPajama v1 made them, books are deduplicated by SimHash, and not by what they contain of each other."""
    return (CLEAN, DEDUP) if recipe.books.mode == "faithful" else (CLEAN,)


CORPUS = Corpus(source="books", read=read, filters=filters, bad_reasons=BAD_REASONS, stages=_stages)
