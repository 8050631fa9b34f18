"""StackExchange: `Posts.xml`, plain or in the `.7z` that is distributed, as threads of a question and its answers."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import PurePosixPath

from filters.batch import Filter
from filters.redpajama_thread import RedPajamaThread
from filters.stackexchange import Kind, Post, ThreadToText, thread_html
from pipeline.corpora.corpus import BadRecord, Corpus, RawDocument, RawFile, Record
from pipeline.corpora.posts import ANSWER, QUESTION, PostStore, Row, RowSplitter
from pipeline.corpora.seven_zip import BAD_ARCHIVE_REASONS, ArchiveFaultError, feed_member
from pipeline.section import Mode
from pipeline.source_sections import StackExchange

POSTS = "Posts.xml"
_READ_BYTES = 1 << 20
_OTHER_TABLE = re.compile(r"-(Badges|Comments|PostHistory|PostLinks|Tags|Users|Votes)\.7z\Z", re.IGNORECASE)
_DUMP_DATE = re.compile(r"-(19|20)\d\d(-\d\d){0,2}\Z")
_OWN_DOMAINS = {"stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps"}
_CC_BY_SA = re.compile(r"CC BY-SA (\d\.\d)")
_CC_BY_SA_3 = date(2011, 4, 8).isoformat()
_CC_BY_SA_4 = date(2018, 5, 2).isoformat()


def read(file: RawFile, settings: StackExchange) -> Iterator[Record]:
    """Threads of one site, by the question's id; before them the rows that could not be read."""
    if _OTHER_TABLE.search(file.name):
        return
    site = site_of(file.name)
    store = PostStore(max_post_bytes=settings.max_post_bytes, max_thread_bytes=settings.max_thread_bytes)
    with closing(store):
        fault = _load(file, store, settings.max_archive_bytes)
        yield from store.bad_rows()
        for thread in store.threads():
            yield thread if isinstance(thread, BadRecord) else _document(site, thread, settings.mode)
        if fault is not None:
            yield fault


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

    if _OTHER_TABLE.search(file.name):
        return 0
    try:
        _stream(file, feed, 1 << 62)
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


def _load(file: RawFile, store: PostStore, max_archive_bytes: int) -> BadRecord | None:
    """Fill the store; what was wrong with the file as a whole."""
    fault = None
    try:
        _stream(file, store.feed, max_archive_bytes)
    except ArchiveFaultError as error:
        fault = BadRecord(key="archive", reason=error.reason, detail=error.detail, size=file.size)
    store.finish()
    if fault is not None:
        return fault
    if not store.splitter.opened:
        return BadRecord(key="file", reason="not_posts", detail="no <posts> in it", size=file.size)
    if not store.splitter.tail.rstrip().endswith((b"</posts>", b"<posts/>", b"<posts />")):
        return BadRecord(key="file", reason="truncated_file", detail="no </posts> at its end")
    return None


def _stream(file: RawFile, feed: Callable[[bytes], None], max_bytes: int) -> None:
    if file.name.lower().endswith(".7z"):
        feed_member(file, POSTS, feed, max_bytes=max_bytes)
        return
    try:
        with file.open() as stream:
            while data := stream.read(_READ_BYTES):
                feed(data)
    except OSError as error:
        raise ArchiveFaultError("unreadable_file", str(error)) from error


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
