"""Members of a zip are read within their bounds, and nothing outside it is touched."""

import io
import stat
import zipfile

import pytest

from pipeline.corpora import book_archive
from pipeline.corpora.book_archive import MAX_EXPANSION, open_archive, read_member
from pipeline.corpora.marked_book import BookError


def zipped(members, **attributes):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            archive.writestr(info, text)
    return content.getvalue()


def only_member(content, max_bytes=1 << 20):
    with open_archive(io.BytesIO(content)) as archive:
        return read_member(archive, archive.infolist()[0], max_bytes)


def reason(content, max_bytes=1 << 20):
    with pytest.raises(BookError) as caught:
        only_member(content, max_bytes)
    return caught.value.reason


def test_a_member_is_read_whole():
    assert only_member(zipped({"a": "one"})) == b"one"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "C:\\x"])
def test_a_name_that_leads_out_is_but_a_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert only_member(zipped({name: "one"})) == b"one"
    assert list(tmp_path.iterdir()) == []


def test_a_symbolic_link_is_not_followed():
    assert reason(zipped({"a": "/etc/passwd"}, external_attr=(stat.S_IFLNK | 0o777) << 16)) == "link"


def test_a_member_under_a_password_is_refused():
    content = bytearray(zipped({"a": "one"}))
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    assert reason(bytes(content)) == "encrypted_book"


@pytest.mark.parametrize("limit, fine", [(300, True), (299, False)])
def test_a_member_is_bounded(limit, fine):
    content = zipped({"a": "one" * 100})
    assert only_member(content, limit) if fine else reason(content, limit) == "book_too_large"


def test_a_bomb_is_refused():
    assert MAX_EXPANSION * 1000 < 1_000_000
    assert reason(zipped({"a": "x" * 1_000_000}), 1 << 30) == "expands_too_much"


@pytest.mark.parametrize("cut", [slice(0, -30), slice(0, 20), slice(0, 0)])
def test_a_damaged_archive_is_told(cut):
    assert reason(zipped({"a": "one" * 100})[cut]) == "broken_archive"


def test_a_damaged_member_is_told():
    content = bytearray(zipped({"a": "one two three four"}))
    content[33] ^= 0xFF
    assert reason(bytes(content)) == "broken_archive"


@pytest.mark.parametrize("bound, fine", [(48, False), (49, True)])
def test_a_directory_of_too_many_members_is_not_read(monkeypatch, bound, fine):
    monkeypatch.setattr(book_archive, "MAX_DIRECTORY_BYTES", bound)
    content = zipped({"abc": "one"})
    assert only_member(content) if fine else reason(content) == "too_many_members"
