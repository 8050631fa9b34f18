from pathlib import Path

import pytest

from filters.license_headers import MAX_HEADER_LINES, strip_license_header

APACHE = """Copyright 2020 Somebody

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS."""


def listed(name: str) -> list[str]:
    """The lines of tests/golden/github/headers/NAME.txt."""
    return (Path(__file__).parents[1] / f"golden/github/headers/{name}.txt").read_text().splitlines()


def commented(mark: str, text: str = APACHE) -> str:
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in text.split("\n"))


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("a.py", commented("#")),
        ("a.go", commented("//")),
        ("a.sql", commented("--")),
        ("a.tex", commented("%")),
        ("a.f90", commented("!")),
        ("a.asm", commented(";")),
        ("a.vb", commented("'")),
        ("a.bat", commented("::")),
        ("a.c", f"/*\n{commented(' *')} */\n"),
        ("a.java", f"/**\n{commented(' *')} */\n"),
        ("a.css", f"/*!\n{APACHE}\n*/\n"),
        ("a.html", f"<!--\n{APACHE}\n-->\n"),
        ("a.lua", f"--[[\n{APACHE}\n]]\n"),
        ("a.jl", f"#=\n{APACHE}\n=#\n"),
        ("a.ps1", f"<#\n{APACHE}\n#>\n"),
        ("src/Makefile", commented("#")),
        ("a.js", "/*! x v1 | (c) 2011 Y | MIT license */\n"),
        ("a.c", "// SPDX-License-Identifier: MIT\n"),
        ("a.h", "/* SPDX-License-Identifier: MIT */\n"),
        ("a.cc", "// Copyright 2020 A\n// Use of this source code is governed by a BSD-style license that can be\n"),
    ],
)
def test_a_licence_header_goes_in_each_language(path, header):
    assert strip_license_header(f"{header}\ncode here\n", path) == "code here\n"
    assert strip_license_header(f"{header}code here\n", path) == "code here\n"


@pytest.mark.parametrize(
    ("path", "top"),
    [
        ("a.sh", "#!/bin/sh\n"),
        ("a.py", "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n"),
        ("a.rb", "# frozen_string_literal: true\n"),
        ("a.go", "//go:build linux\n"),
        ("a.php", "<?php\n"),
        ("a.xml", '<?xml version="1.0"?>\n'),
        ("a.html", "<!DOCTYPE html>\n"),
        ("a.ts", "// @ts-check\n"),
        ("Dockerfile", "# syntax=docker/dockerfile:1\n"),
    ],
)
def test_what_a_tool_reads_stays_above_the_header(path, top):
    mark = {"html": "<!-- Copyright 2020 X -->\n", "xml": "<!-- Copyright 2020 X -->\n"}.get(path.rpartition(".")[2])
    slashes = "//" if path.endswith((".go", ".php", ".ts")) else "#"
    assert strip_license_header(f"{top}{mark or commented(slashes)}code\n", path) == f"{top}code\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.c", "#include <copyright.h>\n#pragma once\n#define LICENSE 1\nint x;\n"),
        ("a.md", "# Copyright\n\nAll rights reserved.\n"),
        ("a.rst", "Licensed under the MIT license\n=====\n"),
        ("a.py", '"""Says copyright 2020 in a docstring."""\n'),
        ("a.py", "# Reads the page of licences.\nimport os\n"),
        ("a.js", "/** Adds two numbers. */\nfunction add() {}\n"),
        ("a.js", "code();\n/* Copyright 2020 */\n"),
        ("a.js", "/* Copyright 2020 */ code();\n"),
        ("a.c", "/* Copyright 2020, never closed\nint x;\n"),
        ("a.rs", "//! Crate documentation.\n\nfn main() {}\n"),
        ("a.unknown", "# Copyright 2020\nx\n"),
        ("a.py", "x = 1\n"),
        ("a.py", ""),
    ],
)
def test_what_is_no_licence_header_stays(path, text):
    assert strip_license_header(text, path) == text


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "a.c",
            "/* x.c - does things\n *\n * Copyright (C) 2020 A\n *\n * Licensed under the MIT license\n */\n\nint x;\n",
            "/* x.c - does things\n */\n\nint x;\n",
        ),
        ("a.py", "# Does things.\n#\n# Copyright 2020 A\n\nimport os\n", "# Does things.\n\nimport os\n"),
        ("a.py", "# Copyright 2020 A\n#\n# Does things.\n\nimport os\n", "# Does things.\n\nimport os\n"),
        ("a.js", "/* eslint no-var: 0 */\n/* Copyright 2020 A */\nx\n", "/* eslint no-var: 0 */\nx\n"),
        ("a.js", "// Copyright 2020 A\n\n/* Explains. */\nx\n", "/* Explains. */\nx\n"),
        ("a.c", "// Copyright 2020 A\r\n\r\nint x;\r\n", "int x;\r\n"),
    ],
)
def test_only_the_paragraphs_about_rights_go(path, before, after):
    assert strip_license_header(before, path) == after


def test_a_file_that_is_only_a_header_becomes_empty():
    assert strip_license_header(commented("#"), "a.py").strip() == ""


def test_a_header_beyond_the_first_lines_stays():
    text = "# x\n" * (MAX_HEADER_LINES + 1) + "# Copyright 2020\n"
    assert strip_license_header(text, "a.py") == text


@pytest.mark.parametrize("piece", ["/*", "#", "/* Copyright */ ", "under the ", "<!--", "\n", "(", "see "])
def test_hostile_tops_take_no_time(piece):
    text = "# Copyright\n" + piece * 300_000
    assert len(strip_license_header(text, "a.c")) <= len(text)


GPL_NOTICE = """This file is part of Thing.

Thing is free software: you can redistribute it.

Thing is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY."""
BSD_TEXT = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

  1. Redistributions of source code must retain the above copyright notice.

  2. Neither the name of the author may be used to endorse or promote products.

THIS SOFTWARE IS PROVIDED "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES OF ANY KIND."""
MIT_TEXT = """Permission is hereby granted, free of charge, to any person.

The above copyright notice shall be included in all copies or portions.

IN NO EVENT SHALL THE AUTHORS BE LIABLE."""


@pytest.mark.parametrize("text", [APACHE, GPL_NOTICE, BSD_TEXT, MIT_TEXT])
@pytest.mark.parametrize("mark", ["#", "//"])
def test_each_familys_words_are_known(text, mark):
    path = "a.py" if mark == "#" else "a.go"
    assert strip_license_header(commented(mark, text) + "\ncode\n", path) == "code\n"


@pytest.mark.parametrize(
    "line",
    [
        "# Parses the grammar of licences in SPDX.",
        "# Warranty claims are computed below.",
        "# The public interface of this module.",
        "# Copies files.",
        "# See the notes in README.",
        "# -*- mode: python -*-",
    ],
)
def test_a_comment_on_other_things_stays(line):
    assert strip_license_header(f"{line}\nimport os  # Copyright\n", "a.py") == f"{line}\nimport os  # Copyright\n"


@pytest.mark.parametrize(
    "mark, endings",
    [
        ("//", "c h cs cpp hpp c++ h++ cc hh C H go java js ts tsx rs scala css"),
        ("//", "php php3 php4 php5 phps phpt m"),
        ("#", "php py rb pl pm perl sh bash command zsh cmake dockerfile Dockerfile Makefile jl ps1 psd1 psm1"),
        ("--", "sql lua hs"),
        ("%", "tex m"),
        ("!", "f90 f f03 f08 f77 f95 for fpp"),
        ("C", "f for"),
        ("c", "f77"),
        ("*", "f"),
        ("::", "bat cmd"),
        ("REM", "bat"),
        ("@rem", "cmd"),
        (";", "asm smali"),
        ("#", "asm smali"),
        ("..", "rst"),
    ],
)
def test_every_ending_has_the_comments_of_its_language(mark, endings):
    header = f"{mark} Copyright 2020 A\n"
    for ending in endings.split():
        assert strip_license_header(f"{header}code\n", f"src/x.{ending}") == "code\n", ending


@pytest.mark.parametrize(
    "opener, closer, endings",
    [
        ("/*", "*/", "c php asm m"),
        ("%{", "%}", "m"),
        ("#=", "=#", "jl"),
        ("<#", "#>", "ps1"),
        ("--[[", "]]", "lua"),
        ("{-", "-}", "hs"),
        ("<!--", "-->", "html xml md markdown"),
    ],
)
def test_every_ending_has_the_blocks_of_its_language(opener, closer, endings):
    header = f"{opener} Copyright 2020 A\n\nAll rights reserved. {closer}\n"
    for ending in endings.split():
        assert strip_license_header(f"{header}code\n", f"src/x.{ending}") == "code\n", ending


@pytest.mark.parametrize("path, header", [("a.py", "// Copyright"), ("a.tex", "# Copyright"), ("a.md", "% Copyright")])
def test_another_languages_comment_is_code(path, header):
    assert strip_license_header(f"{header}\ncode\n", path) == f"{header}\ncode\n"


@pytest.mark.parametrize("said", listed("rights"))
def test_a_paragraph_that_speaks_of_rights_goes(said):
    assert strip_license_header(f"# Trims the wick.\n#\n# {said}\n\ncode\n", "a.py") == "# Trims the wick.\n\ncode\n"


@pytest.mark.parametrize("line", listed("tools"))
def test_a_line_that_a_tool_reads_stays_beside_the_licence(line):
    assert strip_license_header(f"{line}\n# Copyright 2020 A\ncode\n", "a.py") == f"{line}\ncode\n"


@pytest.mark.parametrize(
    "before, after",
    [
        ("# Copyright A\n\n\ncode\n", "code\n"),
        ("# Copyright A\n\ncode\n\n\ncode\n", "code\n\n\ncode\n"),
        ("\n\n# Copyright A\ncode\n", "\n\ncode\n"),
        ("#!/bin/sh\n\n# Copyright A\n\ncode\n", "#!/bin/sh\n\ncode\n"),
        ("# One.\n\n# Copyright A\n\n# Two.\n", "# One.\n\n# Two.\n"),
        ("# Copyright A\n\n\n\ncode\n", "code\n"),
        ("# Copyright A\n\n\n\n\n\ncode\n", "\n\ncode\n"),
        ("# Copyright A\n#\n# One.\n#\n# Licensed under B\n#\n# Two.\n", "# One.\n#\n# Two.\n"),
        ("# One.\n#\n# Copyright A\n#\n# Two.\n#\n# Three.\n", "# One.\n#\n# Two.\n#\n# Three.\n"),
    ],
)
def test_blank_lines_close_up_where_the_licence_stood_and_nowhere_else(before, after):
    assert strip_license_header(before, "a.py") == after


@pytest.mark.parametrize(
    "path, below",
    [
        ("a.py", "# pylint: disable=all\nimport os\n"),
        ("a.go", "//go:build linux\npackage lamp\n"),
        ("a.js", "/* Explains\n   the lamp. */\ncode\n"),
        ("a.php", "<?php\necho 1;\n"),
        ("a.lua", "--[[ Explains\nthe lamp. ]]\ncode\n"),
    ],
)
def test_what_stands_right_below_the_licence_is_no_part_of_it(path, below):
    mark = {"py": "#", "lua": "--"}.get(path.rpartition(".")[2], "//")
    assert strip_license_header(f"{mark} Copyright 2020 A\n{below}", path) == below


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "lib.rs",
            "//! Fast maps.\n//!\n//! ## License\n//!\n//! Apache-2.0 OR MIT, see the licence file.\n\npub mod a;\n",
        ),
        ("lib.rs", "/// Copyright notices are read here.\nfn main() {}\n"),
        ("A.cs", "/// <summary>Holds the copyright line.</summary>\nclass A {}\n"),
    ],
)
def test_comments_that_document_code_stay(path, text):
    assert strip_license_header(text, path) == text


def test_documentation_stays_below_a_header():
    text = "// Copyright 2020 A\n\n//! Fast maps, under the MIT licence.\n"
    assert strip_license_header(text, "lib.rs") == "//! Fast maps, under the MIT licence.\n"


def test_a_banner_of_slashes_is_no_documentation():
    text = "////////////////\n// Copyright 2020 A\n////////////////\nint x;\n"
    assert strip_license_header(text, "a.cpp") == "int x;\n"


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        ("a.bat", "@echo off\r\nREM Copyright 2020 A\r\necho hi\r\n", "@echo off\r\necho hi\r\n"),
        ("a.h", "#pragma once\n// Copyright 2020 A\nint x;\n", "#pragma once\nint x;\n"),
        ("a.h", "#ifndef A_H\n#define A_H\n/* Copyright 2020 A */\nint x;\n", "#ifndef A_H\n#define A_H\nint x;\n"),
        ("a.cmake", "#[[\nCopyright 2020 A\n]]\nproject(x)\n", "project(x)\n"),
        ("a.lua", "--[==[\nCopyright 2020 A\n]==]\nlocal x\n", "local x\n"),
        ("a.rb", "=begin\nCopyright 2020 A\n=end\nclass A\n", "class A\n"),
    ],
)
def test_headers_go_behind_what_must_come_first_and_in_any_comment(path, text, left):
    assert strip_license_header(text, path) == left


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        (
            "a.php",
            "<?php\n/**\n * Carts.\n *\n * @copyright 2020 A\n * @package Cart\n * @license MIT\n */\nclass A\n",
            "<?php\n/**\n * Carts.\n * @package Cart\n */\nclass A\n",
        ),
        (
            "a.ps1",
            "<#\n.SYNOPSIS\n Copies.\n.NOTES\n Copyright 2020 A\n.EXAMPLE\n Copy-It\n#>\nparam()\n",
            "<#\n.SYNOPSIS\n Copies.\n.EXAMPLE\n Copy-It\n#>\nparam()\n",
        ),
    ],
)
def test_tags_of_documentation_are_judged_one_by_one(path, text, left):
    assert strip_license_header(text, path) == left


def test_all_paragraphs_of_the_zlib_licence_go():
    header = (
        "/*\n * This software is provided 'as-is', without any express or implied warranty.\n *\n"
        " * Permission is granted to anyone to use this software, subject to the following restrictions:\n *\n"
        " * 1. The origin of this software must not be misrepresented.\n */\n"
    )
    assert strip_license_header(f"{header}int a;\n", "a.c") == "int a;\n"
    kept = "// Permission is asked for before the file is opened.\nint a;\n"
    assert strip_license_header(kept, "a.c") == kept
