"""Whatever lies in a dump's folder is read, or put into quarantine with a reason; nothing of it ends a run."""

import bz2
import gzip
import random
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.corpora.corpus import QUARANTINED_BYTES
from pipeline.corpora.registry import CORPORA
from pipeline.ledger import LedgerEntry
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.section import SOURCES
from pipeline.stages import UNREADABLE, Clean
from pipeline.storage import Folder

MAGIC = {
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh9",
    "xz": b"\xfd7zXZ\0",
    "7z": b"7z\xbc\xaf'\x1c",
    "zip": b"PK\x03\x04",
    "parquet": b"PAR1",
    "utf-16": b"\xff\xfe<\0",
    "pdf": b"%PDF-1.5\n",
    "warc": b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 3000\r\n\r\n",
    "xml": b'<mediawiki xml:lang="en"><page><title>',
    "posts": b'<?xml version="1.0" encoding="utf-8"?>\n<posts>\n<row Id="',
    "book": b"*** START OF THE PROJECT GUTENBERG EBOOK ",
    "json": b'{"text":"',
}
"""How the formats begin that some reader knows."""

ENDINGS = "bin warc.wet.gz json.gz jsonl.gz tar tar.gz tgz parquet xml xml.bz2 7z zip txt".split()


def noise(seed: int, size: int = 20_000) -> bytes:
    return random.Random(seed).randbytes(size)


def broken_files(seed: int) -> dict[str, bytes]:
    """Random bytes under every ending, behind every beginning, packed, in tiny pieces, and none at all."""
    files = {f"ending.{ending}": noise(seed + i) for i, ending in enumerate(ENDINGS)}
    files |= {f"begins-{name}.bin": magic + noise(seed + 50 + i) for i, (name, magic) in enumerate(MAGIC.items())}
    files |= {"whole.gz": gzip.compress(noise(seed + 100), mtime=0), "whole.bz2": bz2.compress(noise(seed + 101))}
    files |= {f"cut-{name}": packed[:9000] for name, packed in list(files.items())[-2:]}
    return files | {f"bytes-{size}.bin": noise(seed + 200 + size, size) for size in (0, 1, 2, 13, 511)}


def clean(source: str, root: Path, output: Path) -> list[LedgerEntry]:
    """Every file below a folder through the source's reader and rules, one unit at a time."""
    recipe = Recipe.model_validate({"name": "hostile", "inputs": {"root": str(root), source: ("**/*",)}})
    run = Run(recipe, Folder(str(output)))
    return [Clean().process(run, unit) for unit in run.units(source)]


def rows(output: Path, kind: str, source: str) -> list[dict[str, object]]:
    """What lies in `documents`, `rejected` or `quarantine`."""
    paths = sorted((output / kind / "clean" / source).glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def assert_nothing_vanished(source: str, output: Path, entries: list[LedgerEntry]) -> None:
    """Each file is in the ledger with a record or more, and each record lies where the ledger counts it."""
    assert [fault for entry in entries for fault in entry.faults()] == []
    assert [entry.unit for entry in entries if not entry.documents_in] == []
    reasons = {row["reason"] for row in rows(output, "quarantine", source)}
    assert reasons <= {*CORPORA[source].bad_reasons, UNREADABLE}
    assert len(rows(output, "quarantine", source)) == sum(entry.documents_failed for entry in entries)
    assert len(rows(output, "documents", source)) == sum(entry.documents_kept for entry in entries)


@dataclass(frozen=True)
class Cleaned:
    """A source that was given hostile files for a dump, and what came of it."""

    source: str
    folder: Path
    entries: list[LedgerEntry]


@pytest.fixture(scope="module", params=SOURCES)
def cleaned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cleaned:
    """Each source in turn, with `dumps` and `out` in a folder of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "dumps").mkdir()
    for name, content in broken_files(seed=1).items():
        (folder / "dumps" / name).write_bytes(content)
    return Cleaned(request.param, folder, clean(request.param, folder / "dumps", folder / "out"))


def test_random_bytes_are_told_with_a_reason(cleaned):
    assert_nothing_vanished(cleaned.source, cleaned.folder / "out", cleaned.entries)
    assert [entry.unit for entry in cleaned.entries if not entry.documents_failed and not entry.rejected] == []
    raw = [row["raw"] for row in rows(cleaned.folder / "out", "quarantine", cleaned.source)]
    assert 0 < max(map(len, raw)) <= QUARANTINED_BYTES


def test_random_bytes_are_no_document(cleaned):
    assert [row["origin"] for row in rows(cleaned.folder / "out", "documents", cleaned.source)] == []


def test_random_bytes_leave_nothing_outside_the_output(cleaned):
    assert {path.name: path.read_bytes() for path in (cleaned.folder / "dumps").iterdir()} == broken_files(seed=1)
    assert {path.name for path in cleaned.folder.iterdir()} == {"dumps", "out"}
    found = {path.name for path in (cleaned.folder / "out").iterdir()}
    assert found <= {"documents", "rejected", "quarantine", "ledger", "logs"}


@pytest.mark.real
@pytest.mark.parametrize("source, folder", [("commoncrawl", "."), ("c4", "c4-olmo"), ("c4", "dolma")])
def test_genuine_odd_files_are_read_or_told(source, folder, real_data, tmp_path):
    entries = clean(source, real_data / "commoncrawl" / "genuine" / folder, tmp_path / "out")
    assert_nothing_vanished(source, tmp_path / "out", entries)
