"""CommonCrawl's extracted text: WET files of both header layouts, packed or not, whole or damaged."""

import re
from collections.abc import Iterator
from urllib.parse import urlparse

from filters.batch import Filter
from filters.commoncrawl import MinChars
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile
from pipeline.corpora.warc import BAD_REASONS as WARC_REASONS
from pipeline.corpora.warc import WarcRecord, warc_records
from pipeline.recipe import Recipe
from pipeline.source_sections import CommonCrawl
from pipeline.stage_names import CLEAN, DEDUP, LANGUAGE, PAGES, PERPLEXITY, REFERENCE, SAMPLE, SCORES, SELECT

BAD_REASONS = (
    *WARC_REASONS,
    "not_conversion",
    "invalid_utf8",
    "no_records",
    "no_url",
    "bad_url",
    "one_blank_line",
    "warc_line_in_body",
)

_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)")
_RECORD_LINE = "WARC/1.0"


class _PageError(Exception):
    """The reason and the detail of a record that is no page."""


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
            continue
        try:
            yield from _pages(record, dump, settings)
        except _PageError as error:
            yield _bad(record, *error.args)
    if empty:
        yield BadRecord(key="0", reason="no_records", detail="the file holds no page", size=file.size)


def _pages(record: WarcRecord, dump: str | None, settings: CommonCrawl) -> Iterator[RawDocument | BadRecord]:
    """The record's page; and what cc_net would not have taken for its page's."""
    kind = record.fields.get("warc-type", "")
    if kind.lower() != "conversion":
        raise _PageError("not_conversion", f"a record of type {kind[:40]!r}: a WET file has conversion records")
    try:
        body, ending = record.body.decode("utf-8"), record.ending.decode("ascii")
    except UnicodeDecodeError as error:
        raise _PageError("invalid_utf8", f"byte {error.start} of {len(record.body)}") from error
    url = record.fields.get("warc-target-uri", "")
    if settings.mode == "faithful":
        url, (lines, rest) = _ccnet_url(url), ccnet_lines(body + ending)
    else:
        url, lines, rest = url.strip("<>"), page_lines(body), []
    if lines or not rest:
        yield RawDocument(
            key=record.key,
            text="\n".join(lines if settings.title_line == "text" else lines[1:]),
            title=lines[0] or None if lines else None,
            url=url or None,
            date=record.fields.get("warc-date") or None,
            dump=dump,
            digest=record.fields.get("warc-block-digest") or None,
        )
    if rest:
        raw = "\n".join(rest).encode()
        detail = "a line of the body looks like the beginning of a record, and cc_net takes it for one"
        yield BadRecord(
            key=f"{record.key}/rest",
            reason="warc_line_in_body",
            detail=detail,
            raw=raw[:QUARANTINED_BYTES],
            size=len(raw),
        )


def page_lines(body: str) -> list[str]:
    """A body's lines, stripped; any line end counts, and blank lines at the end do not.

    The first is the page's title: CommonCrawl's extraction writes it above the text.
    Source: facebookresearch/cc_net process_wet_file.py. Differs from `ccnet_lines` in what becomes of blank lines at
    the end, and of a line that looks like the beginning of a record.
    """
    lines = _stripped_lines(body)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def ccnet_lines(content: str) -> tuple[list[str], list[str]]:
    """The lines that cc_net takes of a body with the line ends behind it, and those that it loses.

    Source: facebookresearch/cc_net process_wet_file.py, `group_by_docs` and `parse_doc`. Kept: the two last lines go
    where both are blank. So a body without a line end of its own keeps an empty last line, and further blank lines
    stay. A line `WARC/1.0` ends the page. Of one blank line alone it dies, which is a reason here.
    """
    lines = _stripped_lines(content)
    if not content or content[-1] in "\r\n":
        lines.pop()  # Behind the last line end there is no line.
    end = lines.index(_RECORD_LINE) if _RECORD_LINE in lines else len(lines)
    lines, rest = lines[:end], lines[end:]
    if lines == [""]:
        raise _PageError("one_blank_line", "cc_net looks for a line before the only one, which is blank")
    if lines[-2:] == ["", ""]:
        lines = lines[:-2] or [""]
    return lines, rest


def _stripped_lines(content: str) -> list[str]:
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    return list(map(str.strip, content.split("\n")))


def _ccnet_url(field: str) -> str:
    """The address up to its first blank; cc_net passes over a record without one and dies of one that is none."""
    url = (field.split() or [""])[0]
    if not url:
        raise _PageError("no_url", "the record has no address")
    try:
        urlparse(url)
    except ValueError as error:
        raise _PageError("bad_url", f"{url[:200]}: {error}") from error
    return url


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
    return (CLEAN, *((PAGES,) if judged else ()), DEDUP, LANGUAGE, PERPLEXITY, REFERENCE, SELECT)


CORPUS = Corpus(
    source="commoncrawl",
    read=read,
    filters=filters,
    bad_reasons=BAD_REASONS,
    is_member_offset=lambda _: True,
    stages=_stages,
    side_stages={SAMPLE: PERPLEXITY, SCORES: REFERENCE},
)
