"""Ranges of files: of this machine, of memory, of an object store; and what is done where they do not come."""

import os
import pickle
import uuid
from pathlib import Path

import fsspec
import pytest

from mixtures import byte_ranges
from mixtures.byte_ranges import LocalFiles, ReadError, RemoteFiles, files_at

CONTENT = {"a.bin": bytes(range(100)), "deep/b.bin": bytes(reversed(range(100))), "empty": b""}


def read(files, *ranges):
    """Ranges as (name, offset, bytes)."""
    rooms = [bytearray(size) for _, _, size in ranges]
    files.read([(name, offset, memoryview(room)) for (name, offset, _), room in zip(ranges, rooms, strict=True)])
    return [bytes(room) for room in rooms]


@pytest.fixture(params=["folder", "file://", "memory://"])
def files(request, tmp_path):
    """The same files at a path and at two addresses."""
    if request.param == "memory://":
        address = f"memory://{uuid.uuid4().hex}"
        for name, content in CONTENT.items():
            fsspec.filesystem("memory").pipe_file(f"{address}/{name}", content)
        return files_at(address)
    for name, content in CONTENT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return files_at(tmp_path if request.param == "folder" else f"file://{tmp_path}")


def test_ranges_are_filled_each_from_its_file(files):
    assert read(files, ("a.bin", 3, 4), ("deep/b.bin", 0, 2), ("a.bin", 99, 1)) == [b"\3\4\5\6", b"\x63\x62", b"\x63"]
    assert read(files) == []


def test_files_tell_their_content_and_size(files):
    assert files.content("deep/b.bin") == CONTENT["deep/b.bin"]
    assert (files.size("a.bin"), files.size("empty")) == (100, 0)
    assert files.sizes() == {"a.bin": 100, "empty": 0}
    assert files.sizes("deep") == {"b.bin": 100}
    assert files.address("a.bin").endswith("/a.bin")


def test_a_file_that_is_not_there_is_named(files):
    for action in (files.size, files.content, lambda name: read(files, (name, 0, 1))):
        with pytest.raises(FileNotFoundError, match=r"none\.bin"):
            action("none.bin")


def test_only_an_address_of_elsewhere_is_read_with_fsspec(tmp_path):
    kinds = {address: type(files_at(address)) for address in (str(tmp_path), f"file://{tmp_path}", "memory://x")}
    assert list(kinds.values()) == [LocalFiles, LocalFiles, RemoteFiles]


# This machine's.


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_file_that_ends_too_soon_is_named(tmp_path):
    (tmp_path / "short").write_bytes(b"12345")
    with pytest.raises(ValueError, match=r"short ends at byte 5, before what it should hold$"):
        read(LocalFiles(tmp_path), ("short", 3, 4))


def test_a_read_that_gives_less_is_gone_on_with(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"0123456789")
    genuine = os.preadv
    monkeypatch.setattr(os, "preadv", lambda number, rooms, offset: genuine(number, [rooms[0][:3]], offset))
    assert read(LocalFiles(tmp_path), ("a", 1, 8)) == [b"12345678"]


def test_few_files_are_open_at_a_time_and_none_afterwards(tmp_path):
    names = [str(number) for number in range(byte_ranges.OPEN_FILES + 10)]
    for name in names:
        (tmp_path / name).write_text(name)
    opened = open_files()
    files = LocalFiles(tmp_path)
    for _ in range(2):
        assert read(files, *[(name, 0, len(name)) for name in names]) == [name.encode() for name in names]
        assert open_files() <= opened + byte_ranges.OPEN_FILES
    del files
    assert open_files() == opened


def test_what_was_read_does_not_count_as_resident(tmp_path):
    """64 MB; a memory map would hold all of it."""
    (tmp_path / "a").write_bytes(bytes(64 << 20))
    files, room = LocalFiles(tmp_path), memoryview(bytearray(1 << 20))

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    files.read(("a", offset << 20, room) for offset in range(64))
    assert resident() - before < 16 << 20


def test_another_process_opens_its_own_files(tmp_path):
    (tmp_path / "a").write_bytes(b"0123")
    files = LocalFiles(tmp_path)
    read(files, ("a", 0, 1))
    assert read(pickle.loads(pickle.dumps(files)), ("a", 1, 2)) == [b"12"]


# Those elsewhere.


class Failing:
    """A file system of one file that answers wrongly so many times."""

    def __init__(self, failures, answer):
        self.failures, self.answer, self.asked = failures, answer, []

    def cat_ranges(self, paths, starts, ends, on_error):
        assert on_error == "return"
        self.asked.append(list(zip(paths, starts, ends, strict=True)))
        return [self._one(start, end) for start, end in zip(starts, ends, strict=True)]

    def _one(self, start, end):
        if start == 10 and self.failures:  # One range of several.
            self.failures -= 1
            return self.answer
        return CONTENT["a.bin"][start:end]


def remote(failing, attempts=4):
    slept = []
    files = RemoteFiles("memory://x", attempts=attempts, sleep=slept.append)
    files._fs = failing
    return files, slept


@pytest.mark.parametrize("answer", [ConnectionError("gone"), RuntimeError("of the client's own kind"), b"shor"])
def test_what_fails_is_tried_again_alone_and_later_each_time(answer):
    failing = Failing(3, answer)
    files, slept = remote(failing)
    assert read(files, ("a.bin", 0, 2), ("a.bin", 10, 5), ("a.bin", 20, 1)) == [b"\0\1", b"\n\x0b\x0c\r\x0e", b"\x14"]
    assert [len(asked) for asked in failing.asked] == [3, 1, 1, 1]
    assert slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "answer, said",
    [
        (ConnectionError("gone\nfor good"), "the last with ConnectionError: gone"),
        (b"shor", "the last with OSError: 4 of 5 bytes came"),
    ],
)
def test_what_fails_for_good_is_a_named_error_of_one_line(answer, said):
    files, slept = remote(Failing(99, answer))
    with pytest.raises(ReadError) as error:
        read(files, ("a.bin", 10, 5))
    assert str(error.value) == f"memory://x/a.bin: 4 attempts failed, {said}"
    assert len(slept) == 3


@pytest.mark.parametrize("error", [FileNotFoundError("a.bin"), PermissionError()])
def test_what_is_hopeless_is_not_tried_again(error):
    files, slept = remote(Failing(99, error))
    with pytest.raises(type(error), match=r"^memory://x/a\.bin: "):
        read(files, ("a.bin", 10, 5))
    assert slept == []


def test_long_ranges_are_asked_for_in_pieces_and_not_all_at_once(monkeypatch):
    monkeypatch.setattr(byte_ranges, "PIECE_BYTES", 16)
    monkeypatch.setattr(byte_ranges, "GROUP_BYTES", 38)
    monkeypatch.setattr(byte_ranges, "GROUP_RANGES", 3)
    failing = Failing(0, None)
    files, _ = remote(failing)
    assert read(files, ("a.bin", 0, 70), *[("a.bin", n, 1) for n in range(5)])[0] == CONTENT["a.bin"][:70]
    sizes = [[end - start for _, start, end in asked] for asked in failing.asked]
    assert sizes == [[16, 16], [16, 16, 6], [1, 1, 1], [1, 1]]


def test_a_listing_is_not_an_old_one(tmp_path):
    address = f"memory://{uuid.uuid4().hex}"
    store = fsspec.filesystem("memory")
    store.pipe_file(f"{address}/a", b"1")
    files = files_at(address)
    assert files.sizes() == {"a": 1}
    store.pipe_file(f"{address}/b", b"12")
    assert files.sizes() == {"a": 1, "b": 2}


def test_a_path_with_dots_is_a_path():
    assert files_at("out/../out").address("x") == str(Path("out/../out/x"))
