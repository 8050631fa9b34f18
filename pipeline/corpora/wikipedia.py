"""Wikipedia's XML dumps, one document a page: `.xml`, plain or packed as bz2 (multistream too), gz or xz."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from filters.batch import Filter
from filters.citations import cited_urls
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
from pipeline.corpora.wikidump import dump_bytes
from pipeline.corpora.wikixml import Page, Site, pages
from pipeline.source_sections import Wikipedia

_DUMP_NAME = re.compile(r"^([a-z][a-z_-]*?)wiki(?![a-z])(?:-(\d{8}))?")
_LICENSE_CHANGE = "2023-06-07"
"""From here on Wikipedia's text is under version 4.0 (Wikimedia's terms of use of that day)."""

BAD_REASONS = (
    "damaged_compression",
    "damaged_stream",
    "truncated_stream",
    "trailing_bytes",
    "unsupported_compression",
    "malformed_xml",
    "truncated_xml",
    "entity_declared",
    "page_too_large",
    "no_pages",
)


def read(file: RawFile, settings: Wikipedia) -> Iterator[RawDocument | BadRecord]:
    """Every page of a dump, of all namespaces, with its latest revision's wikitext."""
    site = Site()
    empty = True
    for page in pages(dump_bytes(file), site, settings.max_page_bytes):
        empty = False
        yield page if isinstance(page, BadRecord) else _document(page, site, file.name)
    if empty:
        yield BadRecord(key="0", reason="no_pages", detail="the file holds no page", size=file.size)


def filters(settings: Wikipedia) -> tuple[Filter, ...]:
    """The rules of stage `clean`."""
    return (LanguageIn(languages=settings.languages), ArticleNamespace(), NotRedirect(), WikitextToText())


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


def _document(page: Page, site: Site, file_name: str) -> RawDocument:
    language = dump_language(file_name, site)
    named = _DUMP_NAME.match(file_name.rsplit("/", 1)[-1])
    date = named[2] if named and named[2] else ""
    written = f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else page.timestamp[:10]
    namespace = page.ns or site.namespaces.get(page.title.partition(":")[0], ARTICLE_NAMESPACE)
    dump = f"{language.replace('-', '_')}wiki"
    return RawDocument(
        key=page.id or f"page:{page.number}",
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


CORPUS = Corpus(source="wikipedia", read=read, filters=filters, bad_reasons=BAD_REASONS)
