import gzip
import io
import json
import tarfile

import pyarrow.compute as pc
import pytest
from archives import tar_of

from filters.batch import texts
from pipeline.corpora.corpus import BadRecord, RawFile, document_batches
from pipeline.corpora.github import CORPUS, decoded, filters, read
from pipeline.corpora.registry import document_stages
from pipeline.recipe import Recipe
from pipeline.source_sections import GitHub

MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated "
    'documentation files (the "Software"), to deal in the Software without restriction. The above copyright notice and '
    "this permission notice shall be included."
)


EMPTY_ZIP = b"PK\5\6" + bytes(18)


def tar(files: dict[str, bytes | str]) -> bytes:
    return gzip.compress(tar_of(files))


def records(content: bytes, name: str = "github/a-1.tar.gz", **settings: object) -> list:
    return list(read(RawFile.of_bytes(name, content), GitHub(**settings)))


def judged(content: bytes, name: str = "github/a-1.tar.gz", **settings: object) -> dict[str, str]:
    """Path → the reason, or the text where the file is kept."""
    file, rules = RawFile.of_bytes(name, content), filters(GitHub(**settings))
    verdicts: dict[str, str] = {}
    for batch in document_batches("github", file, records(content, name, **settings)):
        left = batch
        for rule in rules:
            result = rule.apply(left)
            paths = left.column("path").to_pylist()
            verdicts |= {path: why for path, why in zip(paths, result.reason.to_pylist(), strict=True) if why}
            left = result.batch.filter(pc.is_null(result.reason))
        verdicts |= dict(zip(left.column("path").to_pylist(), texts(left), strict=True))
    return verdicts


def table(*rows: dict) -> bytes:
    defaults = {"repo_name": "a/b", "path": "x.py", "license": "mit", "content": "x = 1\n"}
    return "\n".join(json.dumps(defaults | row) for row in rows).encode()


def test_a_row_is_a_document():
    (document,) = records(table({}), "x.jsonl")
    assert (document.key, document.title, document.path, document.license) == ("line-0", "a/b", "x.py", "MIT")
    assert document.url == "https://github.com/a/b/blob/HEAD/x.py"
    assert document.text == "x = 1\n"


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({}, "x = 1\n"),
        ({"content": "# Copyright 2020 A\n\nx = 1\n"}, "x = 1\n"),
        ({"content": "# Copyright 2020 A\n"}, "only_a_header"),
        ({"content": None}, "binary"),
        ({"content": ""}, "empty_text"),
        ({"content": "../y.py", "symlink_target": "../y.py"}, "link"),
        ({"content": "x = 1\n", "symlink_target": None}, "x = 1\n"),
        ({"path": "docs/LICENSE.md"}, "license_text"),
        ({"content": "x" * 1000}, "mean_line_too_long"),
        ({"content": "x" * 1001}, "line_too_long"),
        ({"content": "-" * 20}, "too_few_alphanumeric"),
        ({"content": "x\n" * 3000}, "file_too_large"),
        ({"path": "x.png"}, "extension_not_kept"),
        ({"license": "gpl-2.0"}, "license_not_permitted"),
        ({"license": ["mit", "gpl-2.0"]}, "license_not_permitted"),
        ({"license": "made-up"}, "license_unknown"),
        ({"license": None}, "license_unknown"),
        ({"content": "# SPDX-License-Identifier: GPL-3.0-only\nx = 1\n"}, "license_not_permitted"),
    ],
)
def test_each_rule_has_its_say(row, verdict):
    assert list(judged(table(row), "x.jsonl", max_file_bytes=5000).values()) == [verdict]


def test_an_archive_is_a_document_a_file_under_its_folders_licence():
    files = {
        "a-1/x.py": "x = 1\n",
        "a-1/vendor/g/y.c": "int y;\n",
        "a-1/vendor/g/COPYING": "GNU General Public License",
    }
    found = records(tar(files | {"a-1/LICENSE": MIT}))
    assert [(record.key, record.path, record.title, record.license) for record in found] == [
        ("a-1/x.py", "x.py", "a-1", "MIT"),
        ("a-1/vendor/g/y.c", "vendor/g/y.c", "a-1", "GPL-2.0-or-later"),
        ("a-1/vendor/g/COPYING", "vendor/g/COPYING", "a-1", "GPL-2.0-or-later"),
        ("a-1/LICENSE", "LICENSE", "a-1", "MIT"),
    ]


def test_links_are_rejected_and_say_nothing_of_licences():
    stream = io.BytesIO(gzip.decompress(tar({"a-1/LICENSE": MIT, "a-1/x.py": "x = 1\n"})))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        for name, target in (("a-1/y.py", "x.py"), ("a-1/sub/LICENSE", "../LICENSE"), ("a-1/sub/z.py", "/etc/passwd")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    verdicts = judged(stream.getvalue(), "a-1.tar")
    assert verdicts["x.py"] == "x = 1\n"
    assert (verdicts["y.py"], verdicts["sub/z.py"], verdicts["sub/LICENSE"]) == ("link", "link", "extension_not_kept")


def test_files_that_differ_in_their_header_alone_are_one_text_before_dedup():
    heads = ("# Copyright 2019 A\n\n", "# Copyright 2020 B. All rights reserved.\n\n", "")
    rows = [{"path": f"{number}.py", "content": head + "x = 1\n"} for number, head in enumerate(heads)]
    assert judged(table(*rows), "x.jsonl") == {"0.py": "x = 1\n", "1.py": "x = 1\n", "2.py": "x = 1\n"}
    assert document_stages(Recipe(name="t"), "github") == ("clean", "dedup")


def test_a_package_of_npm_is_named_by_its_file():
    (document, _) = records(tar({"package/x.js": "x", "package/package.json": '{"license": "MIT"}'}), "npm/x-2.1.tgz")
    assert (document.title, document.path, document.license) == ("x-2.1", "x.js", "MIT")


@pytest.mark.parametrize(
    ("files", "paths"), [(["a/x.py", "b/y.py"], ["a/x.py", "b/y.py"]), (["x.py", "a/y.py"], ["x.py", "a/y.py"])]
)
def test_only_a_folder_around_everything_is_taken_off(files, paths):
    assert [record.path for record in records(tar(dict.fromkeys(files, "x")))] == paths


@pytest.mark.parametrize(("size", "verdict"), [(1000, "x"), (1001, "file_too_large")])
def test_a_file_is_kept_up_to_its_largest_size(size, verdict):
    files = {"a-1/LICENSE": MIT, "a-1/x.py": "xxxxxxxxx\n" * (size // 10) + "x" * (size % 10)}
    assert judged(tar(files), max_file_bytes=1000)["x.py"].startswith(verdict)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"plain", "plain"),
        ("é".encode(), "é"),
        (b"\xef\xbb\xbfx", "x"),
        ("x é".encode("utf-16"), "x é"),
        ("x é".encode()[:-1], "x "),
        ("Größe und Maß für Übungen, schöne Grüße".encode("latin-1"), "Größe und Maß für Übungen, schöne Grüße"),
        (b"\x89PNG\0\0\xff", "\ufffdPNG\0\0\ufffd"),
    ],
)
def test_bytes_are_read_in_the_encoding_they_look_like(content, text):
    assert decoded(content) == text


def test_a_broken_archive_gives_what_it_has_and_says_so():
    content = gzip.compress(gzip.decompress(tar({"a/x.py": "x", "a/y.py": "y"}))[:1024])
    found = records(content)
    assert [getattr(record, "reason", "document") for record in found] == ["document", "broken_archive"]


@pytest.mark.parametrize("name", ["x.rar", "x", "x.py"])
def test_a_file_of_no_known_form_is_a_bad_record(name):
    (bad,) = records(b"anything", name)
    assert isinstance(bad, BadRecord)
    assert bad.reason == "unknown_format"


def test_half_a_surrogate_does_not_reach_a_column():
    line = b'{"repo_name": "a/\\ud800", "path": "\\udfff.py", "license": "mit", "content": "\\ud800 = 1"}'
    (batch,) = document_batches("github", RawFile.of_bytes("x.jsonl", line), records(line, "x.jsonl"))
    assert batch.column("path").to_pylist() == ["?.py"]


def test_the_same_file_gives_the_same_documents():
    content = tar({"a/LICENSE": MIT, "a/x.py": "x"})
    assert records(content) == records(content)


def test_reasons_are_declared_once():
    assert len(set(CORPUS.bad_reasons)) == len(CORPUS.bad_reasons)


SOURCE = """#!/usr/bin/env python
# -*- coding: utf-8 -*-
#
# Copyright 2020 Somebody
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
#
#     http://www.apache.org/licenses/LICENSE-2.0

# Counts words.
import sys

print(len(sys.stdin.read().split()))
"""


def test_a_whole_file_loses_its_header_alone():
    verdicts = judged(tar({"a-1/LICENSE": MIT, "a-1/count.py": SOURCE, "a-1/README.md": "# Copyright\n\nMine.\n"}))
    assert verdicts["README.md"] == "# Copyright\n\nMine.\n"
    assert verdicts["LICENSE"] == "extension_not_kept"
    assert verdicts["count.py"] == (
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n"
        "# Counts words.\nimport sys\n\nprint(len(sys.stdin.read().split()))\n"
    )


SECRET = "ghp" + "_9aZ3kQ7xW1eR5tY8uI0oP2sD4fG6hJ3kL5zX7"
GENERATED = "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n"


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("vendor/x.py", "x = 1\n", "vendored"),
        ("a.go", GENERATED, "generated"),
        ("a.min.js", "x = 1\n", "minified"),
        ("a.py", "[1234567, 1234567, 1234567]\n" * 9, "number_table"),
        ("a.py", f"x = '''\n{'iVBORw0KGgoAAAANSUhEUgAAAB' * 3}\n'''\n", "encoded_data"),
        ("a.py", f"token = '{SECRET}'\n", "token = 'REDACTED_GITHUB_TOKEN'\n"),
    ],
)
def test_what_is_foreign_goes_and_secrets_are_redacted(path, content, reason):
    assert judged(table({"path": path, "content": content}), "x.jsonl") == {path: reason}


@pytest.mark.parametrize(
    ("setting", "path", "content"),
    [
        ({"keep_vendored": True}, "vendor/x.py", "x = 1\n"),
        ({"keep_generated": True}, "a.go", GENERATED),
        ({"keep_generated": True}, "a.min.js", "x = 1\n"),
        ({"redact_secrets": False}, "a.py", f"token = '{SECRET}'\n"),
        ({"max_number_fraction": 1.0}, "a.py", "[1234567, 1234567, 1234567]\n" * 9),
        ({"max_encoded_fraction": 1.0}, "a.py", f"x = '''\n{'iVBORw0KGgoAAAANSUhEUgAAAB' * 3}\n'''\n"),
    ],
)
def test_each_of_these_rules_can_be_turned_off(setting, path, content):
    assert judged(table({"path": path, "content": content}), "x.jsonl", **setting) == {path: content}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({"content": "#!/bin/sh\n#include\nx = 1\n"}, "x = 1\n"),
        ({"license": "bsd-4-clause"}, "x = 1\n"),
        ({"license": "isc"}, "license_not_permitted"),
        ({"path": "vendor/NotMakefile", "content": "// Code generated. DO NOT EDIT.\nx = 1\n"}, "x = 1\n"),
        ({"path": "LICENSE"}, "license_text"),
        ({"path": "a.crt"}, "certificate"),
        ({"content": None}, "binary"),
        ({"content": f"token = '{SECRET}'\n"}, f"token = '{SECRET}'\n"),
        ({"content": "../y.py", "symlink_target": "../y.py"}, "../y.py"),
        ({"content": "x" * 1001}, "line_too_long"),
    ],
)
def test_faithful_mode_is_redpajamas(row, verdict):
    path = row.get("path", "x.py")
    assert judged(table(row), "x.jsonl", mode="faithful") == {path: verdict}


@pytest.mark.parametrize(("name", "content"), [("a.tar", bytes(10240)), ("a.tar.gz", tar({})), ("a.zip", EMPTY_ZIP)])
def test_an_archive_without_files_is_told(name, content):
    assert [(record.key, record.reason) for record in records(content, name)] == [("archive", "empty_archive")]


def test_a_line_of_a_hundred_megabytes_is_told_in_bounded_memory():
    line = b'{"path": "x.js", "license": "mit", "content": "' + b"x" * 100_000_000 + b'"}'
    (record,) = records(line + b"\n", "x.jsonl")
    assert (record.reason, record.size, len(record.raw)) == ("row_too_large", len(line), 4096)


def test_a_file_of_one_line_of_a_hundred_megabytes_is_rejected_by_its_size():
    content = gzip.decompress(tar({"a-1/LICENSE": MIT, "a-1/x.js": b"x" * 100_000_000}))
    assert [len(document.text) for document in records(content, "a-1.tar")] == [len(MIT), (1 << 20) + 1]
    assert judged(content, "a-1.tar")["x.js"] == "file_too_large"


def test_bombs_and_members_that_escape_have_a_reason():
    bomb = gzip.compress(bytes(80_000_000), 1)
    assert [record.reason for record in records(bomb, "a.tar.gz")] == ["archive_too_large"]
    escaping = tar({"a-1/LICENSE": MIT, "../../evil.py": "x = 1\n"})
    assert [record.reason for record in records(escaping) if isinstance(record, BadRecord)] == ["unsafe_name"]
