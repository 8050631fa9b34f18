"""Project Gutenberg's plain texts, one book a file, in any encoding; a zip holds one book a `.txt` member."""

import codecs
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator

from filters.batch import Filter
from filters.books import PUBLIC_DOMAIN, GutenbergWrapper, LongEnough, PublicDomain
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile
from pipeline.source_sections import Books

COPYRIGHTED = "Copyrighted Project Gutenberg eBook"
MAX_MEMBERS = 1000
MAX_EXPANSION = 200
"""A zip member that is packed tighter than this is a bomb; prose packs 3 times."""

_HEADER_CHARS = 20_000
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"^[ \t]*Character set encoding:[ \t]*([A-Za-z0-9_.() -]{1,40})", re.IGNORECASE | re.MULTILINE)
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
_CANDIDATES = "cp1251 koi8_r cp866 mac_cyrillic iso8859_5 iso8859_7 cp1253 cp1255 gb18030 big5".split()
_HIGH_RUN = re.compile(rb"[\x80-\xff]++")
_AMONG_ASCII = re.compile(rb"(?:(?<=[A-Za-z])[\x80-\xff]|[\x80-\xff](?=[A-Za-z]))[\x80-\xff]*+")

BAD_REASONS = ("binary", "undecodable", "book_too_large", "damaged_zip", "zip_bomb", "too_many_members", "no_book")

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
)
"""What `zipfile` raises on damage: it believes each number of the directory."""


def read(file: RawFile, settings: Books) -> Iterator[RawDocument | BadRecord]:
    """The book in a text file, or the books in a zip."""
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
        yield book("book", stream.read(settings.max_book_bytes))


def filters(settings: Books) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    return (PublicDomain(), GutenbergWrapper(), LongEnough(min_chars=settings.min_chars))


def book(key: str, raw: bytes) -> RawDocument | BadRecord:
    """One book from its file's bytes."""
    if not raw.startswith(_BOMS[1][0]) and not raw.startswith(_BOMS[2][0]) and b"\x00" in raw:
        return BadRecord(
            key=key, reason="binary", detail="it holds NUL bytes", raw=raw[:QUARANTINED_BYTES], size=len(raw)
        )
    text = decode(raw)
    if text is None:
        return BadRecord(key=key, reason="undecodable", raw=raw[:QUARANTINED_BYTES], size=len(raw))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    header = text[:_HEADER_CHARS]
    fields = {name.lower(): value.strip() for name, value in reversed(_FIELD.findall(header))}
    number = _NUMBER.search(header)
    copyrighted = "COPYRIGHTED Project Gutenberg" in header[:4000]
    return RawDocument(
        key=key,
        text=text,
        title=_title(header, fields),
        license=COPYRIGHTED if copyrighted else PUBLIC_DOMAIN,
        url=f"https://www.gutenberg.org/ebooks/{number[1]}" if number else None,
        date=_date(header, fields),
        language=_LANGUAGES.get(re.split(r"[ ,;(]", fields.get("language", "").lower(), maxsplit=1)[0]),
    )


def decode(raw: bytes) -> str | None:
    """The text: by its byte-order mark, as UTF-8 where that fits, as its header declares, or as it looks."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _decoded(raw, encoding)
    text = _decoded(raw, "utf-8")
    if text is not None:
        return text
    declared = _DECLARED.search(raw[:_HEADER_CHARS])
    for encoding in (*(_encodings(declared[1].decode()) if declared else ()), *_detected(raw)):
        text = _decoded(raw, encoding)
        if text is not None:
            return text
    return None


def _encodings(declared: str) -> tuple[str, ...]:
    """A declared name as codecs; what is called ISO-8859-1 often uses the quotes of Windows-1252."""
    name = re.sub(r"[^a-z0-9]+", "-", declared.lower()).strip("-")
    if re.search(r"8859-1$|latin-?1$|ascii|1252|646", name):
        return ("cp1252", "latin-1")
    try:
        return (codecs.lookup(name).name,)
    except LookupError:
        return ()


def _detected(raw: bytes) -> tuple[str, ...]:
    """Latin letters stand among ASCII ones; other alphabets are told apart by charset-normalizer."""
    if len(_AMONG_ASCII.findall(raw)) * 2 >= len(_HIGH_RUN.findall(raw)):
        return ("cp1252", "latin-1")
    from charset_normalizer import from_bytes

    lines = [line for line in raw[: 1 << 20].split(b"\n") if not line.isascii()]
    found = from_bytes(b"\n".join(lines[:400]), cp_isolation=_CANDIDATES).best()
    return (found.encoding,) if found else ()


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None


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
            archive = zipfile.ZipFile(stream)
        except _ZIP_ERRORS as error:
            yield BadRecord(key="zip", reason="damaged_zip", detail=str(error)[:200], size=file.size)
            return
        with archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(".txt")]
            for member in members[:MAX_MEMBERS]:
                yield _member(archive, member, max_bytes)
    if not members:
        yield BadRecord(key="zip", reason="no_book", detail="no .txt in it", size=file.size)
    if len(members) > MAX_MEMBERS:
        detail = f"{len(members)} books, at most {MAX_MEMBERS} are read"
        yield BadRecord(key="zip", reason="too_many_members", detail=detail, size=file.size)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> RawDocument | BadRecord:
    key, size = member.filename, member.compress_size
    if member.file_size > max_bytes:
        return BadRecord(key=key, reason="book_too_large", detail=f"{member.file_size} bytes unpacked", size=size)
    if member.file_size > MAX_EXPANSION * max(1, size):
        return BadRecord(key=key, reason="zip_bomb", detail=f"{member.file_size} bytes in {size}", size=size)
    try:
        with archive.open(member) as content:
            raw = content.read(max_bytes + 1)
    except _ZIP_ERRORS as error:
        return BadRecord(key=key, reason="damaged_zip", detail=str(error)[:200], size=size)
    return book(key, raw)


CORPUS = Corpus(source="books", read=read, filters=filters, bad_reasons=BAD_REASONS)
