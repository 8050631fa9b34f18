"""C4's raw pages from CommonCrawl's WET files: records by their length, or lines as TFDS reads them."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.corpora import commoncrawl
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawDocument, RawFile
from pipeline.corpora.gzip_members import WASTE_RECORDS, DamageError, Unpacked, allowed_waste
from pipeline.source_sections import C4, CommonCrawl

BAD_REASONS = commoncrawl.BAD_REASONS

_SEPARATOR = b"WARC/1.0"
_SEPARATOR_LINE_BYTES = 64
_FIELDS = {"WARC-Target-URI:": "url", "WARC-Date:": "date"}
_HEADER_LINES = ("WARC", "CONTENT-", "Content-")


def read(file: RawFile, settings: C4) -> Iterator[RawDocument | BadRecord]:
    """The file's pages, the title line in their text, blank lines left out."""
    if settings.mode == "faithful":
        yield from _read_lines(file, settings.max_record_bytes)
    else:
        yield from _read_records(file, settings.max_record_bytes)


def _read_records(file: RawFile, max_record_bytes: int) -> Iterator[RawDocument | BadRecord]:
    """Conversion records, each as long as its header says."""
    for record in commoncrawl.read(file, CommonCrawl(title_line="text", max_record_bytes=max_record_bytes)):
        if isinstance(record, RawDocument):
            yield replace(record, title=None, text="\n".join(filter(None, record.text.split("\n"))))
        else:
            yield record


def _read_lines(file: RawFile, max_record_bytes: int) -> Iterator[RawDocument | BadRecord]:
    """What stands between two lines `WARC/1.0` is a page, whatever it is.

    Source: tensorflow/datasets c4_utils.py, `split_wet_file`. Kept: a record's type and length are not looked at, so
    the file's own description is a page without an address; lines that begin like a header's are taken out of bodies
    too, and an address or a date among them is the page's. Differs: damaged gzip and bytes that are no UTF-8 cost the
    page that they stand in, and not the run; the size of a page is bounded.
    """
    for place, stretch in _stretches(file, max_record_bytes):
        if isinstance(stretch, BadRecord):
            yield stretch
            continue
        try:
            yield page_of_lines(str(place), stretch.decode())
        except UnicodeDecodeError as error:
            raw = stretch[:QUARANTINED_BYTES]
            detail = f"byte {error.start} of {len(stretch)}"
            yield BadRecord(key=str(place), reason="invalid_utf8", detail=detail, raw=raw, size=len(stretch))


def page_of_lines(key: str, stretch: str) -> RawDocument:
    """The page of what stands between two separators."""
    found = {"url": "", "date": ""}
    kept = []
    for line in map(str.strip, stretch.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        if not line.startswith(_HEADER_LINES):
            kept.append(line)
            continue
        for opening, field in _FIELDS.items():
            if line.startswith(opening):
                found[field] = line[len(opening) :].strip()
    return RawDocument(
        key=key, text="\n".join(filter(None, kept)), url=found["url"] or None, date=found["date"] or None
    )


def _stretches(file: RawFile, max_bytes: int) -> Iterator[tuple[int, bytes | BadRecord]]:
    """The bytes between separators, each with its place among the unpacked bytes; nothing before one at the start."""
    with file.open() as stream:
        unpacked = Unpacked(stream, file.name, max_waste_bytes=allowed_waste(file.size, max_bytes))
        window, start, member, fresh = bytearray(), 0, 0, True
        let_go = 0  # Bytes of a stretch that is too large to hold.
        while True:
            since = window.rfind(b"\n") + 1
            try:
                piece = unpacked.read()
            except DamageError as damage:
                if damage.offset != member and not fresh:  # What came before the damaged member is whole.
                    yield start, _stretch(start, window, let_go)
                    start, let_go = start + let_go + len(window), 0
                    window.clear()
                yield start, _damaged(start, damage, let_go, window)
                start, let_go, fresh = start + (let_go + len(window) or damage.size), 0, True
                window.clear()
                continue
            window += piece
            member = unpacked.member
            while found := _separator(window, since, is_end=not piece):
                line, since = found
                if line or not fresh:
                    yield start, _stretch(start, memoryview(window)[:line], let_go)
                start, let_go, fresh = start + let_go + since, 0, False
                del window[:since]
                since = 0
            if not piece:
                if window or not fresh or start == 0:
                    yield start, _stretch(start, window, let_go)
                return
            if len(window) > max_bytes:
                let_go += len(window) - _SEPARATOR_LINE_BYTES
                unpacked.waste(len(window))
                del window[:-_SEPARATOR_LINE_BYTES]
            if let_go > WASTE_RECORDS * max_bytes:
                yield start, _stretch(start, window, let_go)
                start, let_go, fresh = start + let_go + len(window), 0, True
                window.clear()
                unpacked.leave_member()


def _stretch(start: int, held: bytearray | memoryview, let_go: int) -> bytes | BadRecord:
    if not let_go:
        return bytes(held)
    size = let_go + len(held)
    detail = f"{size} bytes without a separator"
    return BadRecord(key=str(start), reason="record_too_large", detail=detail, size=size)


def _separator(window: bytearray, since: int, *, is_end: bool) -> tuple[int, int] | None:
    """Where the first line that is nothing but a separator begins, and where it ends."""
    at = window.find(_SEPARATOR, since)
    while at >= 0:
        begin = max(window.rfind(b"\n", since, at), window.rfind(b"\r", since, at), since - 1) + 1
        ends = [end for end in (window.find(b"\n", at), window.find(b"\r", at)) if end >= 0]
        if not ends and not is_end:
            return None
        end = min(ends, default=len(window))
        if window[begin:end].decode("utf-8", "replace").strip().encode() == _SEPARATOR:
            return begin, end
        at = window.find(_SEPARATOR, end)
    return None


def _damaged(start: int, damage: DamageError, let_go: int, window: bytearray) -> BadRecord:
    raw = bytes(window[:QUARANTINED_BYTES]) or damage.raw
    size = let_go + len(window) or damage.size
    return BadRecord(key=str(start), reason=damage.reason, detail=damage.detail, raw=raw, size=size)
