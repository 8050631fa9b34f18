"""Tests of filters/arxiv.py."""

import pytest

from filters.arxiv import HasTexSource, PaperBody, front_matter, paper_body
from filters.tex_comments import TexComments
from filters.tex_macros import TexMacros
from filters.tex_scan import read_regions

GOLDEN_RAW = r"""\documentclass{article}
% our shorthands
\newcommand{\Msun}{\ensuremath{M_\odot}\xspace}
\def\be{\begin{equation}} \def\ee{\end{equation}}
\title[Short]{On Stars\thanks{Money}}
\begin{document}
\maketitle
\begin{abstract}
Stars of one \Msun.
\end{abstract}
% \section{An old beginning}
\section{Introduction}
A star of 5\,\Msun burns % or does it?
for a while: 100\% sure.
\be E = mc^2 \ee
\begin{verbatim}
% \appendix \Msun
\end{verbatim}
\section*{References}
\begin{thebibliography}{9} \bibitem{a} A. Author
\end{thebibliography}
\end{document}
"""

GOLDEN_BODY = r"""\section{Introduction}
A star of 5\,\ensuremath{M_\odot} burns
for a while: 100\% sure.
\begin{equation}E = mc^2 \end{equation}
\begin{verbatim}
% \appendix \Msun
\end{verbatim}
"""

GOLDEN_FRONT = r"""\title[Short]{On Stars\thanks{Money}}

\begin{abstract}
Stars of one \ensuremath{M_\odot}.
\end{abstract}

"""


@pytest.mark.parametrize("abstract, golden", [(False, GOLDEN_BODY), (True, GOLDEN_FRONT + GOLDEN_BODY)])
def test_golden_paper_through_all_three_rules(documents, abstract, golden):
    batch = documents(GOLDEN_RAW)
    for rule in (TexComments(), TexMacros(), PaperBody(abstract=abstract)):
        batch = rule.apply(batch).batch
    assert batch.column("text").to_pylist() == [golden]


@pytest.mark.parametrize(
    "heading",
    [
        r"\section{A}",
        r"\section*{A}",
        r"\section[a]{A}",
        r"\part{A}",
        r"\chapter{A}",
        r"\subsection{A}",
        r"\subsubsection{A}",
        r"\paragraph{A}",
        r"\subparagraph{A}",
        r"\newsec{A}",
        r"\head A\endhead",
        r"\mysection{A}",
    ],
)
def test_body_begins_with_the_first_heading(heading):
    text = f"before\n{heading} text"
    assert paper_body(text, ()) == (f"{heading} text\n", 7)


@pytest.mark.parametrize(
    "text", ["no heading", r"\sectionname{A}", r"\section", r"\thesection{}", r"\partial x {a}", ""]
)
def test_text_without_a_heading_has_no_body(text):
    assert paper_body(text, ()) == (None, 0)


def test_a_heading_within_a_command_begins_with_it():
    text = r"front \IEEEraisesectionheading{\section{A}\label{a}} text"
    assert paper_body(text, ()) == ("\\IEEEraisesectionheading{\\section{A}\\label{a}} text\n", 6)


def test_heading_in_the_preamble_begins_nothing():
    text = r"\titleformat{\section}{x} \section{no} \begin{document} front \section{Yes} a"
    assert paper_body(text, ())[0] == "\\section{Yes} a\n"


def test_heading_in_a_listing_begins_nothing():
    text = "\\begin{verbatim}\\section{no}\\end{verbatim}\\section{Yes} a"
    assert paper_body(text, read_regions(text).literals)[0] == "\\section{Yes} a\n"


@pytest.mark.parametrize(
    "closing",
    [
        r"\appendix",
        r"\appendices",
        r"\begin{appendix}",
        r"\begin{appendices}",
        r"\begin{thebibliography}{99}",
        r"\begin{references}",
        r"\bibliography{refs}",
        r"\printbibliography",
        r"\bibitem{a}",
        r"\section*{References}",
        r"\section{\bf Bibliography}",
        r"\section{REFERENCES}",
        r"\input{ms.bbl}",
        r"\input paper.bbl ",
        r"\end{document}",
        r"\bye",
    ],
)
def test_body_ends_with_appendix_bibliography_or_document(closing):
    assert paper_body(rf"\section{{A}} text {closing} after \section{{B}} x", ())[0] == "\\section{A} text\n"


@pytest.mark.parametrize(
    "text", [r"\bibliographystyle{plain}", r"\section{Cross references in space}", r"\appendixname"]
)
def test_what_only_looks_like_an_end_ends_nothing(text):
    assert paper_body(rf"\section{{A}} {text} after", ())[0] == f"\\section{{A}} {text} after\n"


def test_a_document_that_is_shown_in_the_document_ends_nothing():
    text = r"\begin{document} \begin{document} x \end{document} \section{A} y \end{document} z"
    assert paper_body(text, ())[0] == "\\section{A} y\n"


@pytest.mark.parametrize(
    "text, body",
    [
        (r"\section{A} a \subsection{References} b", r"\section{A} a \subsection{References} b"),
        (r"\subsection{A} a \subsection*{References} b", r"\subsection{A} a"),
        (r"\paragraph{A} a \subsection{References} b", r"\paragraph{A} a"),
        (r"\newsec{A} a \subsubsection{References} b", r"\newsec{A} a \subsubsection{References} b"),
        (r"\newsec{A} a \section{References} b", r"\newsec{A} a"),
        (r"\chapter{A} a \section{References} b", r"\chapter{A} a \section{References} b"),
    ],
)
def test_references_end_the_body_where_they_are_no_deeper_than_its_headings(text, body):
    assert paper_body(text, ())[0] == f"{body}\n"


def test_bibliography_before_the_body_ends_nothing():
    assert paper_body(r"\bibliography{x} \section{A} text", ())[0] == "\\section{A} text\n"


def test_heading_after_the_end_of_the_document_begins_nothing():
    assert paper_body(r"\begin{document} a \end{document} \section{B} notes", ()) == (None, 0)


@pytest.mark.parametrize(
    "text, reason",
    [
        (r"\section{A} text", None),
        ("just text", "no_section"),
        ("", "empty_text"),
        (" \n", "empty_text"),
        (r"\section{A}\label{a}\appendix text", "empty_text"),
        (r"\section{A} " + "x" * 8, None),
        (r"\section{A} " + "x" * 9, "paper_too_large"),
    ],
)
def test_paper_is_rejected_for_what_it_lacks(documents, text, reason):
    result = PaperBody(max_chars=21).apply(documents(text))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {"abstracts_kept": 0}
    assert reason is None or result.batch.column("text").to_pylist() == [text]


@pytest.mark.parametrize(
    "front, title, kept",
    [
        (r"\title{T} \begin{abstract}S\end{abstract}", None, "\\title{T}\n\n\\begin{abstract}S\\end{abstract}\n\n"),
        (r"\abstract{S}", "T", "\\title{T}\n\n\\abstract{S}\n\n"),
        (r"\begin{abstract}S", None, ""),
        (r"\abstract{S", None, ""),
        ("", None, ""),
    ],
)
def test_title_and_abstract_are_taken_as_they_stand(front, title, kept):
    assert front_matter(front, title) == kept


def test_abstracts_are_counted(documents):
    texts = (r"\title{T}\section{A} text", r"\section{A} text", "none")
    result = PaperBody(abstract=True).apply(documents(*texts))
    assert result.counts == {"abstracts_kept": 1}
    assert result.batch.column("text").to_pylist() == [
        "\\title{T}\n\n\\section{A} text\n",
        "\\section{A} text\n",
        "none",
    ]


def test_length_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match="max_chars must be at least 0, got -1"):
        PaperBody(max_chars=-1)


@pytest.mark.parametrize(
    "text, path, reason",
    [("", "2201/2201.00012.pdf", "pdf_only"), ("", "2201/a.gz", "no_tex"), (" ", None, "no_tex"), ("x", "a.pdf", None)],
)
def test_paper_without_tex_is_rejected(documents, text, path, reason):
    result = HasTexSource().apply(documents(text, path=path))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


@pytest.mark.parametrize(
    "closing",
    [
        r"\appendix*",
        r"\begin{references*}",
        r"\begin{chapthebibliography}{9}",
        r"\begin {thebibliography}{9}",
        r"\putbib",
        r"\listrefs",
        r"\Refs",
        r"\section{Literature Cited}",
        r"\section*{Reference}",
        r"\section[Refs]{References}",
        r"\chapter*{\large\bf References:}",
        r"\section{ {\sc references} }",
    ],
)
def test_rarer_ends_end_the_body_too(closing):
    assert paper_body(rf"\section{{A}} text {closing} after \section{{B}} x", ())[0] == "\\section{A} text\n"


@pytest.mark.parametrize("heading", [r"\beginsection A", r"\subsec{A}", r"\mychapter{A}", r"\part [a]{A}"])
def test_rarer_headings_begin_the_body_too(heading):
    assert paper_body(f"before {heading} text", ())[0].endswith("{A} text\n" if "{" in heading else "A text\n")


@pytest.mark.parametrize(
    "text",
    [r"\longersection{A}", r"\newsection", r"\subsecname{A}", r"\head A", r"\headrule A\endhead", r"\thepart[a]"],
)
def test_a_command_that_only_sounds_like_a_heading_begins_nothing(text):
    assert paper_body(f"before {text} text", ()) == (None, 0)


def test_the_last_end_of_plain_tex_ends_the_body_and_an_earlier_one_does_not():
    assert paper_body("\\section{A} text\n\\end\n", ())[0] == "\\section{A} text\n"
    assert paper_body("\\section{A} one \\end two\n", ())[0] == "\\section{A} one \\end two\n"


def test_a_bye_before_the_body_ends_the_search():
    assert paper_body(r"front \bye \section{A} notes", ()) == (None, 0)


@pytest.mark.parametrize(
    "front, kept",
    [
        (r"\title[S]{A {B} C}", "\\title[S]{A {B} C}\n\n"),
        (r"\title {A}", "\\title {A}\n\n"),
        (r"\title{never closed", ""),
        (r"\titlepage{A}", ""),
        (r"\begin{abstract*}S\end{abstract*}", "\\begin{abstract*}S\\end{abstract*}\n\n"),
        (r"\abstract {S {T}} more", "\\abstract {S {T}}\n\n"),
        (r"\abstract S", ""),
        (r"\abstract S \endabstract more", "\\abstract S \\endabstract\n\n"),
        ("\\abstract{A}\n {B}{C}{D} {E}{F}", "\\abstract{A}\n {B}{C}{D} {E}\n\n"),
        ("\\abstract{A}\n\n{B}", "\\abstract{A}\n\n"),
        (r"\abstract{A}{B", "\\abstract{A}\n\n"),
        (r"\abstractname{A}", ""),
    ],
)
def test_front_matter_stands_in_several_forms(front, kept):
    assert front_matter(front, None) == kept


def test_a_title_in_the_paper_goes_before_the_archives():
    assert front_matter(r"\title{Ours}", "Theirs") == "\\title{Ours}\n\n"


@pytest.mark.parametrize("text", [r"\section{A} ~\\ .", r"\section*{A}\label{a}\maketitle", r"\section[a]{A} {}"])
def test_a_body_of_nothing_but_commands_is_empty(documents, text):
    assert PaperBody().apply(documents(text)).reason.to_pylist() == ["empty_text"]


def test_no_bound_keeps_a_paper_of_any_length(documents):
    assert PaperBody(max_chars=0).apply(documents(r"\section{A} " + "x" * 10**6)).reason.to_pylist() == [None]


@pytest.mark.parametrize(
    "tail, left",
    [
        (r"\bibliographystyle{plain}", ""),
        ("\\clearpage\n\\bibliographystyle {plain}\n\n\\newpage ", ""),
        (r"\bibliographystyle{plain} more", r" \bibliographystyle{plain} more"),
        (r"\newpages", r" \newpages"),
        ("\\newpage" + " " * 492, ""),
        ("\\newpage" + " " * 493, r" \newpage"),
    ],
)
@pytest.mark.parametrize("end", ["", r"\bibliography{x}", r"\end{document}"])
def test_what_sets_the_bibliographys_page_and_style_goes_with_it(tail, left, end):
    assert paper_body(rf"\section{{A}} text {tail}{end}", ())[0] == rf"\section{{A}} text{left}" + "\n"
