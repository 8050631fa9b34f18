import bz2
import gzip
import io
import tarfile
import zipfile

import py7zr

from pipeline.demo.containers import bzip2_streams, gzip_member, seven_zip, tar_archive, write_file, zip_archive


def test_a_file_replaces_the_one_before_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "deeper" / "file.txt"
    write_file(path, b"one")
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_a_gzip_member_carries_no_time():
    assert gzip.decompress(gzip_member(b"text")) == b"text"
    assert gzip_member(b"text")[4:8] == b"\0\0\0\0"


def test_each_part_is_a_bzip2_stream_that_begins_at_its_offset():
    content, offsets = bzip2_streams(["first", "zweite ä", "third"])
    assert bz2.decompress(content) == "firstzweite äthird".encode()
    assert bz2.BZ2Decompressor().decompress(content[offsets[1] :]) == "zweite ä".encode()


def test_a_tar_holds_its_members_in_order_and_nothing_of_this_machine():
    with tarfile.open(fileobj=io.BytesIO(tar_archive([("b", b"2"), ("a/c", b"1")]))) as archive:
        members = archive.getmembers()
        assert [(item.name, item.size, item.mtime, item.uid, item.uname) for item in members] == [
            ("b", 1, 1656676800, 0, ""),
            ("a/c", 1, 1656676800, 0, ""),
        ]


def test_a_text_in_place_of_content_is_a_link():
    with tarfile.open(fileobj=io.BytesIO(tar_archive([("a", b"1"), ("b", "/etc/passwd")]))) as archive:
        assert [(item.issym(), item.linkname, item.size) for item in archive.getmembers()] == [
            (False, "", 1),
            (True, "/etc/passwd", 0),
        ]


def test_a_7z_archive_holds_its_members():
    with py7zr.SevenZipFile(io.BytesIO(seven_zip([("Posts.xml", b"<posts />"), ("Users.xml", b"")]))) as archive:
        assert archive.getnames() == ["Posts.xml", "Users.xml"]
        assert {item.creationtime.isoformat() for item in archive.list()} == {"2022-07-01T12:00:00+00:00"}


def test_a_7z_archive_has_the_same_bytes_at_any_time(monkeypatch):
    from py7zr import py7zr as writer

    first = seven_zip([("Posts.xml", b"<posts />")])
    monkeypatch.setattr(writer.ArchiveTimestamp, "from_now", lambda: writer.ArchiveTimestamp.from_datetime(1e9))
    assert seven_zip([("Posts.xml", b"<posts />")]) == first


def test_a_zip_holds_its_members_in_order_and_no_time_of_its_own():
    content = zip_archive({"mimetype": "one", "a/b": "é"})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [(member.filename, member.date_time[:3]) for member in archive.infolist()] == [
            ("mimetype", (2022, 7, 1)),
            ("a/b", (2022, 7, 1)),
        ]
        assert archive.read("a/b").decode() == "é"
    assert zip_archive({"mimetype": "one", "a/b": "é"}) == content
