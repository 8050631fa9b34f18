"""Tests of pipeline/corpora/tex_decoding.py."""

import pytest

from pipeline.corpora.tex_decoding import declared_codec, decode_tex


@pytest.mark.parametrize(
    "content, codec",
    [
        (rb"\usepackage[latin1]{inputenc}", "latin-1"),
        (rb"\usepackage[latin2]{inputenc}", "iso8859-2"),
        (rb"\usepackage [ansinew] {inputenc}", "cp1252"),
        (rb"\usepackage[applemac]{inputenc}", "mac-roman"),
        (rb"\usepackage[koi8-r]{inputenc}", "koi8-r"),
        (rb"\usepackage[utf8]{inputenc}", None),
        (rb"% \usepackage[latin1]{inputenc}", None),
        (rb"\inputencoding{cp1251}", "cp1251"),
        (b"%!TEX encoding = IsoLatin\n", "latin-1"),
        (b"% !TeX encoding=windows-1252", "cp1252"),
        (b"% -*- mode: latex; coding: iso-8859-15 -*-", "iso8859-15"),
        (rb"\begin{CJK*}{GBK}{song}", "gb18030"),
        (rb"\begin{CJK}[dnp]{Bg5}{fs}", "big5hkscs"),
        (rb"\begin{CJK}{KS}{mj}", "cp949"),
        (rb"\begin{CJK}{SJIS}{min}", "cp932"),
        (rb"\begin{CJK}{UTF8}{gbsn}", None),
        (b"%!TEX encoding = UTF-8\n\\usepackage[latin1]{inputenc}", "latin-1"),
        (b"%!TEX encoding = unicode_escape\n", None),
        (b"% \\begin{CJK}{GBK}{song}", None),
        (b"", None),
    ],
)
def test_declared_encoding_is_found(content, codec):
    assert declared_codec(content) == codec


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "cp1252"])
def test_accents_survive_undeclared(codec):
    text = "Universität Zürich, l'été à la plage, où l'on naît; größer, Übung, déjà vu, français\n" * 5
    assert decode_tex(text.encode(codec), None) == text


@pytest.mark.parametrize(
    "declared, text",
    [("iso8859-2", "Łódź"), ("koi8-r", "Привет"), ("mac-roman", "café"), ("gb18030", "中文"), ("cp949", "한글")],
)
def test_declared_encoding_is_used_where_utf8_fails(declared, text):
    assert decode_tex(text.encode(declared), declared) == text


def test_utf8_wins_over_a_wrong_declaration():
    assert decode_tex("Łódź".encode(), "latin-1") == "Łódź"


def test_a_broken_character_does_not_spoil_utf8():
    content = ("é" * 50).encode() + b"\xe9" + ("ü" * 50).encode()
    assert decode_tex(content, None) == "é" * 50 + "\ufffd" + "ü" * 50


@pytest.mark.parametrize(
    "content, text", [(b"a\r\nb", "a\nb"), (b"a\rb", "a\nb"), (b"\xef\xbb\xbfa", "a"), (b"a\0b", "ab"), (b"", "")]
)
def test_line_ends_marks_and_zeros_are_normalised(content, text):
    assert decode_tex(content, None) == text


def test_no_bytes_are_refused():
    assert decode_tex(bytes(range(256)), None)
