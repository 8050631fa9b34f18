"""Tests of pipeline/corpora/tex_project.py."""

import time

import pytest

from pipeline.corpora.tex_project import TexProject, find_title, is_source_name, looks_like_tex

HEAD = r"\documentclass{article}\begin{document}"


def project(files):
    return TexProject({name: content.encode() for name, content in files.items()})


def flat(files, max_bytes=1 << 20):
    return project(files).text(max_bytes=max_bytes)


@pytest.mark.parametrize(
    "command",
    [
        r"\input{part}",
        r"\input{part.tex}",
        r"\input part",
        r"\input{ part }",
        r"\include{part}",
        r"\subfile{part}",
        r"\import{./}{part}",
        r"\subimport{.}{part}",
        r"\olimport{part}",
        r'\input{"part"}',
        r"\InputIfFileExists{part}",
        r"\subfileinclude{part}",
        r"\includefrom{./}{part}",
    ],
)
def test_file_stands_where_it_is_read(command):
    assert flat({"part.tex": "PART", "ms.tex": f"{HEAD} a {command}\nb"}) == f"{HEAD} a PART\nb"


@pytest.mark.parametrize(
    "command",
    [
        r"% \input{part}",
        r"\verb|\input{part}|",
        r"\iffalse\input{part}\fi",
        r"\begin{comment}\input{part}\end{comment}",
        r"\verbatiminput{part}",
        r"\VerbatimInput{part}",
        r"\lstinputlisting{part}",
        r"\includegraphics{part}",
        r"\\input{part}",
        r"\newif\ifd\ifd\input{part}\fi",
        r"\inputs{part}",
        r"\input{missing}",
        r"\end{document}\input{part}",
    ],
)
def test_file_that_tex_would_not_read_stays_out(command):
    text = f"{HEAD} a {command}\nb"
    assert flat({"part.tex": "PART", "ms.tex": text}) == text


def test_tree_is_followed_in_input_order_and_the_rest_left_out():
    files = {"z.tex": "Z\n", "unread.tex": "U", "a.tex": "A\\input{z}\n", "ms.tex": HEAD + "\\input{a}\n\\input{z}\n"}
    assert flat(files) == HEAD + "AZ\nZ\n"


@pytest.mark.parametrize(
    "command, name",
    [
        (r"\input{sec/one}", "sec/one.tex"),
        (r"\import{sec/}{one}", "sec/one.tex"),
        (r"\olimport[sec]{one}", "sec/one.tex"),
    ],
)
def test_folders_are_followed_beside_the_main_file(command, name):
    assert flat({f"paper/{name}": "ONE\n", "paper/ms.tex": f"{HEAD}{command}"}) == f"{HEAD}ONE\n"


def test_imported_file_reads_beside_itself():
    files = {"ms.tex": HEAD + r"\import{sec/}{one}", "sec/one.tex": "1\\input{two}", "sec/two.tex": "2\n"}
    assert flat(files) == HEAD + "12\n"


def test_name_that_climbs_out_of_the_submission_finds_nothing():
    text = HEAD + r"\input{../../etc/passwd}\input{/etc/passwd}"
    assert flat({"ms.tex": text}) == text


def test_last_line_of_a_file_ends_with_it():
    assert flat({"part.tex": "PART % note", "ms.tex": HEAD + r"\input{part} on"}) == HEAD + "PART % note\n on"


@pytest.mark.parametrize(
    "part, read",
    [
        ("P\n\\endinput\nQ", "P\n"),
        ("P\\endinput % done\nQ", "P\n"),
        ("P\\endinput Q\nR", "P\\endinput Q\n"),
        ("P\n%\\endinput\nQ", "P\n%\\endinput\nQ\n"),
        ("P\\endinputs\nQ", "P\\endinputs\nQ\n"),
    ],
)
def test_reading_stops_behind_the_line_of_endinput(part, read):
    assert flat({"part.tex": part, "ms.tex": HEAD + r"\input{part}"}) == HEAD + read


@pytest.mark.parametrize(
    "only, body",
    [
        ("", "A\nB\n"),
        (r"\includeonly{a}", "A\n\\include{b}"),
        (r"\includeonly{b, c}", "\\include{a}B\n"),
        ("%\\includeonly{a}\n", "A\nB\n"),
    ],
)
def test_only_what_includeonly_lists_is_included(only, body):
    head = rf"\documentclass{{article}}{only}\begin{{document}}"
    files = {"ms.tex": head + r"\include{a}\include{b}", "a.tex": "A\n", "b.tex": "B\n"}
    assert flat(files) == head + body


def test_what_includeonly_lists_says_nothing_of_input():
    head = r"\documentclass{article}\includeonly{b}\begin{document}"
    assert flat({"ms.tex": head + r"\input{a}", "a.tex": "A\n"}) == head + "A\n"


def test_a_bibliography_made_by_bibtex_is_not_read():
    text = HEAD + r"\input{ms.bbl}"
    assert flat({"ms.tex": text, "ms.bbl": r"\begin{thebibliography}{1}"}) == text


def test_document_inside_a_document_gives_its_inside():
    part = r"\documentclass[../ms]{subfiles} x \begin{document}P\end{document} y"
    assert flat({"part.tex": part, "ms.tex": HEAD + r"\subfile{part}"}) == HEAD + "P\n"


def test_cycles_are_cut():
    assert flat({"a.tex": r"A\input{ms}\input{a}", "ms.tex": HEAD + r"\input{a}"}) == HEAD + "A\\input{ms}\\input{a}\n"


def test_doubling_files_are_bounded_in_size_and_time():
    files = {f"f{i}.tex": rf"\input{{f{i + 1}}}\input{{f{i + 1}}}" + "x" * 100 for i in range(30)} | {
        "ms.tex": HEAD + r"\input{f0}"
    }
    started = time.process_time()
    assert len(flat(files, max_bytes=20_000)) < 25_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "style, kept",
    [("\\newcommand{\\a}{x}\n", True), ("\\def\\my@a{x}\n", False), ("\\input{other}\n", False)],
)
def test_style_is_read_where_it_holds_the_authors_macros_only(style, kept):
    main = r"\documentclass{article}\usepackage{amsmath, own}" + "\n\\begin{document}"
    text = flat({"own.sty": style, "ms.tex": main})
    assert text == (main.replace("own}\n", "own}\n" + style) if kept else main)


@pytest.mark.parametrize(
    "files, main",
    [
        ({"b.tex": HEAD, "a.tex": r"\section{x}"}, "b.tex"),
        ({"supplement.tex": HEAD, "zz.tex": HEAD}, "zz.tex"),
        ({"aa.tex": HEAD, "main.tex": HEAD}, "main.tex"),
        ({"joss/paper.tex": HEAD, "ms.tex": HEAD}, "ms.tex"),
        ({"aa.tex": HEAD, "z.tex": HEAD + r"\input{aa}"}, "z.tex"),
        ({"fig.tex": r"\documentclass{standalone}\begin{document}", "z.tex": HEAD}, "z.tex"),
        ({"main.tex": HEAD, "b.tex": HEAD, "00README.XXX": "b.tex toplevelfile"}, "b.tex"),
        ({"main.tex": HEAD, "b.tex": HEAD, "00README.json": '{"filename": "b.tex", "usage": "toplevel"}'}, "b.tex"),
        ({"plain.tex": r"\input harvmac \bye", "x.tex": r"\def\a{x}"}, "plain.tex"),
        ({"old": r"\documentstyle{article}\begin{document}"}, "old"),
        ({"x.tex": "% " + HEAD, "y.tex": HEAD}, "y.tex"),
        ({"notes.txt": "hello", "readme": "nothing"}, None),
        ({}, None),
    ],
)
def test_main_file_is_found(files, main):
    assert project(files).main == main


def test_submission_without_a_document_has_no_text():
    assert flat({"fig.ps": "%!PS"}) == ""


def test_one_latin_1_file_does_not_spoil_the_paper():
    files = {
        "ms.tex": (HEAD + "\\input{a}\né").encode(),
        "a.tex": "Universität Zürich: größer als München\n".encode("latin-1"),
    }
    text = TexProject(files).text(max_bytes=1000)
    assert text == HEAD + "Universität Zürich: größer als München\né"


@pytest.mark.parametrize(
    "text, title",
    [
        (r"\title{On  Stars}", "On Stars"),
        (r"\title[Short]{Long\\ title\thanks{money}}", "Long title"),
        (r"\newcommand{\x}{X}\title{The \x{} files}", "The X files"),
        ("% \\title{Old}\n\\title{New}", "New"),
        (r"\def\title#1{x#1}\title{Real}", "Real"),
        (r"\title{unclosed", None),
        (r"\title{}", None),
        ("", None),
    ],
)
def test_title_is_found(text, title):
    assert find_title(text) == title


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("a.tex", True),
        ("A.TEX", True),
        ("own.sty", True),
        ("00README.XXX", True),
        ("paper", True),
        ("f.png", False),
        ("r.bib", False),
    ],
)
def test_sources_are_known_by_their_names(name, wanted):
    assert is_source_name(name) is wanted


@pytest.mark.parametrize(
    "content, answer",
    [
        (rb"\documentclass{a}", True),
        (rb"\bye", True),
        (b"%auto-ignore\nwithdrawn", False),
        (b"%!PS-Adobe \\def\\a", False),
        (b"%PDF-1.4 \\end", False),
        (b"<html>\\title", False),
        (b"", False),
    ],
)
def test_tex_is_told_from_what_is_not(content, answer):
    assert looks_like_tex(content) is answer


def test_many_files_are_bounded_by_their_number():
    files = {"ms.tex": HEAD + r"\input{a}" * 6000, "a.tex": "A\n"}
    assert flat(files).count("A\n") == 5000


@pytest.mark.parametrize("depth, reached", [(18, True), (19, False)])
def test_depth_is_bounded(depth, reached):
    files = {f"f{i}.tex": rf"\input{{f{i + 1}}}" for i in range(depth)} | {f"f{depth}.tex": "END"}
    assert ("END" in flat(files | {"ms.tex": HEAD + r"\input{f0}"})) is reached


@pytest.mark.parametrize("count, title", [(99, "T"), (100, None)])
def test_a_title_is_looked_for_among_so_many(count, title):
    assert find_title(r"\title{}" * count + r"\title{T}") == title


@pytest.mark.parametrize(
    "text",
    [
        r"\title{" * 30_000,
        r"\title[" * 30_000,
        r"\input{" * 50_000,
        r"\documentclass[" * 50_000,
        "\\" * 300_000,
        "%" * 10**6,
    ],
    ids=["titles", "short titles", "inputs", "classes", "backslashes", "percents"],
)
def test_adversarial_files_cost_linear_time(text):
    started = time.process_time()
    find_title(flat({"ms.tex": HEAD + text}))
    assert time.process_time() - started < 10
