"""CommonCrawl's extracted text: WET files of both header layouts, packed or not, whole or damaged."""

import re
from collections.abc import Iterator

from filters.batch import Filter
from filters.commoncrawl import MinChars
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile
from pipeline.corpora.warc import BAD_REASONS as WARC_REASONS
from pipeline.corpora.warc import WarcRecord, warc_records
from pipeline.recipe import CommonCrawl, Recipe

BAD_REASONS = (*WARC_REASONS, "not_conversion", "invalid_utf8", "no_records")

_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)")


def read(file: RawFile, settings: CommonCrawl) -> Iterator[RawDocument | BadRecord]:
    """The file's pages. A file that is no WET gives a bad record for each record, or one where it has no page."""
    dump = _dump(file.name)
    empty = True
    for record in warc_records(file, settings.max_record_bytes):
        if isinstance(record, WarcRecord) and record.fields.get("warc-type", "").lower() == "warcinfo":
            dump = dump or _dump(record.body.decode("utf-8", "replace"))
            continue
        empty = False
        if isinstance(record, BadRecord):
            yield record
        else:
            yield _document(record, dump, title_in_text=settings.title_line == "text")
    if empty:
        yield BadRecord(key="0", reason="no_records", detail="the file holds no page", size=file.size)


def _document(record: WarcRecord, dump: str | None, *, title_in_text: bool) -> RawDocument | BadRecord:
    kind = record.fields.get("warc-type", "")
    if kind.lower() != "conversion":
        return _bad(record, "not_conversion", f"a record of type {kind[:40]!r}: a WET file has conversion records")
    try:
        text = record.body.decode("utf-8")
    except UnicodeDecodeError as error:
        return _bad(record, "invalid_utf8", f"byte {error.start} of {len(record.body)}")
    lines = page_lines(text)
    title = lines[0] if lines else ""
    return RawDocument(
        key=record.key,
        text="\n".join(lines if title_in_text else lines[1:]),
        title=title or None,
        url=record.fields.get("warc-target-uri", "").strip("<>") or None,
        date=record.fields.get("warc-date") or None,
        dump=dump,
    )


def page_lines(body: str) -> list[str]:
    """A body's lines, stripped; any line end counts, and blank lines at the end do not.

    The first is the page's title: CommonCrawl's extraction writes it above the text.
    Source: facebookresearch/cc_net process_wet_file.py, which drops the two last blank lines where both are blank.
    """
    lines = [line.strip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _bad(record: WarcRecord, reason: str, detail: str) -> BadRecord:
    raw = record.body[:QUARANTINED_BYTES]
    return BadRecord(key=record.key, reason=reason, detail=detail, raw=raw, size=len(record.body))


def _dump(text: str) -> str | None:
    found = _DUMP.search(text)
    return found[0] if found else None


def filters(settings: CommonCrawl) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    return (MinChars(min_chars=settings.min_chars),)


def _stages(recipe: Recipe) -> tuple[str, ...]:
    """Pages are judged where there is something to say: copies that go, or a Wikipedia that cites them."""
    judged = "wikipedia" in recipe.sources or recipe.pages.unique_url or recipe.pages.unique_text
    return ("clean", *(("pages",) if judged else ()), "dedup", "language", "perplexity", "reference", "select")


CORPUS = Corpus(
    source="commoncrawl",
    read=read,
    filters=filters,
    bad_reasons=BAD_REASONS,
    stages=_stages,
    side_stages={"sample": "perplexity", "scores": "reference"},
)
