"""Wikipedia's XML dumps, one document a page: `.xml`, plain or packed as bz2 (multistream too), gz or xz."""

import re
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from urllib.parse import quote, urlsplit

from filters.batch import Filter
from filters.citations import cited_urls
from filters.huggingface_wikitext import HuggingFaceWikitext
from filters.namespaces import WIKI_LANGUAGES
from filters.wikipedia import (
    ARTICLE_NAMESPACE,
    REDIRECT_MARK,
    ArticleNamespace,
    LanguageIn,
    NotRedirect,
    WikitextToText,
)
from pipeline.corpora.corpus import BadRecord, Corpus, RawDocument, RawFile
from pipeline.corpora.wikidump import can_be_split, dump_bytes
from pipeline.corpora.wikiindex import count_pages, dump_index, index_faults
from pipeline.corpora.wikipage import Page, Site
from pipeline.corpora.wikixml import Head, pages, read_head
from pipeline.errors import SettingError
from pipeline.source_sections import Wikipedia
from pipeline.stage_names import CLEAN

_DUMP_NAME = re.compile(r"^([a-z][a-z_-]*?)wiki(?![a-z])(?:-(\d{8}))?")
_LICENSE_CHANGE = "2023-06-07"
"""From here on Wikipedia's text is under version 4.0 (Wikimedia's terms of use of that day)."""

MAX_PAGE_ID = 1 << 30
"""English Wikipedia, the largest, is at a fourteenth of it."""

BAD_REASONS = (
    "index_unusable",
    "index_differs",
    "damaged_compression",
    "damaged_stream",
    "truncated_stream",
    "trailing_bytes",
    "unsupported_compression",
    "malformed_xml",
    "truncated_xml",
    "declares_entities",
    "page_too_large",
    "no_pages",
)


def read(file: RawFile, settings: Wikipedia) -> Iterator[RawDocument | BadRecord]:
    """Every page of a dump, of all namespaces, with its latest revision's wikitext."""
    site, head, seen = Site(), Head(), SeenIds()
    if file.parts > 1:
        head = read_head(dump_bytes(file.whole), site)
        if not (head.splittable and can_be_split(file)):  # The first part is all of it.
            if file.part > 1:
                return
            file = file.whole
    index = dump_index(file)
    empty, damaged = file.parts == 1 or (file.part == 1 and head.empty), False
    for page in pages(dump_bytes(file, index), site, settings.max_page_bytes, head if file.part > 1 else None):
        empty = False
        damaged = damaged or isinstance(page, BadRecord)
        yield page if isinstance(page, BadRecord) else _document(page, site, file.name, seen)
    if empty:
        yield BadRecord(key="0", reason="no_pages", detail="the file holds no page", size=file.size)
    if index is not None:
        yield from index_faults(index, file, count_pages(site.begun), damaged=damaged)


def filters(settings: Wikipedia) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    faithful = settings.mode == "faithful"
    return (
        LanguageIn(languages=settings.languages),
        ArticleNamespace(),
        NotRedirect(by_text=not faithful),
        HuggingFaceWikitext() if faithful else WikitextToText(),
    )


def check_wikipedia(settings: Wikipedia, sources: Collection[str], stages: Collection[str]) -> None:
    """Raise SettingError where a library that these stages need is not there, before any work."""
    needed = settings.mode == "faithful" and "wikipedia" in sources and CLEAN in stages
    if needed and find_spec("mwparserfromhell") is None:
        asking = 'wikipedia.mode = "faithful"'
        raise SettingError(f"{asking} needs a library that is not there: install tokenmill[mwparserfromhell]")


def dump_language(file_name: str, site: Site) -> str:
    """The wiki's language: by the dump's name, else by what the dump says of itself."""
    named = _DUMP_NAME.match(file_name.rsplit("/", 1)[-1])
    claims = (
        named[1].replace("_", "-") if named else "",
        site.dbname.removesuffix("wiki").replace("_", "-"),
        (urlsplit(site.base).hostname or "").split(".")[0],
        site.language,
    )
    return next((claim for claim in claims if claim in WIKI_LANGUAGES), site.language or "und")


def parts(name: str, size: int, settings: Wikipedia) -> int:
    """How many units a dump becomes: by its size and the recipe alone, where its name says that it can be split."""
    is_split = name.endswith((".xml", ".bz2")) or (".xml" in name and not name.endswith((".gz", ".xz", ".lzma", ".7z")))
    return max(1, -(-size // settings.part_bytes)) if is_split else 1


class SeenIds:
    """The ids of the pages of a part, a bit each: so that a key that comes again gets the page's place behind it."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def key(self, page_id: str, place: str) -> str:
        """The page's key: its id, and where it lies if the id was seen, or is no number that a wiki reaches."""
        if not page_id:
            return place
        number = int(page_id) if len(page_id) < 11 and page_id.isascii() and page_id.isdigit() else MAX_PAGE_ID
        if number >= MAX_PAGE_ID:
            return f"{page_id[:40]}@{place}"
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._bits):
            self._bits += bytes(max(byte + 1 - len(self._bits), len(self._bits) // 8))
        known = self._bits[byte] & bit
        self._bits[byte] |= bit
        return f"{page_id}@{place}" if known else page_id


def _document(page: Page, site: Site, file_name: str, seen: SeenIds) -> RawDocument:
    language = dump_language(file_name, site)
    named = _DUMP_NAME.match(file_name.rsplit("/", 1)[-1])
    date = named[2] if named and named[2] else ""
    written = f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else page.timestamp[:10]
    namespace = page.ns or site.namespaces.get(page.title.partition(":")[0], ARTICLE_NAMESPACE)
    dump = f"{language.replace('-', '_')}wiki"
    return RawDocument(
        key=seen.key(page.id, page.place),
        text=page.text,
        title=page.title,
        license="CC-BY-SA-4.0" if written >= _LICENSE_CHANGE else "CC-BY-SA-3.0",
        url=f"https://{language}.wikipedia.org/wiki/{quote(page.title.replace(' ', '_'), safe='/:,()!*@;')}",
        date=page.timestamp or None,
        dump=f"{dump}-{date}" if date else dump,
        path=f"{namespace}/{REDIRECT_MARK}" if page.redirect else namespace,
        language=language,
        cited_urls=cited_urls(page.text) if namespace == ARTICLE_NAMESPACE else None,
    )


CORPUS = Corpus(source="wikipedia", read=read, filters=filters, bad_reasons=BAD_REASONS, parts=parts)
