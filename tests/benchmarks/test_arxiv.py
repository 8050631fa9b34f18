"""Tests of benchmarks/arxiv.py."""

import re

import pytest

from benchmarks import arxiv as claim
from benchmarks.arxiv import arxiv, patterns_way
from benchmarks.claims import DisagreementError


def test_the_chain_gives_figures(inputs):
    figures = arxiv(inputs)
    assert (figures.unit, figures.input_bytes > 1000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_papers_that_lose_their_words_are_found_out(inputs, monkeypatch):
    monkeypatch.setattr(claim, "patterns_way", lambda files: "other words")
    with pytest.raises(DisagreementError, match="0% of a paper's words"):
        arxiv(inputs)


@pytest.mark.parametrize(
    "files, text",
    [
        ([r"front \section{A} text"], r"\section{A} text"),
        (["% \\section{Old}\nfront\n\\section{A} text"], "\\section{Old}\nfront\n\\section{A} text"),
        (["\\section{A} text % note\nmore%\n% line\nend"], "\\section{A} text\nmore%\nend"),
        ([r"\section{A} text \appendix more"], r"\section{A} text "),
        (["\\newcommand{\\x}{y}\n\\section{A} \\x, \\x"], "\\section{A} y, \\x"),
        (["no heading", r"\section{A} text"], "\n\\section{A} text"),
        ([r"\paragraph{A} one"], ""),
        ([r"\paragraph{A} one {x}\subparagraph{B} two"], r"\paragraph{A} one {x}\subparagraph{B} two"),
    ],
)
def test_the_reference_is_what_was_published(files, text):
    assert patterns_way(files) == text


def test_the_reference_loses_papers_over_their_macros():
    with pytest.raises(re.error, match="bad escape"):
        patterns_way(["\\def\\x{é}\n\\section{A} text"])
