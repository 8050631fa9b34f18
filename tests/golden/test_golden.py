"""Small raw dumps written by us, each through its source's reader and all rules of its first stage."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from archives import tar_of
from golden_run import raw, tar

from filters.batch import texts
from pipeline.corpora.corpus import RawFile, document_batches
from pipeline.corpora.registry import CORPORA
from pipeline.recipe import Recipe

GOLDEN = Path(__file__).parent


@dataclass
class Cleaned:
    """What became of a dump: texts kept, `filter:reason` of what was not, and the rules' counts, by record."""

    kept: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def cleaned(source: str, name: str, content: bytes, **settings: Any) -> Cleaned:
    chosen = getattr(Recipe(name="golden"), source).model_copy(update=settings)
    file, found = RawFile.of_bytes(name, content), Cleaned()
    for batch in document_batches(source, file, CORPORA[source].read(file, chosen)):
        left = batch
        for rule in CORPORA[source].filters(chosen):
            result = rule.apply(left)
            verdicts = zip(left.column("origin").to_pylist(), result.reason.to_pylist(), strict=True)
            found.rejected |= {origin.split("#")[1]: f"{rule.name}:{reason}" for origin, reason in verdicts if reason}
            found.counts |= {f"{rule.name}.{count}": number for count, number in result.counts.items()}
            left = result.batch.filter(pc.is_null(result.reason))
        origins = (origin.split("#")[1] for origin in left.column("origin").to_pylist())
        found.kept |= dict(zip(origins, texts(left), strict=True))
    return found


def wet(*pages: str) -> bytes:
    head = "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.example/{}\r\nContent-Length: {}\r\n\r\n"
    bodies = [(GOLDEN / "commoncrawl" / page).read_bytes() for page in pages]
    return b"".join(head.format(i, len(body)).encode() + body + b"\r\n\r\n" for i, body in enumerate(bodies))


def expected(name: str) -> str:
    return (GOLDEN / name).read_text(encoding="utf-8")


def test_a_page_of_the_web_is_kept_and_a_menu_under_a_long_title_is_not():
    page = cleaned("commoncrawl", "commoncrawl/a.wet", wet("page.txt", "menu.txt"))
    assert page.kept == {"0": expected("commoncrawl/page.kept")}
    assert page.rejected == {"565": "min_chars:too_few_chars"}
    assert page.counts == {}


def test_what_c4_published_stays_to_the_byte_and_blanks_go():
    pages = cleaned("c4", "c4/c4-train.00000-of-01024.json.gz", gzip.compress(raw("c4/pages.jsonl")))
    lit = "The lamp is lit at dusk.\nIt burns until dawn.\nNobody has seen it fail."
    assert pages.kept == {"line 0": lit, "line 2": "Überall  Licht.\r\n"}
    assert pages.rejected == {"line 1": "has_text:empty_text"}
    assert pages.counts == {}


def test_a_repository_leaves_its_code_without_its_licences():
    archive = gzip.compress(tar("github/repositories"))
    files = cleaned("github", "github/lamp-1.0.tar.gz", archive)
    assert files.kept == {
        "lamp-1.0/src/lamp.c": expected("github/lamp.c.kept"),
        "lamp-1.0/src/wick.sh": expected("github/wick.sh.kept"),
    }
    counted = {name: count for name, count in files.counts.items() if count}
    assert counted == {"github_license.file_licenses": 2, "github_header.headers_removed": 3}


@pytest.mark.parametrize(
    "path, verdict",
    [
        ("LICENSE", "github_path:extension_not_kept"),
        ("src/LICENSE.md", "github_path:license_text"),
        ("src/log.csv", "github_path:extension_not_kept"),
        ("src/empty.h", "github_text:empty_text"),
        ("src/notice.h", "github_header:only_a_header"),
        ("src/grid.rst", "github_alphanumeric:too_few_alphanumeric"),
        ("vendor/fog.c", "github_license:license_not_permitted"),
    ],
)
def test_a_repository_says_of_each_other_file_why_it_goes(path, verdict):
    files = cleaned("github", "github/lamp-1.0.tar.gz", gzip.compress(tar("github/repositories")))
    assert files.rejected[f"lamp-1.0/{path}"] == verdict
    assert len(files.rejected) == 7


def test_a_wiki_leaves_its_article_alone():
    name = "wikipedia/dewiki-20260101-pages-articles.xml"
    pages = cleaned("wikipedia", name, raw(name))
    assert pages.kept == {"1": expected("wikipedia/leuchtturm.kept")}
    assert pages.rejected == {
        "2": "wikipedia_redirect:redirect",
        "3": "wikipedia_namespace:not_an_article",
        "4": "wikipedia_wikitext:empty_text",
    }
    assert pages.counts == {"wikipedia_wikitext.unbalanced": 0, "wikipedia_wikitext.simplified": 0}


def test_a_wiki_of_another_language_leaves_nothing():
    name = "wikipedia/dewiki-20260101-pages-articles.xml"
    pages = cleaned("wikipedia", name, raw(name), languages=("en",))
    assert pages.kept == {}
    assert pages.rejected == dict.fromkeys("1234", "wikipedia_language:language_not_kept")


BOOK_COUNTS = {
    "books_public_domain.license_not_known": 0,
    "books_wrapper.header_not_found": 0,
    "books_wrapper.footer_not_found": 0,
    "books_wrapper.transcriber_notes": 0,
}


def test_a_book_loses_its_wrapper_and_keeps_what_only_looks_like_one():
    book = cleaned("books", "books/99999.txt", raw("books/keeper.txt"), min_chars=500)
    assert book.kept == {"book": expected("books/keeper.kept")}
    assert book.counts == BOOK_COUNTS


def test_a_book_is_measured_without_its_wrapper():
    chars = len(expected("books/keeper.kept"))
    long_enough = cleaned("books", "books/99999.txt", raw("books/keeper.txt"), min_chars=chars)
    too_short = cleaned("books", "books/99999.txt", raw("books/keeper.txt"), min_chars=chars + 1)
    assert long_enough.rejected == {}
    assert (too_short.kept, too_short.rejected) == ({}, {"book": "min_chars:too_few_chars"})


def test_a_book_under_copyright_goes_with_its_wrapper_unread():
    marked = b"** This is a COPYRIGHTED Project Gutenberg eBook **\n\n" + raw("books/keeper.txt")
    book = cleaned("books", "books/99999.txt", marked)
    assert (book.kept, book.rejected) == ({}, {"book": "books_public_domain:license_not_permitted"})
    assert book.counts == BOOK_COUNTS


def test_a_paper_in_two_files_leaves_its_sections_without_comments_and_macros():
    paper = gzip.compress(tar("arxiv/paper"))
    archive = tar_of({"2601/2601.00001.gz": paper, "2601/2601.00002.pdf": b"%PDF-1.5"})
    papers = cleaned("arxiv", "arxiv/arXiv_src_2601_001.tar", archive)
    assert papers.kept == {"2601.00001": expected("arxiv/paper.kept")}
    assert papers.rejected == {"2601.00002": "arxiv_source:pdf_only"}
    assert papers.counts == {
        "tex_comments.comments_removed": 7,
        "tex_macros.definitions_removed": 3,
        "tex_macros.macros_expanded": 4,
        "tex_macros.macros_unexpanded": 0,
        "arxiv_body.abstracts_kept": 0,
    }


def test_a_paper_can_keep_title_and_abstract():
    archive = tar_of({"2601/2601.00001.gz": gzip.compress(tar("arxiv/paper"))})
    papers = cleaned("arxiv", "arxiv/arXiv_src_2601_001.tar", archive, abstract=True)
    abstract = "\\begin{abstract}\nLamps are seen from afar.\n\\end{abstract}\n\n"
    front = "\\title{On the Range of Lamps}\n\n" + abstract
    assert papers.kept == {"2601.00001": front + expected("arxiv/paper.kept")}
    assert papers.counts["arxiv_body.abstracts_kept"] == 1


def test_a_site_leaves_its_questions_with_the_best_answer_first():
    site = cleaned("stackexchange", "stackexchange/lamps-2026/Posts.xml", raw("stackexchange/Posts.xml"))
    unanswered = "Q: Lens or mirror?\n\nWhich one?"
    assert site.kept == {"question-1": expected("stackexchange/question-1.kept"), "question-8": unanswered}
    assert site.rejected == {
        "other-5": "stackexchange_thread:not_a_question",
        "answer-6": "stackexchange_thread:answer_without_question",
    }
    assert site.counts == {"stackexchange_thread.answers": 2, "stackexchange_thread.empty_posts": 1}
