"""Tests of filters/tex_scan.py."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.tex_scan import outside, read_regions


def parts(text, spans):
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    "text, comments",
    [
        ("", []),
        ("plain", []),
        ("a % b\nc", ["% b"]),
        (r"100\% sure", []),
        (r"line\\% gone", ["% gone"]),
        (r"\\\% stays", []),
        ("%", ["%"]),
        ("% one\n% two", ["% one", "% two"]),
        ("\\begin{comment}\nx % y\n\\end{comment}z", ["\\begin{comment}\nx % y\n\\end{comment}"]),
        ("\\begin{comment} never closed", []),
        ("% \\begin{comment}\nkept\\end{comment}", ["% \\begin{comment}"]),
        ("\\excludecomment{hide}\\begin{hide}x\\end{hide}", ["\\begin{hide}x\\end{hide}"]),
        ("\\begin{hide}x\\end{hide}", []),
    ],
)
def test_comments_are_found_where_tex_sees_them(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text, comments",
    [
        (r"\iffalse a\fi b", [r"\iffalse a\fi"]),
        (r"\iffalse a\else b\fi", [r"\iffalse a\else", r"\fi"]),
        (r"\iftrue a\else b\fi", [r"\iftrue", r"\else b\fi"]),
        (r"\iffalse\ifx\a\b c\else d\fi e\fi f", [r"\iffalse\ifx\a\b c\else d\fi e\fi"]),
        (r"\iffalse $a\iff b$\fi c", [r"\iffalse $a\iff b$\fi"]),
        (r"\iffalse\ifthenelse{a}{b}{c}\fi d", [r"\iffalse\ifthenelse{a}{b}{c}\fi"]),
        (r"\newif\ifdraft\iffalse a\fi", [r"\iffalse a\fi"]),
        (r"\let\ifdraft\iffalse a\fi", []),
        (r"\ifdraft a\else b\fi", []),
        (r"\iffalse never closed", []),
        (r"\fi\else a", []),
        (r"\def\hide{\iffalse} a \def\stop{\fi}", []),
        (r"\def\hide{\iffalse\{ a\fi}", [r"\iffalse\{ a\fi"]),
    ],
)
def test_conditionals_that_are_always_false_are_comments(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text, literals",
    [
        (r"\verb|%| % c", [r"\verb|%|"]),
        (r"\verb*+%+", [r"\verb*+%+"]),
        (r"\verbose|%|", []),
        ("\\verb|\n%|", []),
        ("\\begin{verbatim}\n%\n\\end{verbatim}", ["\\begin{verbatim}\n%\n\\end{verbatim}"]),
        ("\\begin{lstlisting}[a]\n%\n\\end{lstlisting}", ["\\begin{lstlisting}[a]\n%\n\\end{lstlisting}"]),
        ("\\begin{verbatim} never closed % c", []),
        ("\\begin{verbatim*}%\\end{verbatim}\\end{verbatim*}", ["\\begin{verbatim*}%\\end{verbatim}\\end{verbatim*}"]),
        (r"\lstinline{%d} \lstinline[x]!%!", [r"\lstinline{%d}", r"\lstinline[x]!%!"]),
        (r"\url{a%20b} \href{a%20b}{c}", [r"\url{a%20b}", r"\href{a%20b}"]),
        ("\\url{a\n%b}", []),
        (r"\iffalse\verb|%|\fi", []),
    ],
)
def test_literal_passages_keep_their_percent_signs(text, literals):
    assert parts(text, read_regions(text).literals) == literals


def test_only_percent_comments_count_as_lines():
    assert read_regions("% a\n\\iffalse b\\fi\n% c").lines == 2


def test_spans_that_begin_inside_a_fence_are_left_out():
    spans = [(0, 2), (3, 5), (4, 9), (6, 7), (10, 12)]
    assert list(outside(spans, ((3, 5), (6, 8)))) == [(0, 2), (10, 12)]


@pytest.mark.parametrize(
    "piece", ["\\begin{comment}", "\\begin{verbatim}", "\\verb|", "\\iffalse{", "\\url{", "{", "\\fi", "\\begin{"]
)
def test_unclosed_beginnings_cost_linear_time(piece):
    started = time.process_time()
    read_regions(piece * 50_000)
    assert time.process_time() - started < 5


@given(
    st.text(alphabet="a%\\\n{}|", max_size=40),
    st.sampled_from(["\\iffalse", "\\begin{comment}", "\\verb|", "\\begin{verbatim}"]),
)
def test_regions_are_sorted_disjoint_and_inside_the_text(text, opening):
    text = text + opening + text + "\\fi\\end{comment}\\end{verbatim}"
    regions = read_regions(text)
    for spans in (regions.comments, regions.literals):
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(edges)
        assert all(0 <= edge <= len(text) for edge in edges)


@pytest.mark.parametrize(
    "name",
    "verbatim Verbatim BVerbatim LVerbatim SaveVerbatim lstlisting minted filecontents alltt "
    "verbatim* Verbatim* lstlisting* filecontents* alltt*".split(),
)
def test_a_literal_environment_keeps_its_percent_signs(name):
    text = f"\\begin{{{name}}}\n% \\iffalse\n\\end{{{name}}}"
    regions = read_regions(text + "% gone\n\\fi")
    assert (parts(text, regions.literals), regions.lines) == ([text], 1)


@pytest.mark.parametrize("name", ["verse", "verbatimx", "listing", "equation"])
def test_another_environment_has_comments(name):
    assert read_regions(f"\\begin{{{name}}} % a\n\\end{{{name}}}").lines == 1


@pytest.mark.parametrize(
    "command",
    "iff ifthenelse ifblank ifnotblank ifstrequal ifstrempty ifdef ifundef ifcsdef ifcsundef ifcsempty ifcsvoid "
    "ifcsstring ifcsequal ifdefempty ifdefvoid ifdefstring ifdefequal ifbool ifboolexpr ifnumcomp ifnumequal ifnumless "
    "ifnumgreater ifnumodd ifdimcomp ifdimequal ifdimless ifdimgreater iftoggle ifinlist ifundefined iflanguage "
    "ifpackageloaded".split(),
)
def test_a_command_with_arguments_opens_no_conditional(command):
    text = rf"\iffalse \{command}{{a}}{{b}} \fi c \fi"
    assert parts(text, read_regions(text).comments) == [rf"\iffalse \{command}{{a}}{{b}} \fi"]


@pytest.mark.parametrize("command", ["ifx", "ifnum", "ifdim", "ifmmode", "ifdraft", "ifodd", "ifcase", "ifnewthing"])
def test_any_other_if_opens_a_conditional(command):
    text = rf"\iffalse \{command} a \fi b \fi c"
    assert parts(text, read_regions(text).comments) == [rf"\iffalse \{command} a \fi b \fi"]


@pytest.mark.parametrize(
    "address", [r"\url{a%b}", r"\href{a%b}", r"\path{a%b}", r"\nolinkurl{a%b}", r"\burl{a%b}", r"\url[x]{a%b}"]
)
def test_an_address_keeps_its_percent_signs(address):
    assert parts(address, read_regions(address).literals) == [address]


@pytest.mark.parametrize(
    "text, comments",
    [
        ("% a\n\\iffalse % b\n c\\fi d", ["% a", "\\iffalse % b\n c\\fi"]),
        ("\\begin{comment}a\\end{comment}%b", ["\\begin{comment}a\\end{comment}", "%b"]),
        ("\\iffalse a % \\fi\n b\\fi c", ["\\iffalse a % \\fi\n b\\fi"]),
        ("\\iffalse a\\fi\\iftrue b\\fi", ["\\iffalse a\\fi", "\\iftrue", "\\fi"]),
        ("\\iftrue a\\else b", []),
        ("\\newif\\ifa \\iffalse b\\fi", ["\\iffalse b\\fi"]),
        ("\\let\\ifa=\\iffalse b\\fi", []),
    ],
)
def test_comments_within_and_beside_each_other(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize("chars, literal", [(999, True), (1000, False)])
def test_what_verb_holds_is_bounded(chars, literal):
    text = "\\verb|" + "x" * chars + "|"
    assert bool(read_regions(text).literals) is literal


@pytest.mark.parametrize("spans, left", [([(5, 6)], [(5, 6)]), ([(3, 4)], []), ([(2, 4)], [(2, 4)]), ([(4, 9)], [])])
def test_a_fence_holds_its_start_and_not_its_end(spans, left):
    assert list(outside(spans, ((3, 5),))) == left


@pytest.mark.parametrize(
    "text, comments",
    [
        (r"\newif\ifd \ifd a\else b\fi c", [r"\ifd a\else", r"\fi"]),
        (r"\newif\ifd \dtrue \ifd a\else b\fi c", [r"\ifd", r"\else b\fi"]),
        ("\\newif\\ifd\n%\\dtrue\n\\ifd a\\fi", ["%\\dtrue", "\\ifd a\\fi"]),
        (r"\newif\ifd \ifpdf\dtrue\fi \ifd a\fi", []),
        (r"\newif\ifd \iffalse\dtrue\fi \ifd a\fi", [r"\iffalse\dtrue\fi", r"\ifd a\fi"]),
        (r"\newif\ifd \def\x#1{\ifd #1\fi}", [r"\ifd #1\fi"]),
        (r"\newif\ifd \def\x#1{\ifd #1\fi}\dtrue", []),
        (r"\let\ifd\iffalse \ifd a\ifd b\fi\fi c", [r"\ifd a\ifd b\fi\fi"]),
        (r"\newif\ifd \ifd a\iftrue b\else c\fi d\fi e", [r"\ifd a\iftrue b\else c\fi d\fi"]),
    ],
)
def test_flags_that_are_false_hide_what_they_guard(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text, comments",
    [
        ("\\if0\nhidden\n\\fi seen", ["\\if0\nhidden\n\\fi"]),
        (r"\if00 seen\else hidden\fi", [r"\if00", r"\else hidden\fi"]),
        (r"\ifnum0=1 hidden\fi", [r"\ifnum0=1 hidden\fi"]),
        (r"\if\a\b kept\fi", []),
        (r"\ifx\a\undefined kept\fi", []),
    ],
)
def test_constant_comparisons_hide_what_tex_skips(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text, comments",
    [
        ("\\iffalse \\begin{verbatim}\n% \\fi\n\\end{verbatim}\\fi b", None),
        ("\\iffalse a % \\fi\n\\else b\\fi", ["\\iffalse a % \\fi\n\\else", "\\fi"]),
        ("\\iffalse\\verb|\\fi|", ["\\iffalse\\verb|\\fi"]),
    ],
)
def test_what_tex_skips_has_conditionals_and_comments_and_nothing_else(text, comments):
    expected = [text[: -len(" b")]] if comments is None else comments
    assert parts(text, read_regions(text).comments) == expected


@pytest.mark.parametrize(
    "text, comments",
    [
        ("\\catcode`\\%=12 a % b\nc", []),
        ("{\\catcode`\\%=12 a % b\n} % c", ["% c"]),
        ("\\catcode`\\%12 % b\n\\catcode`\\%=14 % c", ["% c"]),
        ("\\catcode37=11 % a", []),
        ("\\def\\x{\\catcode`\\%=12 } % c", ["% c"]),
        ("\\catcode`\\@=11 % c", ["% c"]),
    ],
)
def test_percent_is_what_its_category_says(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text, comments",
    [
        (r"\comment a \endcomment b", [r"\comment a \endcomment"]),
        (r"\comment{a} b", []),
        (r"\comments a \endcomment", []),
        (r"\includecomment{comment}\begin{comment}a\end{comment}", []),
        (r"\newcommand{\bc}{\begin{comment}}\newcommand{\ec}{\end{comment}}", []),
        ("\\def\\hide{\\iffalse} \\begin{verbatim}%\\end{verbatim} % c", ["% c"]),
    ],
)
def test_comments_are_hidden_by_whole_commands_only(text, comments):
    assert parts(text, read_regions(text).comments) == comments


@pytest.mark.parametrize(
    "text",
    [
        "\\lstnewenvironment{code}{}{}\\begin{code}%\\end{code}",
        "\\DefineVerbatimEnvironment{code}{Verbatim}{}\\begin{code}%\\end{code}",
        "\\newverbatim{code}{}{}{}{}\\begin{code}%\\end{code}",
        "\\mintinline{c}{%d}",
        "\\mintinline[x]{c++}|%d|",
        "\\mint{python}|%d|",
        "\\Verb+%+",
        "\\begin{tcblisting}{x}%\\end{tcblisting}",
        "\\url{a{%}b}",
    ],
)
def test_passages_of_packages_and_of_the_authors_keep_their_percent_signs(text):
    assert read_regions(text).comments == ()
    assert read_regions(text + "% c").lines == 1
