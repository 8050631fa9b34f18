"""RedPajama's rules, held to what data_prep/github does, written down here as plain Python."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.github import LEFT_OUT, LINK_MARK
from filters.github_redpajama import RedPajamaFile, RedPajamaHeader, RedPajamaStatistics, redpajama_header_removed

FILE = RedPajamaFile(extensions=("py", "C", "md"), file_names=("Makefile",), max_file_bytes=100)
BLOCK = re.compile("/\\*[^*]*\\*+(?:[^/*][^*]*\\*+)*/")


def reference_header(content):
    """What the script's clean_copyright_comments does, step by step."""
    if match := BLOCK.search(content):
        first, last = match.span()
        return content[:first] + content[last:] if "copyright" in content[first:last].lower() else content
    lines = content.split("\n")
    while lines and (lines[0] == "" or lines[0][:2] in ("//", "--") or lines[0][0] == "#"):
        del lines[0]
    return "\n".join(lines)


def reference_verdict(text):
    """The script's statistics and the tests that follow from them."""
    lengths = [len(line) for line in text.splitlines()]
    if not text:
        return "empty_text"
    if max(lengths) > 20:
        return "line_too_long"
    if len(text) / len(lengths) > 10:
        return "mean_line_too_long"
    return "too_few_alphanumeric" if sum(map(str.isalnum, text)) / len(text) < 0.25 else None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("#!/bin/sh\n# Copyright X\n\necho\n", "echo\n"),
        ("#include <stdio.h>\n#pragma once\nint x;\n", "int x;\n"),
        ("# -*- coding: utf-8 -*-\nx = 1", "x = 1"),
        ("# A title\n\nText of a README.", "Text of a README."),
        ("// Copyright X\nint x; /* y */\n", "// Copyright X\nint x; /* y */\n"),
        ("int x;\n/* the copyright() function */\n", "int x;\n\n"),
        ("/* A */\n/* Copyright X */\n", "/* A */\n/* Copyright X */\n"),
        (" # indented\nx", " # indented\nx"),
        ("\r\n# after a line of Windows\r\nx", "\r\n# after a line of Windows\r\nx"),
        ("#!only\n#comments", ""),
        ("", ""),
    ],
)
def test_quirks_of_the_header_removal_are_kept(text, left):
    assert redpajama_header_removed(text) == left == reference_header(text)


@given(st.text(st.sampled_from("/*#-\nxX \r")).map(lambda text: text.replace("X", "Copyright")))
def test_any_texts_header_goes_as_in_the_script(text):
    assert redpajama_header_removed(text) == reference_header(text)


def test_headers_are_counted(documents):
    result = RedPajamaHeader().apply(documents("# a\nx", "x", ""))
    assert result.batch.column("text").to_pylist() == ["x", "x", ""]
    assert result.reason.to_pylist() == [None, None, None]
    assert result.counts == {"headers_removed": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty_text"),
        ("x" * 20 + "\n\n\n", None),
        ("x" * 21 + "\n" * 9, "line_too_long"),
        ("x" * 9 + "\n", None),
        ("x" * 10 + "\n", "mean_line_too_long"),
        ("x" * 8 + "\r\n", None),
        ("x" * 9 + "\r\n", "mean_line_too_long"),
        ("x" * 20 + "\f" + "x" * 20 + "\u2028\n\n\n", None),
        ("a---", None),
        ("a----", "too_few_alphanumeric"),
        ("\n", "too_few_alphanumeric"),
    ],
)
def test_statistics_are_those_of_the_script(documents, text, reason):
    result = RedPajamaStatistics(max_line_chars=20, max_mean_line_chars=10).apply(documents(text))
    assert result.reason.to_pylist() == [reason] == [reference_verdict(text)]
    assert result.counts == {}


@given(st.lists(st.text(st.sampled_from("ab-é\n\r\f\x1c\x85\u2028"), max_size=30), min_size=1, max_size=4))
def test_any_texts_statistics_are_those_of_the_script(texts):
    from filters.batch import document_batch

    batch = document_batch([{"doc_id": "", "source": "", "origin": "", "text": text} for text in texts])
    result = RedPajamaStatistics(max_line_chars=20, max_mean_line_chars=10).apply(batch)
    assert result.reason.to_pylist() == [reference_verdict(text) for text in texts]


@pytest.mark.parametrize(
    ("license", "path", "text", "reason"),
    [
        ("MIT", "a.py", "x", None),
        ("MIT-0", "a.py", "x", None),
        ("BSD-4-Clause", "a.py", "x", None),
        ("Apache-1.1", "a.py", "x", None),
        ("MIT", "a.py", "# SPDX-License-Identifier: GPL-3.0-only\n", None),
        ("GPL-2.0-only AND MIT", "a.py", "x", None),
        ("ISC", "a.py", "x", "license_not_permitted"),
        (None, "a.py", "x", "license_not_permitted"),
        ("MIT", "LICENSE", "x", "license_text"),
        ("MIT", "docs/LICENSE.md", "x", None),
        ("MIT", "a.crt", "x", "certificate"),
        ("MIT", "a.txt", "x", "extension_not_kept"),
        ("MIT", "a.PY", "x", "extension_not_kept"),
        ("MIT", "NotAMakefile", "x", None),
        ("MIT", None, "x", "extension_not_kept"),
        ("MIT", "a.py", LEFT_OUT, "binary"),
        ("MIT", "a.py", "a\0b", None),
        ("MIT", "a.py", "x" * 100, None),
        ("MIT", "a.py", "x" * 101, "file_too_large"),
        ("MIT", "a.py", "", None),
    ],
)
def test_licences_and_paths_are_compared_by_their_ends(documents, license, path, text, reason):
    result = FILE.apply(documents(text, license=license, path=path))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


def test_a_links_target_counts_as_text(documents):
    result = FILE.apply(documents(f"{LINK_MARK}../b.py", license="MIT", path="a.py"))
    assert result.batch.column("text").to_pylist() == ["../b.py"]


@pytest.mark.parametrize(
    ("setting", "value"), [("max_line_chars", 0), ("max_mean_line_chars", 0), ("min_alphanumeric_fraction", 1.5)]
)
def test_bounds_are_checked(setting, value):
    with pytest.raises(ValueError, match=f"{setting} must be"):
        RedPajamaStatistics(**{setting: value})


def test_a_size_is_at_least_a_byte():
    with pytest.raises(ValueError, match="max_file_bytes must be at least 1, got 0"):
        RedPajamaFile(extensions=("py",), file_names=(), max_file_bytes=0)
