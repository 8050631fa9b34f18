"""C4 as it is published: gzipped JSON lines with the fields text, timestamp and url; or what WET files are before."""

import json
from collections.abc import Iterator

from filters.batch import Filter
from filters.c4 import HasText, IsWholePage, MaxChars
from pipeline.corpora import c4_wet
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile
from pipeline.corpora.gzip_members import BAD_REASONS as GZIP_REASONS
from pipeline.corpora.gzip_members import WASTE_RECORDS, DamageError, Unpacked, allowed_waste
from pipeline.recipe import Recipe
from pipeline.source_sections import C4
from pipeline.stage_names import CLEAN, DEDUP, ENGLISH, LINES, PAGES

BAD_REASONS = tuple(dict.fromkeys((*GZIP_REASONS, "line_too_large", "bad_json", "missing_field", *c4_wet.BAD_REASONS)))

_FIELDS = ("text", "timestamp", "url")


def read(file: RawFile, settings: C4) -> Iterator[RawDocument | BadRecord]:
    """The file's pages, in the form that the recipe says."""
    yield from c4_wet.read(file, settings) if settings.form == "wet" else _read_published(file, settings)


def _read_published(file: RawFile, settings: C4) -> Iterator[RawDocument | BadRecord]:
    """A page's key is the number of its line, from 0, or the file offset of what is damaged."""
    empty = True
    for line in _lines(file, settings.max_line_bytes):
        empty = False
        yield line if isinstance(line, BadRecord) else _document(*line)
    if empty:
        yield BadRecord(key="0", reason="no_records", detail="the file holds no line", size=file.size)


def _document(number: int, line: bytes) -> RawDocument | BadRecord:
    def bad(reason: str, detail: str) -> BadRecord:
        return BadRecord(
            key=f"line {number}", reason=reason, detail=detail, raw=line[:QUARANTINED_BYTES], size=len(line)
        )

    try:
        page = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return bad("invalid_utf8", f"byte {error.start} of {len(line)}")
    except (ValueError, RecursionError) as error:
        return bad("bad_json", str(error)[:200])
    if not isinstance(page, dict):
        return bad("bad_json", f"not an object but {type(page).__name__}")
    if "timestamp" not in page and "date" in page:  # Copies of C4 elsewhere call it so.
        page["timestamp"] = page["date"]
    if missing := [name for name in _FIELDS if not isinstance(page.get(name), str)]:
        return bad("missing_field", f"no text in {', '.join(missing)}")
    try:
        "".join(page[name] for name in _FIELDS).encode()
    except UnicodeEncodeError:
        return bad("invalid_utf8", "half of a surrogate pair")
    return RawDocument(key=f"line {number}", text=page["text"], url=page["url"], date=page["timestamp"])


def _lines(file: RawFile, max_line_bytes: int) -> Iterator[tuple[int, bytes] | BadRecord]:
    """Lines with their numbers, blank ones left out. Bytes that are lost take the line that they cut with them."""
    with file.open() as stream:
        unpacked = Unpacked(stream, file.name, max_waste_bytes=allowed_waste(file.size, max_line_bytes))
        number, rest, let_go = 0, b"", 0  # `let_go` counts the bytes of a line that is too large to hold.
        while True:
            try:
                piece = unpacked.read()
            except DamageError as damage:
                yield _damaged(damage, rest)
                rest, let_go = b"", 0
                continue
            *lines, rest = (rest + piece).split(b"\n") if piece else [rest, b""]
            for line in lines:
                if let_go + len(line) > max_line_bytes:
                    yield _too_large(number, let_go + len(line), line)
                    unpacked.waste(let_go + len(line))
                elif line.strip():
                    yield number, line
                number, let_go = number + 1, 0
            if not piece:
                return
            if let_go + len(rest) > max_line_bytes:
                let_go, rest = let_go + len(rest), b""
            if let_go > WASTE_RECORDS * max_line_bytes:
                yield _too_large(number, let_go, b"")
                unpacked.waste(let_go)
                unpacked.leave_member()
                number, let_go = number + 1, 0


def _damaged(damage: DamageError, rest: bytes) -> BadRecord:
    raw = rest[:QUARANTINED_BYTES] or damage.raw
    size = len(rest) or damage.size
    return BadRecord(key=str(damage.offset), reason=damage.reason, detail=damage.detail, raw=raw, size=size)


def _too_large(number: int, size: int, line: bytes) -> BadRecord:
    raw = line[:QUARANTINED_BYTES]
    return BadRecord(key=f"line {number}", reason="line_too_large", detail=f"{size} bytes", raw=raw, size=size)


def filters(settings: C4) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    return (IsWholePage(), MaxChars(max_chars=settings.max_chars)) if settings.form == "wet" else (HasText(),)


def _stages(recipe: Recipe) -> tuple[str, ...]:
    """What is published is clean but for copies; WET files go through C4's own stages, faithful: English last."""
    if recipe.c4.form == "published":
        return (CLEAN, DEDUP)
    return (CLEAN, PAGES, LINES, DEDUP, *((ENGLISH,) if recipe.c4.mode == "faithful" else ()))


CORPUS = Corpus(
    source="c4",
    read=read,
    filters=filters,
    bad_reasons=BAD_REASONS,
    is_member_offset=lambda settings: settings.form == "wet" and settings.mode != "faithful",
    stages=_stages,
)
