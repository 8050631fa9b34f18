"""Every byte of a file is unpacked, or named as damaged; reading goes on behind the damage."""

import gzip
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import gzip_members
from pipeline.corpora.gzip_members import DamageError, Unpacked, allowed_waste

ONE, TWO = gzip.compress(b"one " * 9, mtime=0), gzip.compress(b"two " * 9, mtime=0)


def read_all(content, name="file.gz", **settings):
    """The file's pieces and damages in order: (member, bytes), and (offset, size, reason)."""
    unpacked = Unpacked(io.BytesIO(content), name, **settings)
    events = []
    while True:
        try:
            piece = unpacked.read()
        except DamageError as damage:
            events.append((damage.offset, damage.size, damage.reason))
            continue
        if not piece:
            return events
        events.append((unpacked.member, piece))


def test_members_follow_one_another():
    assert read_all(ONE + TWO) == [(0, b"one " * 9), (len(ONE), b"two " * 9)]


def test_an_empty_member_hides_nothing_behind_it():
    empty = gzip.compress(b"", mtime=0)
    assert read_all(empty + ONE + empty + TWO)[-1] == (2 * len(empty) + len(ONE), b"two " * 9)


@pytest.mark.parametrize("name, content", [("a.wet", b"plain"), ("a.wet.gz", b"WARC/1.0\r\n"), ("a", b"x" * 300_000)])
def test_a_plain_file_is_told_by_its_first_bytes(name, content):
    assert b"".join(piece for _, piece in read_all(content, name)) == content


@pytest.mark.parametrize("name", ["a.wet.gz", "a.wet"])
def test_an_empty_file_has_no_piece(name):
    assert read_all(b"", name) == []


def test_a_packed_file_is_told_without_its_name():
    assert read_all(ONE, "file.wet") == [(0, b"one " * 9)]


@pytest.mark.parametrize("garbage", [b"garbage", b"\0" * 100, b"\x1f\x8b\x08\xff", b"\x1f"])
def test_garbage_between_members_is_damage_and_no_end(garbage):
    at = len(ONE)
    assert read_all(ONE + garbage + TWO)[1:] == [(at, len(garbage), "not_gzip"), (at + len(garbage), b"two " * 9)]
    assert read_all(ONE + garbage)[1:] == [(at, len(garbage), "not_gzip")]


@pytest.mark.parametrize("at", [-8, -1])
def test_a_wrong_checksum_or_length_is_damage(at):
    bad = bytearray(ONE)
    bad[at] ^= 1
    assert read_all(bytes(bad) + TWO) == [(0, len(ONE), "bad_crc"), (len(ONE), b"two " * 9)]


def test_damaged_deflate_is_damage():
    bad = ONE[:10] + b"\xff" * 5 + ONE[15:]
    assert read_all(bad + TWO) == [(0, len(ONE), "bad_deflate"), (len(ONE), b"two " * 9)]


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_cut_last_member_is_damage(cut):
    events = read_all(ONE + TWO[:-cut])
    assert events[0] == (0, b"one " * 9)
    assert events[-1] == (len(ONE), len(TWO) - cut, "truncated_gzip")


def test_a_cut_member_does_not_take_the_next_with_it():
    events = read_all(ONE[:-12] + TWO)
    assert [event[0] for event in events if len(event) == 3] == [0]
    assert events[-1] == (len(ONE) - 12, b"two " * 9)


def test_a_large_member_comes_in_pieces_and_a_fresh_one_is_told(monkeypatch):
    monkeypatch.setattr(gzip_members, "_UNPACKED", 1000)
    unpacked = Unpacked(io.BytesIO(gzip.compress(b"x" * 2500) + ONE), "a.gz")
    pieces = [(len(unpacked.read()), unpacked.fresh) for _ in range(4)]
    assert pieces == [(1000, True), (1000, False), (500, False), (36, True)]


def test_an_opening_at_a_seam_of_reads_is_found(monkeypatch):
    monkeypatch.setattr(gzip_members, "_UNPACKED", 8)
    for length in range(1, 20):
        assert read_all(b"g" * length + TWO)[0] == (0, length, "not_gzip")


def test_what_is_left_of_a_member_can_be_left_out(monkeypatch):
    monkeypatch.setattr(gzip_members, "_UNPACKED", 1000)
    first = gzip.compress(b"x" * 10_000_000)
    unpacked = Unpacked(io.BytesIO(first + TWO), "a.gz")
    unpacked.read()
    unpacked.leave_member()
    assert (unpacked.read(), unpacked.member) == (b"two " * 9, len(first))


def test_leaving_the_one_member_of_a_plain_file_ends_it():
    unpacked = Unpacked(io.BytesIO(b"x" * 1_000_000), "a.wet")
    unpacked.read()
    unpacked.leave_member()
    assert unpacked.read() == b""


def test_work_on_damage_is_bounded():
    openings = b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff" * 5000
    events = read_all(openings, max_waste_bytes=1 << 22)
    assert len(events) < 500
    assert events[-1][2] == "too_damaged"
    assert sum(size for _, size, _ in events) == len(openings)


def test_more_may_be_wasted_on_a_larger_file_and_on_larger_records():
    least = allowed_waste(0, 0)
    assert allowed_waste(1000, 0) - least > 2 * 1000  # A file that is cut twice is looked through twice.
    assert allowed_waste(0, 1000) - least == gzip_members.WASTE_RECORDS * 1000
    assert allowed_waste(1000, 1000) == allowed_waste(1000, 0) + allowed_waste(0, 1000) - least


def test_the_raw_bytes_of_damage_are_kept():
    with pytest.raises(DamageError) as caught:
        Unpacked(io.BytesIO(b"garbage" + TWO), "a.gz").read()
    assert (caught.value.raw, caught.value.detail) == (b"garbage", "no gzip member begins here")


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_random_damage_ends_and_names_a_reason(seed, flips):
    chance = random.Random(seed)
    content = bytearray(b"".join(gzip.compress(chance.randbytes(chance.randrange(300)), mtime=0) for _ in range(5)))
    for _ in range(flips):
        content[chance.randrange(len(content))] = chance.randrange(256)
    events = read_all(bytes(content[: chance.randrange(len(content))]))
    assert {event[2] for event in events if len(event) == 3} <= set(gzip_members.BAD_REASONS)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_whole_members_give_all_their_bytes(contents):
    packed = b"".join(gzip.compress(content, mtime=0) for content in contents)
    assert b"".join(piece for _, piece in read_all(packed)) == b"".join(contents)
