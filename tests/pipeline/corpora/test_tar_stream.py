"""Tests of pipeline/corpora/tar_stream.py."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora.tar_stream import TarDamage, TarMember, is_tar, read_exactly, tar_members


def archive(*members, **options):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", **options) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


def told(content):
    """What the reader says of an archive: names with contents, and damage with places."""
    items = []
    for item in tar_members(io.BytesIO(content)):
        damage = isinstance(item, TarDamage)
        items.append((item.reason, item.offset, item.size) if damage else (item.name, item.content.read(1 << 20)))
    return items


def test_members_come_in_order_with_their_content():
    assert told(archive(("a", b"1" * 700), ("b", b""), ("c", b"3"))) == [("a", b"1" * 700), ("b", b""), ("c", b"3")]


def test_members_that_nobody_reads_are_skipped():
    members = tar_members(io.BytesIO(archive(("a", b"1" * 5000), ("b", b"2"))))
    assert [member.name for member in members] == ["a", "b"]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read(form):
    name = "folder/" * 30 + "name"
    assert told(archive((name, b"x"), ("b", b"y"), format=form)) == [(name, b"x"), ("b", b"y")]


def test_broken_header_costs_its_member_alone():
    content = bytearray(archive(("a", b"1"), ("b", b"2" * 600), ("c", b"3")))
    content[1024 + 5] ^= 1
    assert told(bytes(content)) == [("a", b"1"), ("broken_header", 1024, 512 + 1024), ("c", b"3")]


def test_broken_last_header_is_told_too():
    content = bytearray(archive(("a", b"1"), ("b", b"2")))
    content[1024 + 5] ^= 1
    assert told(bytes(content)) == [("a", b"1"), ("broken_header", 1024, 1024)]


def test_junk_is_one_damage():
    assert told(b"junk" * 1000) == [("broken_header", 0, 4000)]


@pytest.mark.parametrize(
    "cut, left", [(1024, [("a", b"1"), ("truncated_archive", 1024, 0)]), (2048, [("a", b"1"), ("b", b"2")])]
)
def test_archive_without_its_closing_zeros_is_truncated(cut, left):
    content = archive(("a", b"1"), ("b", b"2"))
    end = [("truncated_archive", 2048, 0)] if cut == 2048 else []
    assert told(content[:cut]) == left + end


def test_member_cut_short_says_so():
    [member] = tar_members(io.BytesIO(archive(("a", b"1" * 600))[:800]))
    assert member.content.truncated
    assert isinstance(member, TarMember)


def test_empty_file_is_a_truncated_archive():
    assert told(b"") == [("truncated_archive", 0, 0)]


def test_archives_one_after_another_are_all_read():
    assert told(archive(("a", b"1")) + archive(("b", b"2"))) == [("a", b"1"), ("b", b"2")]


def test_a_member_that_is_skipped_twice_leaves_the_next_whole():
    found = []
    for member in tar_members(io.BytesIO(archive(("a", b"1" * 700), ("b", b"2" * 3)))):
        found.append((member.name, member.kind, member.size, member.offset, member.content.read(3)))
        member.content.skip()
    assert found == [("a", "file", 700, 0, b"111"), ("b", "file", 3, 1536, b"222")]


@pytest.mark.parametrize(
    "kind, word",
    [(tarfile.DIRTYPE, "folder"), (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.FIFOTYPE, "other")],
)
def test_kinds_of_members_are_told_apart(kind, word):
    info = tarfile.TarInfo("a")
    info.type = kind
    [member] = tar_members(io.BytesIO(info.tobuf() + b"\0" * 1024))
    assert member.kind == word


@pytest.mark.parametrize(
    "name, safe", [("a/b", True), ("../a", False), ("a/../b", False), ("/a", False), ("a..b", True)]
)
def test_names_that_leave_the_folder_are_unsafe(name, safe):
    [member] = tar_members(io.BytesIO(archive((name, b""))))
    assert member.is_safe is safe


def test_only_a_header_begins_an_archive():
    assert is_tar(archive(("a", b"1"))[:512])
    assert not is_tar(b"\\documentclass" + b" " * 498)
    assert not is_tar(b"")


def test_short_reads_are_put_together():
    class Drip(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 3))

    assert read_exactly(Drip(b"0123456789"), 8) == b"01234567"
    assert read_exactly(Drip(b"01"), 8) == b"01"


@given(st.lists(st.binary(max_size=1500), max_size=4), st.integers(0, 3))
def test_every_member_is_read_whatever_its_length(contents, unread):
    members = [(f"m{index}", content) for index, content in enumerate(contents)]
    names = []
    for index, member in enumerate(tar_members(io.BytesIO(archive(*members)))):
        names.append(member.name)
        if index != unread:
            assert member.content.read(1 << 20) == contents[index]
    assert names == [name for name, _ in members]


@given(st.binary(max_size=3000))
def test_any_bytes_are_told_as_damage_or_members(content):
    for item in tar_members(io.BytesIO(content)):
        assert isinstance(item, TarDamage | TarMember)


@given(st.integers(0, 2047), st.integers(1, 255))
def test_one_flipped_byte_loses_at_most_its_member(position, flip):
    content = bytearray(archive(("a", b"1"), ("b", b"2"), ("c", b"3")))
    content[position] ^= flip
    names = [item[0] for item in told(bytes(content)) if item[0] != "broken_header"]
    assert names[-1] == "c"
    assert len(names) >= 2
