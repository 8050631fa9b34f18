"""StackExchange: `Posts.xml`, plain or in the `.7z` that is distributed, as threads of a question and its answers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import PurePosixPath

from filters.batch import Filter
from filters.redpajama_thread import RedPajamaThread
from filters.stackexchange import Kind, Post, ThreadToText, thread_html
from pipeline.corpora.corpus import BadRecord, Corpus, PartJoin, RawDocument, RawFile, Record
from pipeline.corpora.post_parts import join, judge, part_count, reading_parts, send
from pipeline.corpora.post_store import PostStore
from pipeline.corpora.posts import ANSWER, QUESTION, BadRow, Row, RowSplitter, read_row
from pipeline.corpora.posts_table import OTHER_TABLE, POSTS, part_rows, stream_posts
from pipeline.corpora.seven_zip import BAD_ARCHIVE_REASONS, ArchiveFaultError
from pipeline.section import Mode
from pipeline.source_sections import StackExchange

_DUMP_DATE = re.compile(r"-(19|20)\d\d(-\d\d){0,2}\Z")
_OWN_DOMAINS = {"stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps"}
_CC_BY_SA = re.compile(r"CC BY-SA (\d\.\d)")
_CC_BY_SA_3 = date(2011, 4, 8).isoformat()
_CC_BY_SA_4 = date(2018, 5, 2).isoformat()


def read(file: RawFile, settings: StackExchange) -> Iterator[Record]:
    """Threads of one site, by the question's id; before them the rows that could not be read."""
    if OTHER_TABLE.search(file.name):
        return
    splitter, faults = RowSplitter(max_bytes=settings.max_post_bytes), []
    with closing(PostStore(max_thread_bytes=settings.max_thread_bytes)) as store:
        for found in part_rows(file, splitter, settings.max_archive_bytes):
            if isinstance(found, BadRecord):
                faults.append(found)
                continue
            row = read_row(*found, settings.max_post_bytes)
            if isinstance(row, BadRow):
                store.add_bad(row)
            else:
                store.add(found[0], found[2], row)
        store.finish()
        yield from _records(file, settings, store, faults)


def read_joined(file: RawFile, settings: StackExchange, messages: Iterable[bytes]) -> Iterator[Record]:
    """The same of the threads whose question is of one part of the file."""
    with closing(PostStore(max_thread_bytes=settings.max_thread_bytes)) as store:
        faults = join(store, messages)
        yield from _records(file, settings, store, faults)


def _records(file: RawFile, settings: StackExchange, store: PostStore, faults: list[BadRecord]) -> Iterator[Record]:
    site = site_of(file.name)
    yield from store.bad_rows()
    for thread in store.threads():
        yield thread if isinstance(thread, BadRecord) else _document(site, thread, settings.mode)
    yield from faults


def filters(settings: StackExchange) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    if settings.mode == "faithful":
        return (RedPajamaThread(),)
    return (
        ThreadToText(
            question_prefix=settings.question_prefix,
            answer_prefix=settings.answer_prefix,
            keep_unanswered=settings.keep_unanswered,
        ),
    )


def count_posts(file: RawFile) -> int:
    """Rows of the file's table of posts, the measure of a site's size; 0 for what cannot be read."""
    splitter = RowSplitter(max_bytes=1 << 16)
    count = 0

    def feed(data: bytes) -> None:
        nonlocal count
        count += sum(1 for _ in splitter.feed(data))

    if OTHER_TABLE.search(file.name):
        return 0
    try:
        stream_posts(file, feed, 1 << 62)
    except ArchiveFaultError:
        return 0
    return count + sum(1 for _ in splitter.close())


def choose_sites(counts: Mapping[str, int], sites: int) -> tuple[str, ...]:
    """The files of the largest sites by posts, largest first; of several dumps of one site, the one with most posts.

    Sites of equal size are chosen by name; of equal dumps of one site, the first by name.
    """
    best: dict[str, str] = {}
    for name in sorted(counts):
        site = site_of(name)
        if counts[name] and (site not in best or counts[name] > counts[best[site]]):
            best[site] = name
    return tuple(best[site] for site in sorted(best, key=lambda site: (-counts[best[site]], site))[:sites])


def site_of(name: str) -> str:
    """The site's host: `coffee-2015/Posts.xml`, `coffee.stackexchange.com.7z`, `stackoverflow.com-Posts.7z`."""
    path = PurePosixPath(name)
    label = path.parent.name if path.name.lower() == POSTS.lower() else path.name.removesuffix(".7z")
    label = _DUMP_DATE.sub("", label.removesuffix("-Posts")).lower()
    if not label:
        return "unknown"
    if label.endswith((".com", ".net", ".org")):
        return label
    if label.removesuffix(".meta") in _OWN_DOMAINS:
        meta, _, own = label.rpartition(".meta")
        return f"meta.{meta}.com" if meta and not own else f"{label}.com"
    return f"{label}.stackexchange.com"


def _document(site: str, thread: list[Row], mode: Mode) -> RawDocument:
    head = thread[0]
    posts = [Post(kind=_kind(row, mode), id=row.id, score=row.score, title=row.title, body=row.body) for row in thread]
    return RawDocument(
        key=f"{posts[0].kind}-{head.id}",
        text=thread_html(posts),
        title=head.title or None,
        license=" AND ".join(sorted({_license(row) for row in thread})),
        url=f"https://{site}/{'questions' if head.type == QUESTION else 'a'}/{head.id}",
        date=head.date or None,
        dump=site,
    )


def _kind(row: Row, mode: Mode) -> Kind:
    """What a post is; to RedPajama v1 whatever has a parent is an answer, and what else has a title a question."""
    if mode == "faithful":
        return "answer" if row.parent else "question" if row.title else "other"
    return "question" if row.type == QUESTION else "answer" if row.type == ANSWER else "other"


def _license(row: Row) -> str:
    """The post's licence: as the dump says, or by the day it was written."""
    if said := _CC_BY_SA.match(row.license):
        return f"CC-BY-SA-{said[1]}"
    version = "2.5" if row.date < _CC_BY_SA_3 else "3.0" if row.date < _CC_BY_SA_4 else "4.0"
    return f"CC-BY-SA-{version}"


CORPUS = Corpus(
    source="stackexchange",
    read=read,
    filters=filters,
    parts=lambda name, size, settings: 1 if OTHER_TABLE.search(name) else part_count(name, size, settings),
    join=PartJoin(readers=reading_parts, send=send, judge=judge, read=read_joined),
    bad_reasons=(
        "malformed_row",
        "post_too_large",
        "repeated_id",
        "thread_too_large",
        "not_posts",
        "truncated_file",
        "unreadable_file",
        *BAD_ARCHIVE_REASONS,
    ),
)
