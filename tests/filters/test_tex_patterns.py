"""Tests of filters/tex_patterns.py."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arxiv import patterns_way
from filters import tex_patterns
from filters.batch import document_batch
from filters.tex_patterns import FILE_SEPARATOR, NOT_UTF8, PaperByPatterns, read_macros

WORDS = (
    r"\section \section* \subsection \chapter \part \subsubsection \paragraph \subparagraph { } [ ] \section{A} a é %"
    r" \% \\ \appendix \bibliography{ \begin{references} \begin{thebibliography} \x \y 1 _ ]{ }\subparagraph{"
    r" \newcommand{\x}{ \newcommand*{\y}{ \def\x{ \def\y \def"
)
PIECES = [*WORDS.split(), "\n", " ", "\n%", "\\def\\x{y}\n", "\\newcommand{\\y}{\\x b}\n", "\\paragraph{"]


def cleaned(*files):
    row = {"doc_id": "0", "source": "arxiv", "origin": "file#0", "text": FILE_SEPARATOR.join(files)}
    result = PaperByPatterns().apply(document_batch([row]))
    return result.batch.column("text")[0].as_py(), result.reason[0].as_py()


def published(files):
    try:
        text = patterns_way(list(files))
    except re.error:
        return FILE_SEPARATOR.join(files), "bad_macro"
    return (text, None) if text else (FILE_SEPARATOR.join(files), "empty_text")


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), min_size=1, max_size=3))
def test_papers_are_cleaned_as_the_published_code_cleans_them(files):
    assert cleaned(*files) == published(files)


@pytest.mark.real
def test_real_papers_are_cleaned_as_the_published_code_cleans_them(real_data):
    from pipeline.corpora.arxiv import read
    from pipeline.corpora.corpus import RawFile
    from pipeline.source_sections import ArXiv

    path = real_data / "arxiv" / "arXiv_src_2201_001.tar"
    file = RawFile(name=path.name, size=path.stat().st_size, opener=lambda: path.open("rb"))
    papers = [record.text.split(FILE_SEPARATOR) for record in read(file, ArXiv(mode="faithful")) if record.text]
    assert [cleaned(*files) for files in papers] == [published(files) for files in papers]


@pytest.mark.parametrize(
    "file, text",
    [
        ("% \\section{Old}\nx\n\\section{A} b", "\\section{Old}\nx\n\\section{A} b"),
        (r"\paragraph{A} b \section{C} d", r"\section{C} d"),
        (r"\paragraph{A} b {c}\subparagraph{D}", r"\paragraph{A} b {c}\subparagraph{D}"),
        (r"\section[a]b]{A} c", r"\section[a]b]{A} c"),
        (r"\section {A} b \section{C}", r"\section{C}"),
        ("\\section{A}b% c\nd", "\\section{A}\nd"),
        ("\\section{A} b%\nd", "\\section{A} b%\nd"),
        ("\\section{A} b\\\\% c\nd", "\\section{A} b\\\\% c\nd"),
        ("\\section{A} b\n%c\nd", "\\section{A} b\nd"),
        ("\\section{A} \\verb|%d|\n", "\\section{A} \\verb\n"),
        (r"\section{A} b \appendixname c", r"\section{A} b "),
        (r"\section{A} b \bibliography{c", r"\section{A} b \bibliography{c"),
        (
            "\\section{A} \\iffalse b\\fi\\begin{comment}c\\end{comment}",
            "\\section{A} \\iffalse b\\fi\\begin{comment}c\\end{comment}",
        ),
    ],
)
def test_quirks_of_headings_comments_and_ends(file, text):
    assert cleaned(file) == (text, None)


@pytest.mark.parametrize(
    "definitions, body, text",
    [
        (r"\def\x{y}", r"\x a\x", r"y a\x"),
        (r"\def\x{y}", r"\x\x ", r"y\x "),
        (r"\def\x{y} % note", r"\x ", r"\x "),
        ("\\def\\x{y}\r", r"\x ", r"\x "),
        (r"\newcommand{\x}[1]{y}", r"\x ", r"\x "),
        (r"\newcommand\x{y}", r"\x ", r"\x "),
        (r"\renewcommand{\x}{y}", r"\x ", r"\x "),
        ("\\def\\x{y\nz}", r"\x ", r"\x "),
        (r"\def\x{a}\def\y{b}", r"\x \y ", r"a}\def\y{b \y "),
        ("%\\def\\x{y}", r"\x ", "y "),
        ("\\def\\x{\\y.}\n\\def\\y{z}", r"\x ", "z. "),
        ("\\def\\y{z}\n\\def\\x{\\y.}", r"\x ", r"\y. "),
        ("\\def\\x{1}\n\\newcommand{\\x}{2}", r"\x ", "1 "),
        (r"\def\x{\1\g<0>}", r"\x ", r"\1\g<0> "),
        (r"\def\x{y}", r"\newcommand{\x}{z} ", r"\newcommand{y}{z} "),
    ],
)
def test_quirks_of_macros(definitions, body, text):
    assert cleaned(f"{definitions}\n\\section{{A}}{body}") == (f"\\section{{A}}{text}", None)


def test_macros_are_those_of_all_files():
    assert cleaned(r"\section{A}\x ", r"\def\x{y}") == ("\\section{A}y \n", None)
    assert read_macros(["\\def\\x{1}\n\\newcommand{\\y}{2}", r"\def\x{3}"]) == {r"\y": "2", r"\x": "3"}


def test_files_without_a_heading_leave_their_line_feeds():
    assert cleaned("a", "b", "c") == ("\n\n", None)


@pytest.mark.parametrize(
    "text, reason",
    [
        (r"\section{A}", None),
        ("", "empty_text"),
        ("front", "empty_text"),
        (NOT_UTF8 + r"\section{A}", "not_utf8"),
        ("\\def\\x{é}\n\\section{A}", "bad_macro"),
        ("\\def\\x{\u0153}\n\\section{A}", "bad_macro"),
        ("\\def\\x{\x07}\n\\section{A}", "bad_macro"),
        ("\\def\\x{a\tb}\n\\section{A}", None),
        ("\\def\\x{é}\nfront", "empty_text"),
    ],
)
def test_paper_is_lost_for_what_the_published_code_trips_over(documents, text, reason):
    result = PaperByPatterns().apply(documents(text))
    assert result.reason.to_pylist() == [reason]
    assert reason is None or result.batch.column("text").to_pylist() == [text]


def test_a_paper_with_what_is_kept_of_it_and_what_is_counted(documents):
    paper = "\\def\\x{y}\nfront\n\\section{A} % note\n\\x is here."
    lost = "\\def\\x{y}\n\\def\\y{z}\n"
    result = PaperByPatterns().apply(documents(paper, "", lost))
    assert result.batch.column("text").to_pylist() == ["\\section{A}\ny is here.", "", lost]
    assert result.reason.to_pylist() == [None, "empty_text", "empty_text"]
    assert result.counts == {"macros_found": 3}


@pytest.mark.parametrize("bound, reason", [(14, None), (13, "paper_too_large")])
def test_growth_by_macros_is_bounded(monkeypatch, bound, reason):
    monkeypatch.setattr(tex_patterns, "_MAX_CHARS", bound)
    assert cleaned("\\def\\x{}\n\\section{A}\\x ")[1] == reason


@pytest.mark.parametrize("bound, reason", [(140, None), (139, "paper_too_large")])
def test_work_on_macros_is_bounded(monkeypatch, bound, reason):
    monkeypatch.setattr(tex_patterns, "_MAX_WORK_CHARS", bound)
    assert cleaned("\\def\\x{}\n\\section{A}\\x ")[1] == reason


@pytest.mark.parametrize(
    "text",
    [
        r"\section[" * 50_000,
        r"\paragraph{" * 50_000,
        r"\section{A}" + r"\bibliography{" * 50_000,
        r"\newcommand{\x}{" * 50_000,
        "}\\subparagraph[" * 50_000,
        "".join(f"\\def\\{'a' * (index % 30 + 1)}{{\\{'b' * 900}}}\n" for index in range(5000)) + r"\section{A}",
    ],
    ids=["options", "paragraphs", "bibliographies", "definitions", "second", "many"],
)
def test_adversarial_papers_cost_linear_time(text):
    started = time.process_time()
    cleaned(text)
    assert time.process_time() - started < 10
