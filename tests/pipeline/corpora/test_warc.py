"""Records are read by their lengths, and each damage takes one record with it."""

import gzip
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora import gzip_members, warc
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.warc import BAD_REASONS, WarcRecord, warc_records

INSIDE = b"\r\n\r\nWARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n"


def record(body, length=None, version="WARC/1.0", kind="conversion"):
    size = len(body) if length is None else length
    return f"{version}\r\nWARC-Type: {kind}\r\nContent-Length: {size}\r\n\r\n".encode() + body + b"\r\n\r\n"


def read(content, name="a.wet", max_record_bytes=1000):
    """What is in the file: a good record's body, a bad one's reason."""
    found = list(warc_records(RawFile.of_bytes(name, content), max_record_bytes))
    return [one.body if isinstance(one, WarcRecord) else one.reason for one in found]


def members(*contents):
    return b"".join(gzip.compress(content, mtime=0) for content in contents)


@pytest.mark.parametrize(
    "body", [b"", b"text", b"\r\n\r\n", b"WARC/1.0\r\n", INSIDE, b"a\n\nWARC/1.0\nb", "ü".encode()]
)
@pytest.mark.parametrize("pack", [lambda *parts: b"".join(parts), members, lambda *parts: members(b"".join(parts))])
def test_a_body_is_as_long_as_its_header_says(body, pack):
    assert read(pack(record(b"one"), record(body), record(b"two"))) == [b"one", body, b"two"]


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n\n\n", b"\r\n" * 500])
def test_any_number_of_line_ends_lies_between_records(between):
    assert read(record(b"one")[:-4] + between + record(b"two")) == [b"one", b"two"]


def test_a_record_may_lie_in_many_members():
    content = record(b"x" * 100) + record(b"y" * 100)
    assert read(members(*(content[at : at + 30] for at in range(0, len(content), 30)))) == [b"x" * 100, b"y" * 100]


@pytest.mark.parametrize(
    "header",
    [
        "WARC/1.1\r\ncontent-length: 3\r\n",
        "WARC/1.0\nCONTENT-LENGTH:3\n",
        "WARC/0.18\r\nX: 1\r\nContent-Length: \r\n 3\r\nContent-Length: 9\r\n",
    ],
)
def test_fields_are_read_by_name_in_any_case_and_folded(header):
    blank = "\r\n" if "\r" in header else "\n"
    assert read((header + blank).encode() + b"abc\r\n\r\n") == [b"abc"]


def test_a_field_keeps_its_first_value_and_bad_bytes_do_not_stop_it():
    content = b"WARC/1.0\r\nA: 1\r\nA: 2\r\nB: \xff\r\nContent-Length: 0\r\n\r\n"
    (one,) = warc_records(RawFile.of_bytes("a.wet", content), 10)
    assert one.fields == {"a": "1", "b": "\ufffd", "content-length": "0"}


@pytest.mark.parametrize(
    "bad, reason",
    [
        (record(b"abc", "x"), "bad_content_length"),
        (record(b"abc", -1), "bad_content_length"),
        (record(b"abc", "٣"), "bad_content_length"),
        (record(b"abc", "9" * 5000), "bad_content_length"),
        (record(b"abcdef", 2), "bad_content_length"),
        (record(b"abc", 12), "bad_content_length"),
        (record(b"x" * 1001), "record_too_large"),
        (record(b"abc", 10**12), "record_too_large"),
        (b"WARC/1.0\r\nno colon\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n", "bad_header"),
        (b"WARC/1.0\r\nA: " + b"x" * 70_000 + b"\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n", "bad_header"),
        (b"WARC/1.0\r\nWARC-Type: conversion\r\n\r\nabc\r\n\r\n", "bad_content_length"),
        (b"filedesc://old.arc 0.0.0.0\r\n\r\ntext\r\n\r\n", "no_warc_record"),
    ],
)
@pytest.mark.parametrize("pack", [lambda *parts: b"".join(parts), members, lambda *parts: members(b"".join(parts))])
def test_a_bad_record_takes_no_other_with_it(bad, reason, pack):
    assert read(pack(record(b"one"), bad, record(b"two"), record(b"three"))) == [b"one", reason, b"two", b"three"]


def test_the_largest_record_is_inclusive():
    assert read(record(b"x" * 1000)) == [b"x" * 1000]


@pytest.mark.parametrize(
    "cut, reason", [(3, None), (5, "truncated_record"), (40, "truncated_record"), (60, "no_warc_record")]
)
def test_a_file_that_ends_early_has_a_cut_record(cut, reason):
    content = record(b"one") + record(b"tenletters")
    assert read(content[:-cut])[1:] == [reason or b"tenletters"]


@pytest.mark.parametrize("at, reason", [(-8, "bad_crc"), (10, "bad_deflate")])
def test_a_damaged_member_takes_its_record_alone(at, reason):
    bad = bytearray(members(record(b"three hundred " * 20)))
    bad[at] = 0x07  # As the first byte of deflate: a block of no known kind.
    content = members(record(b"one")) + bad + members(record(b"two"))
    assert read(content, "a.wet.gz") == [b"one", reason, b"two"]


def test_a_truncated_last_member_is_told_and_the_record_before_stays():
    content = members(record(b"one"), record(b"x" * 100))
    assert read(content[:-9], "a.wet.gz") == [b"one", "truncated_gzip"]


def test_garbage_behind_a_member_leaves_its_record_good():
    content = members(record(b"one")) + b"garbage" + members(record(b"two"))
    assert read(content, "a.wet.gz") == [b"one", "not_gzip", b"two"]


def test_a_file_named_gz_that_is_none_is_told():
    assert read(b"no gzip at all", "a.wet.gz") == ["not_gzip"]


def test_a_bomb_is_left_before_it_is_unpacked(monkeypatch):
    pieces = []
    reads = warc.Unpacked.read
    monkeypatch.setattr(warc.Unpacked, "read", lambda self: pieces.append(1) or reads(self))
    bomb = members(record(b"\0" * 50_000_000))
    assert read(members(record(b"one")) + bomb + members(record(b"two"))) == [b"one", "record_too_large", b"two"]
    assert len(pieces) < 20


def test_too_many_bombs_end_the_file(monkeypatch):
    monkeypatch.setattr(gzip_members, "_WASTE_ROOM", 1 << 20)
    bomb = members(record(b"\0" * 2_000_000))
    found = read(bomb * 100)
    assert found[-1] == "too_damaged"
    assert len(found) < 20


def test_a_bad_record_says_where_it_lies_what_it_was_and_how_large():
    content = record(b"one") + record(b"abcdef", 2) + record(b"two")
    _, bad, _ = warc_records(RawFile.of_bytes("a.wet", content), 1000)
    start, size = len(record(b"one")), len(record(b"abcdef", 2))
    assert (bad.key, bad.size, bad.raw[:size]) == (str(start), size, record(b"abcdef", 2))


def test_damage_between_records_is_as_large_as_what_is_lost_and_no_record():
    one, two = members(record(b"one")), members(record(b"two"))
    _, bad, _ = warc_records(RawFile.of_bytes("a.wet.gz", one + b"garbage" + two), 1000)
    assert (bad.key, bad.reason, bad.size, bad.raw) == (str(len(one)), "not_gzip", 7, b"garbage")


def test_damage_within_a_record_takes_what_is_there_of_it_into_quarantine():
    start = record(b"x" * 100)[:60]
    (bad,) = warc_records(RawFile.of_bytes("a.wet.gz", members(start) + b"garbage"), 1000)
    assert (bad.key, bad.reason, bad.size, bad.raw) == ("0", "not_gzip", 60, start)


@pytest.mark.parametrize(
    "content, keys",
    [
        (record(b"one") + record(b"two"), ["0", "61"]),
        (members(record(b"one") + record(b"two")), ["0", "0+61"]),
        (members(record(b"one")) + members(record(b"two")), ["0", str(len(members(record(b"one"))))]),
    ],
)
def test_keys_are_offsets_in_the_file_and_in_a_member(content, keys):
    assert [one.key for one in warc_records(RawFile.of_bytes("a", content), 100)] == keys


@pytest.mark.parametrize("content", [b"", b"\r\n\n", members(b""), members(b"\r\n", b"")])
def test_a_file_of_nothing_has_no_record(content):
    assert read(content) == []


@settings(deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 8))
def test_whatever_happens_to_a_file_ends_in_records_and_reasons(seed, packed, flips):
    chance = random.Random(seed)
    records = [record(chance.choice([b"text", INSIDE, b"", chance.randbytes(50)])) for _ in range(5)]
    content = bytearray(members(*records) if packed else b"".join(records))
    for _ in range(flips):
        content[chance.randrange(len(content))] = chance.randrange(256)
    found = list(warc_records(RawFile.of_bytes("a", bytes(content[: chance.randrange(len(content))])), 100))
    assert {one.reason for one in found if isinstance(one, BadRecord)} <= set(BAD_REASONS)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_give_reasons(seed):
    chance = random.Random(seed)
    content = chance.choice([b"", b"\x1f\x8b\x08\0", b"WARC/1.0\r\n"]) + chance.randbytes(chance.randrange(1, 5000))
    assert set(read(content, chance.choice(["a.wet", "a.wet.gz"]))) <= set(BAD_REASONS)


def test_a_length_that_takes_the_next_member_in_is_told():
    two = record(b"two")
    content = members(record(b"one", len(b"one\r\n\r\n" + two) - 4), two, record(b"three"))
    assert read(content, "a.wet.gz") == ["bad_content_length", b"two", b"three"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n\r\n", b"\n\n\n", b"\r\n" * 500])
@pytest.mark.parametrize("pack", [lambda *parts: b"".join(parts), members])
def test_a_record_keeps_the_line_ends_behind_its_body(ending, pack):
    content = pack(record(b"one")[:-4] + ending, record(b"two"))
    found = list(warc_records(RawFile.of_bytes("a.wet", content), 1000))
    assert [one.ending for one in found] == [ending, b"\r\n\r\n"]


def test_line_ends_without_end_are_not_held(monkeypatch):
    monkeypatch.setattr(warc, "_MAX_ENDING_BYTES", 100)
    content = members(record(b"one") + b"\n" * 3_000_000 + record(b"two"))
    first, second = warc_records(RawFile.of_bytes("a.wet.gz", content), 1000)
    assert (first.body, second.body, len(first.ending) < 1 << 20) == (b"one", b"two", True)
