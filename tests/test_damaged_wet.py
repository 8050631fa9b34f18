"""A WET file with one thing wrong loses what is wrong, says why, and keeps every other page, in bounded memory."""

import gzip
import json
import subprocess
import sys
import zlib

import pytest

from pipeline.corpora.commoncrawl import read
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.source_sections import CommonCrawl

TEXT = "\n".join(f"Line {number} of a page that has enough to say for itself." for number in range(9))
PAGES = 5
MEMORY = 700 << 20
"""What a process may hold: Python with its libraries, and a few records of the largest allowed size (64 MiB)."""


def record(number: int, body: bytes | None = None) -> bytes:
    body = f"Title {number}\n{TEXT}\n".encode() if body is None else body
    head = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.org/{number}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body + b"\r\n\r\n"


def members() -> list[bytes]:
    return [gzip.compress(record(number), mtime=0) for number in range(PAGES)]


def zeros(size: int, *, before: bytes = b"") -> bytes:
    """A gzip member of so many zero bytes, made without holding them."""
    packer = zlib.compressobj(9, wbits=31)
    chunk = bytes(1 << 20)
    return packer.compress(before) + b"".join(packer.compress(chunk) for _ in range(size >> 20)) + packer.flush()


def with_one_bad_byte() -> bytes:
    packed = members()
    spoiled = bytearray(packed[2])
    spoiled[len(spoiled) // 2] ^= 0xFF
    return b"".join([*packed[:2], bytes(spoiled), *packed[3:]])


def with_bad_utf8() -> bytes:
    packed = members()
    packed[2] = gzip.compress(record(2, b"Title\n\xff\xfe" + TEXT.encode()), mtime=0)
    return b"".join(packed)


def with_a_header_in_a_body() -> bytes:
    packed = members()
    packed[2] = gzip.compress(record(2, b"Title\nWARC/1.0\nWARC-Type: conversion\n" + TEXT.encode()), mtime=0)
    return b"".join(packed)


def with_a_large_record() -> bytes:
    packed = members()
    head = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: %d\r\n\r\n" % (200 << 20)
    return b"".join([*packed[:2], zeros(200 << 20, before=head), *packed[3:]])


def with_bombs() -> bytes:
    packed = members()
    return b"".join([*packed[:2], *[zeros(512 << 20)] * 3, *packed[3:]])


DAMAGES = {
    "whole": (b"".join(members()), [0, 1, 2, 3, 4], []),
    "one bad byte": (with_one_bad_byte(), [0, 1, 3, 4], ["bad_crc"]),
    "bad UTF-8": (with_bad_utf8(), [0, 1, 3, 4], ["invalid_utf8"]),
    "cut in a member": (b"".join(members())[: -len(members()[-1]) // 2], [0, 1, 2, 3], ["truncated_gzip"]),
    "not gzipped": (b"".join(map(record, range(PAGES))), [0, 1, 2, 3, 4], []),
    "a header line in a body": (with_a_header_in_a_body(), [0, 1, 2, 3, 4], []),
    "an empty member": (b"".join([*members()[:2], gzip.compress(b""), *members()[2:]]), [0, 1, 2, 3, 4], []),
    "a record of 200 MB": (with_a_large_record(), [0, 1, 3, 4], ["record_too_large"]),
    "zip bombs": (with_bombs(), [0, 1, 3, 4], ["no_warc_record"] * 3),
}
"""Each damage: the file, the pages that are read, the reasons of what is not."""


def found(content: bytes) -> tuple[list[int], list[str]]:
    records = list(read(RawFile.of_bytes("a.warc.wet.gz", content), CommonCrawl()))
    pages = [int(item.url.rpartition("/")[2]) for item in records if not isinstance(item, BadRecord)]
    return pages, [item.reason for item in records if isinstance(item, BadRecord)]


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damage_costs_what_is_damaged_and_no_more(damage):
    content, pages, reasons = DAMAGES[damage]
    assert found(content) == (pages, reasons)


def test_a_body_with_a_header_line_is_one_page():
    (page,) = [
        item for item in read(RawFile.of_bytes("a", with_a_header_in_a_body()), CommonCrawl()) if "/2" in item.url
    ]
    assert page.text == f"WARC/1.0\nWARC-Type: conversion\n{TEXT}"


PEAK = """
import json, sys
from pathlib import Path
from benchmarks.growth import peak_bytes
from pipeline.corpora.commoncrawl import read
from pipeline.corpora.corpus import RawFile
from pipeline.source_sections import CommonCrawl
path = Path(sys.argv[1])
file = RawFile(name="a.warc.wet.gz", size=path.stat().st_size, opener=lambda: path.open("rb"))
records = sum(1 for _ in read(file, CommonCrawl()))
print(json.dumps([records, peak_bytes()]))
"""


@pytest.mark.parametrize("damage", ["a record of 200 MB", "zip bombs"])
def test_memory_is_bounded_whatever_a_record_unpacks_to(damage, tmp_path):
    path = tmp_path / "a.warc.wet.gz"
    path.write_bytes(DAMAGES[damage][0])
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], check=True, capture_output=True, text=True)
    records, peak = json.loads(done.stdout)
    assert records == len(DAMAGES[damage][1]) + len(DAMAGES[damage][2])
    assert peak < MEMORY
