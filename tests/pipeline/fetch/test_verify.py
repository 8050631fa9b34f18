"""A file is compared with all that is known of it; gzip is read to its last member."""

import gzip
import hashlib

import pytest

from pipeline.fetch import verify
from pipeline.fetch.verify import fault_of, file_digest
from pipeline.fetch.wanted import Wanted

TEXT = b"text" * 1000
GOOD = gzip.compress(TEXT, mtime=0) + gzip.compress(b"more", mtime=0)


def fault(tmp_path, data, **known):
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    return fault_of(path, Wanted(name="a.gz", urls=("https://host/a",), **known))


def test_a_file_of_which_nothing_is_known_has_no_fault(tmp_path):
    assert fault(tmp_path, b"anything") == ""


def test_all_that_is_known_is_compared(tmp_path):
    md5, sha1 = hashlib.md5(GOOD).hexdigest(), hashlib.sha1(GOOD).hexdigest()
    assert fault(tmp_path, GOOD, size=len(GOOD), md5=md5, sha1=sha1, gzip=True) == ""


@pytest.mark.parametrize(
    "known, reason",
    [
        ({"size": 3}, "wrong_size: 4 bytes, not 3"),
        ({"md5": "0" * 32}, "wrong_md5: "),
        ({"sha1": "0" * 40}, "wrong_sha1: "),
    ],
)
def test_each_fault_has_its_word(tmp_path, known, reason):
    assert fault(tmp_path, b"1234", **known).startswith(reason)


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "not_gzip: the file does not begin as one"),
        (b"WARC/1.0", "not_gzip: the file does not begin as one"),
        (GOOD[:-1], "truncated_gzip: at byte "),
        (GOOD[:-5] + b"xxxxx", "bad_crc: at byte "),
        (GOOD + bytes(3), "not_gzip: at byte "),
        (GOOD[:15] + b"\xff\xff\xff" + GOOD[18:], "bad_"),
    ],
)
def test_gzip_is_read_to_the_end(tmp_path, data, reason):
    assert fault(tmp_path, data, gzip=True).startswith(reason)


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "_ROOM_BYTES", 1000)
    assert fault(tmp_path, gzip.compress(bytes(1 << 20)), gzip=True).startswith("gzip_bomb: ")
    assert fault(tmp_path, gzip.compress(b"text " * 100), gzip=True) == ""


def test_what_unpacks_to_just_as_much_as_it_may_is_none(tmp_path, monkeypatch):
    packed = gzip.compress(bytes(1 << 20))
    for spare, is_bomb in ((0, False), (-1, True)):
        monkeypatch.setattr(verify, "_ROOM_BYTES", (1 << 20) - verify.MAX_EXPANSION * len(packed) + spare)
        assert bool(fault(tmp_path, packed, gzip=True)) is is_bomb


def test_a_digest_is_the_files(tmp_path):
    (tmp_path / "a").write_bytes(TEXT)
    assert file_digest(tmp_path / "a") == hashlib.sha1(TEXT).hexdigest()
    assert file_digest(tmp_path / "a", "md5") == hashlib.md5(TEXT).hexdigest()
