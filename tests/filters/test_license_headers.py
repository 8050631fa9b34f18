import pytest

from filters.license_headers import MAX_HEADER_LINES, strip_license_header

APACHE = """Copyright 2020 Somebody

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS."""


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
