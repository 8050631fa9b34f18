"""Demo GitHub: source tarballs of packages that are installed here, and an export in BigQuery's shape."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pipeline.demo import chatter
from pipeline.demo.containers import gzip_member, tar_archive, write_file
from pipeline.demo.prose import site_packages, source_tree

# Import name, distribution, and the licence key that the BigQuery export would give.
PROJECTS = (
    ("click", "click", "bsd-3-clause"),
    ("rich", "rich", "mit"),
    ("fsspec", "fsspec", "bsd-3-clause"),
    ("datasketch", "datasketch", "mit"),
    ("requests", "requests", "apache-2.0"),
    ("mwparserfromhell", "mwparserfromhell", "mit"),
    ("pydantic", "pydantic", "mit"),
    ("charset_normalizer", "charset-normalizer", "mit"),
)
TARBALLS = 5
_SUFFIXES = (".py", ".pyx", ".h", ".c", ".js", ".css", ".md")

_GPL = """                    GNU GENERAL PUBLIC LICENSE
                       Version 3, 29 June 2007

 Copyright (C) 2007 Free Software Foundation, Inc. <https://fsf.org/>
 Everyone is permitted to copy and distribute verbatim copies
 of this license document, but changing it is not allowed.

                            Preamble

  The GNU General Public License is a free, copyleft license for
software and other kinds of works.
"""
_MIT = """MIT License

Copyright (c) 2022 The demo's authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    name: str
    license: str
    files: tuple[tuple[str, bytes], ...]


def write(folder: Path, max_bytes: int, rng: Random) -> None:
    """Writes a tarball each for the first projects, the export for the others, and a project for each rule."""
    projects = [project for project in _projects(max_bytes) if project.files]
    for project in projects[:TARBALLS]:
        _write_tarball(folder, project.name, project.files)
    unsafe = (("../../outside.py", b"escaped = True\n"), ("src/link.py", "/etc/passwd"))
    _write_tarball(folder, "odd-project-1.0", (("LICENSE", _MIT.encode()), *_odd_files(rng), *unsafe))
    _write_tarball(folder, "copyleft-2.0", (("COPYING", _GPL.encode()), ("src/main.py", _program(rng, 12))))
    _write_tarball(folder, "unlicensed-0.1", (("main.py", _program(rng, 9)),))
    whole = gzip_member(tar_archive([("cut-off-1.0/LICENSE", _MIT.encode()), ("cut-off-1.0/a.py", _program(rng, 400))]))
    write_file(folder / "cut-off-1.0.tar.gz", whole[: len(whole) * 2 // 3])
    rows = [_row(project, path, content) for project in projects[TARBALLS:] for path, content in project.files]
    odd = _Project(name="demo/odd", license="mit", files=_odd_files(rng))
    rows += [_row(odd, path, content) for path, content in odd.files]
    rows += [_row(_Project(name="demo/gpl", license="gpl-3.0", files=()), "main.c", _program(rng, 8))]
    rows += [b'{"repo_name": "demo/broken", "path": "x.py", "cont', b'{"id": "no content"}']
    write_file(folder / "bigquery-000000000000.jsonl.gz", gzip_member(b"\n".join(rows) + b"\n"))


def _projects(max_bytes: int) -> Iterator[_Project]:
    share = max_bytes // len(PROJECTS)
    for module, distribution, licence in PROJECTS:
        root = next((folder for folder in site_packages() if (folder / module).is_dir()), None)
        if root is None:
            continue
        files = [*_documents(root, module, distribution)]
        left = share
        for path in source_tree(root / module, _SUFFIXES):
            content = path.read_bytes()
            if left < len(content):
                continue
            left -= len(content)
            files.append((f"src/{path.relative_to(root).as_posix()}", content))
        yield _Project(name=distribution, license=licence, files=tuple(files))


def _documents(root: Path, module: str, distribution: str) -> Iterator[tuple[str, bytes]]:
    """The licence files and the description of an installed distribution."""
    stem = distribution.replace("-", "_")
    for information in sorted(root.glob(f"{stem}-*.dist-info")):
        for path in sorted(information.rglob("LICENSE*"))[:2]:
            yield path.name, path.read_bytes()
        description = (information / "METADATA").read_bytes().partition(b"\n\n")[2]
        if description.strip():
            yield "README.md", description


def _write_tarball(folder: Path, name: str, files: Sequence[tuple[str, bytes | str]]) -> None:
    write_file(folder / f"{name}.tar.gz", gzip_member(tar_archive((f"{name}/{path}", body) for path, body in files)))


def _row(project: _Project, path: str, content: bytes) -> bytes:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    text = content.decode("utf-8", "replace")
    row = {"id": blob, "repo_name": f"{project.name}/{project.name}" if "/" not in project.name else project.name}
    row |= {"ref": "refs/heads/master", "path": path, "license": project.license}
    return json.dumps(row | {"size": str(len(content)), "binary": False, "copies": "1", "content": text}).encode()


def _odd_files(rng: Random) -> tuple[tuple[str, bytes], ...]:
    """One file for each rule, and two that are the same."""
    program = _program(rng, 15)
    notice = b"/*\n * Copyright 2022 The demo's authors\n * Licensed under the MIT licence.\n */\n"
    return (
        ("README.md", b"# An odd project\n\nEvery file here breaks one rule.\n"),
        ("src/one.py", program),
        ("src/two.py", program),
        ("src/notice.c", notice + b'#include <stdio.h>\n\nint main(void)\n{\n    puts("hello");\n    return 0;\n}\n'),
        ("src/empty.py", b""),
        ("src/only_notice.c", notice),
        ("src/long_line.ts", b"var table = [" + b"1234567, " * 400 + b"0];\n"),
        ("src/wide.py", b"\n".join(f"value_{i} = '{chatter.spam(rng, 25)}'".encode() for i in range(30)) + b"\n"),
        ("src/symbols.py", b"# " + b"-+=*/<>!?" * 10 + b"\n" + b"((()))[[[]]]{{{}}}\n" * 40),
        ("src/data.csv", b"a,b\n1,2\n"),
        ("src/parser.py", b"# Generated by ANTLR 4.13 from grammar.g4. DO NOT EDIT.\n" + program),
        ("src/app.min.js", b"function f(a){return a+1}\n"),
        ("third_party/other.py", b"import os\n" + program),
        ("src/table.py", b"table = [\n" + b"    0x12, 0x34, 0x56, 0x78, 0x9A,\n" * 200 + b"]\n"),
        ("src/picture.py", b'picture = """\n' + b"\n".join([b"iVBORw0KGgoAAAANSUhEUg" * 3] * 40) + b'\n"""\n'),
        ("src/settings.py", b"import os\n\nAPI_TOKEN = '%b'\n" % _token(rng)),
        ("docs/LICENSE.md", _MIT.encode()),
        ("src/huge.py", b"table = []\n" + b"table.append(12345)\n" * 60_000),
        ("src/binary.py", b"import os\n\x00\x01\x02\x00" * 20),
        ("src/latin.py", "# -*- coding: latin-1 -*-\nname = 'Zoë à Genève, où l’on ne'\n".encode("cp1252") * 4),
    )


def _token(rng: Random) -> bytes:
    """What looks like a token of GitHub's and opens nothing."""
    return b"gh" + b"p_" + bytes(rng.choices(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", k=36))


def _program(rng: Random, functions: int) -> bytes:
    parts = ["#!/usr/bin/env python3\n# Copyright 2022 The demo's authors\n\nimport sys\n"]
    for number in range(functions):
        remark = chatter.remark(rng).replace('"', "'")
        parts.append(f'\n\ndef step_{number}(value: int) -> int:\n    """{remark}"""\n')
        parts.append(f"    return value * {rng.randint(2, 999)}\n")
    return "".join(parts).encode()
