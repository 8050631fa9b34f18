"""Tests of filters/tex_comments.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.tex_comments import TexComments, remove_comments


@pytest.mark.parametrize(
    "text, left",
    [
        ("", ""),
        ("no comment\n", "no comment\n"),
        ("one % two\nthree", "one\nthree"),
        ("one% two\n   three", "onethree"),
        ("5\\% of it\n", "5\\% of it\n"),
        ("row\\\\% note\nrow", "row\\\\row"),
        ("word%", "word"),
        ("%", ""),
        ("a%\n", "a\n"),
        ("%a\n%b\nc", "c"),
    ],
)
def test_comment_goes_and_its_line_end_with_it(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("one\n% whole line\ntwo", "one\ntwo"),
        ("one\n   % indented\n   two", "one\n   two"),
        ("one\n\n% c\ntwo", "one\n\ntwo"),
        ("one\n% c\n\ntwo", "one\n\ntwo"),
        ("one % c\n\ntwo", "one\n\ntwo"),
        ("one%\n% c\n\ntwo", "one\n\ntwo"),
        ("{%\n  % c\n  two}", "{two}"),
    ],
)
def test_paragraphs_end_where_they_ended_for_tex(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("\\foo% c\nbar", "\\foo\nbar"),
        ("\\foo%\n%\nbar", "\\foo\nbar"),
        ("\\foo% c\n{bar}", "\\foo{bar}"),
        ("\\\\% c\nbar", "\\\\bar"),
    ],
)
def test_command_does_not_grow_by_the_next_line(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("a\n\\begin{comment}\nb\n\\end{comment}\nc", "a\nc"),
        ("a \\begin{comment}b\\end{comment} c", "a  c"),
        ("a\n\\iffalse\nb\n\\fi\nc", "a\nc"),
        ("a \\iffalse b\\else c\\fi d", "a cd"),
        ("\\begin{verbatim}\n% b\n\\end{verbatim}\n% c\n", "\\begin{verbatim}\n% b\n\\end{verbatim}\n"),
        ("\\verb|%| % c", "\\verb|%|"),
        ("see \\url{http://x/%7Ey} % c", "see \\url{http://x/%7Ey}"),
    ],
)
def test_hidden_passages_go_and_literal_ones_stay(text, left):
    assert remove_comments(text)[0] == left


def test_commented_section_is_no_section_any_more():
    assert remove_comments("% \\section{Old}\n\\section{New}")[0] == "\\section{New}"


def test_filter_keeps_every_document_and_counts_comments(documents):
    result = TexComments().apply(documents("a%b\nc", "", "d\n%e\n%f\n"))
    assert result.batch.column("text").to_pylist() == ["ac", "", "d\n"]
    assert result.reason.to_pylist() == [None, None, None]
    assert result.counts == {"comments_removed": 3}


@given(st.text(alphabet="a %\\\n{}", max_size=60))
def test_text_without_percent_sign_is_untouched_and_with_one_never_grows(text):
    assert remove_comments(text.replace("%", "x"))[0] == text.replace("%", "x")
    assert len(remove_comments(text)[0]) <= len(text)


@given(st.lists(st.sampled_from(["a", "b c", "\\%", "\\\\", "{", "}", "\n", "\n\n", "% c\n", "%\n"]), max_size=20))
def test_no_live_percent_sign_is_left(pieces):
    left, _ = remove_comments("".join(pieces))
    assert "%" not in left.replace("\\\\", "").replace("\\%", "")


@given(st.lists(st.sampled_from(["word", " ", "\\%", "\n", "\n\n", "% c\n"]), max_size=20))
def test_every_word_outside_a_comment_is_kept(pieces):
    left, removed = remove_comments("".join(pieces))
    assert left.count("word") == pieces.count("word")
    assert left.count("\\%") == pieces.count("\\%")
    assert removed == pieces.count("% c\n")


@pytest.mark.parametrize(
    "text, left",
    [
        ("a \\begin{comment}b\\end{comment}\nc", "a \nc"),
        ("\\begin{comment}b\\end{comment} c", " c"),
        ("a\n  \\begin{comment}b\\end{comment}  \nc", "a\n  c"),
        ("a\n\\iffalse b\\fi % c\nd", "a\nd"),
        ("\\iffalse b\\fi", ""),
    ],
)
def test_a_hidden_passage_takes_its_line_only_where_nothing_else_is_on_it(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        (" " * 999 + "% c\nx", "x"),
        (" " * 1000 + "% c\nx", " " * 1000 + "x"),
        ("\n" + " " * 999 + "% c\nx", "\nx"),
        ("\n" + " " * 1000 + "% c\nx", "\n" + " " * 1000 + "x"),
    ],
)
def test_an_indent_is_looked_back_for_only_so_far(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("a %b\n%c\nd", "a\nd"),
        ("a%b\n  %c\n  d", "ad"),
        ("a%b\n%c\n\nd", "a\n\nd"),
        ("%a\n  b %c\n  d", "  b\n  d"),
        ("a%b\n\t%c\n%d", "a"),
    ],
)
def test_comments_in_a_row_join_what_stands_around_them(text, left):
    assert remove_comments(text)[0] == left


def test_every_kind_of_comment_is_counted_once():
    text = "a %b\n\\begin{comment}%c\n\\end{comment}\\iffalse d % e\n\\fi\\begin{verbatim}%\\end{verbatim}% f"
    assert remove_comments(text)[1] == 4


@pytest.mark.parametrize(
    "text, left",
    [
        ("a\n\n% b\n\nc", "a\n\nc"),
        ("a\n\n% b\n% c\n\n\n  \n  d", "a\n\n  d"),
        ("a\n\n% b\n\n% c\n\nd", "a\n\nd"),
        ("a\n\n\n\nb", "a\n\n\n\nb"),
        ("a\n\n\\begin{comment}\nb\n\\end{comment}\n\nc", "a\n\nc"),
        ("a\n% b\n\nc", "a\n\nc"),
    ],
)
def test_empty_lines_around_a_comment_are_one_paragraphs_end(text, left):
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("Foo\n", "Foo\n"),
        ("%auto-ignore\n", ""),
        ("Foo %auto-ignore Bar\n", "Foo\n"),
        ("Foo auto-ignore % Comment\n", "Foo auto-ignore\n"),
        ("100\\% accurate\n", "100\\% accurate\n"),
        ("  % Comment\n", ""),
        ("Foo %Comment\n", "Foo\n"),
        ("\\url{https://www.example.com/hello%20world}\n", "\\url{https://www.example.com/hello%20world}\n"),
        ("Foo %\\url{https://www.example.com/hello%20world}\n", "Foo\n"),
        ("Foo\n\\begin{equation}\n3x+2\n\\end{equation}\nFoo", "Foo\n\\begin{equation}\n3x+2\n\\end{equation}\nFoo"),
        ("Foo\\begin{comment}\n3x+2\n\\end{comment}\nFoo", "Foo\nFoo"),
        ("\\ifvar\n\\ifvar\nFoo\n\\fi\n\\fi\n", "\\ifvar\n\\ifvar\nFoo\n\\fi\n\\fi\n"),
        ("\\ifvar\n\\iffalse\n\\ifvar\nFoo\n\\fi\n\\fi\n\\fi\n", "\\ifvar\n\\fi\n"),
        ("\\ifvar\n\\iffalse\n\\iffalse\nFoo\n\\fi\n\\fi\n\\fi\n", "\\ifvar\n\\fi\n"),
        ("\\iffalse\nFoo\n\\fi", ""),
        ("\\iffalse\nFoo\n\\fi ", ""),
        ("\\iffalse\nFoo\n\\fi\\end{document}", "\\end{document}"),
        ("\\newcommand\\figref[1]{Figure~\\ref{fig:\\#1}}", "\\newcommand\\figref[1]{Figure~\\ref{fig:\\#1}}"),
    ],
)
def test_cases_of_the_cleaner_for_submissions(text, left):
    """The inputs of google-research/arxiv-latex-cleaner's tests; it leaves a bare percent sign where a comment was."""
    assert remove_comments(text)[0] == left


@pytest.mark.parametrize(
    "text, left",
    [
        ("a % b\n  c", "a\n  c"),
        ("a \t % b\nc", "a\nc"),
        ("a\\ % b\nc", "a\\ \nc"),
        ("a\\  % b\nc", "a\\ \nc"),
        ("a \\\\ % b\nc", "a \\\\ \nc"),
        ("{ % b\nc", "{\nc"),
        ("a % b\n% c\n\nd", "a\n\nd"),
    ],
)
def test_lines_stay_apart_where_a_blank_stands_before_the_comment(text, left):
    assert remove_comments(text)[0] == left
