import bz2
import gzip
import io
import random
import tarfile
import zipfile

import pytest
from archives import tar_of, zip_of

from pipeline.corpora import source_archives
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.source_archives import BAD_MEMBER_REASONS, BoundedStream, ExpansionError, Member, members

FILES = {"a-1/README.md": b"# A\n", "a-1/a.py": b"x = 1\n" * 200, "a-1/sub/b.py": b"y\n"}


def found(content: bytes, name: str = "a.tar", max_bytes: int = 1 << 20, wanted=lambda _: True) -> list:
    return list(members(RawFile.of_bytes(name, content), max_bytes, wanted))


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar", tar_of(FILES)),
        ("a.tar", tar_of(FILES, format=tarfile.GNU_FORMAT)),
        ("a.tar.gz", gzip.compress(tar_of(FILES))),
        ("a.tgz", gzip.compress(tar_of(FILES))),
        ("a.tar.bz2", bz2.compress(tar_of(FILES))),
        ("a.zip", zip_of(FILES)),
    ],
)
def test_each_kind_of_archive_gives_its_files(name, content):
    assert found(content, name) == [Member(file, body) for file, body in FILES.items()]


@pytest.mark.parametrize(("name", "content"), [("a.tar", tar_of(FILES)), ("a.zip", zip_of(FILES))])
def test_only_so_much_of_a_member_is_read_and_only_of_those_wanted(name, content):
    assert found(content, name, 3, lambda path: path.endswith("a.py")) == [Member("a-1/a.py", b"x =")]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a\\..\\b", "C:\\x", "C:/x"])
@pytest.mark.parametrize("kind", ["a.tar", "a.zip"])
def test_names_that_escape_are_bad_records(name, kind):
    content = tar_of({name: b"x", "ok": b"y"}) if kind == "a.tar" else zip_of({name: b"x", "ok": b"y"})
    bad, kept = found(content, kind)
    assert bad.reason == "unsafe_name"
    assert kept == Member("ok", b"y")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_neither_file_nor_link_is_a_bad_record(kind):
    kept, bad = found(tar_of({"ok": b"y"}, special("d", kind)))
    assert (kept, bad.reason) == (Member("ok", b"y"), "special_member")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_is_not_followed_and_holds_its_target(kind):
    content = tar_of({"ok": b"y"}, special("l", kind, "/etc/passwd"))
    assert found(content) == [Member("ok", b"y"), Member("l", b"/etc/passwd", is_link=True)]
    assert found(content, max_bytes=4)[1].content == b"/etc"
    assert found(content, wanted=lambda name: name != "l") == [Member("ok", b"y")]


def test_a_link_may_not_be_named_so_that_it_escapes():
    assert reasons(found(tar_of({}, special("../l", tarfile.SYMTYPE, "x")))) == ["unsafe_name"]


def test_a_link_in_a_zip_is_a_link():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("l")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert found(stream.getvalue(), "a.zip") == [Member("l", b"/etc/passwd", is_link=True)]


def test_folders_are_no_files():
    assert found(tar_of({}, special("a", tarfile.DIRTYPE))) == []


def reasons(records: list) -> list:
    return [record.reason for record in records if isinstance(record, BadRecord)]


@pytest.mark.parametrize("cut", [1, 100, 512, 600, 1500, 2100])
def test_a_cut_archive_gives_what_came_before_and_says_so(cut):
    records = found(tar_of(FILES)[:cut])
    assert reasons(records) == ["broken_archive"]
    assert records[-1].reason == "broken_archive"


def test_an_archive_cut_between_two_members_says_so():
    records = found(tar_of(FILES)[:1024])
    assert [type(record) for record in records] == [Member, BadRecord]


def test_a_wrong_checksum_in_the_middle_does_not_end_the_archive_silently():
    content = bytearray(tar_of(FILES))
    content[1024 + 150] ^= 1
    records = found(bytes(content))
    assert records[0] == Member("a-1/README.md", b"# A\n")
    assert "checksum" in records[1].detail


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_header_wiped_by_a_bad_disk_does_not_end_the_archive_silently(pack):
    content = bytearray(tar_of(FILES))
    content[1024:1536] = bytes(512)
    records = found(pack(bytes(content)))
    assert records[0] == Member("a-1/README.md", b"# A\n")
    assert [(record.reason, "end mark" in record.detail) for record in records[1:]] == [("broken_archive", True)]


@pytest.mark.parametrize("zeros", [0, 512, 100_000])
def test_zeros_behind_the_end_mark_are_padding_and_nothing_else_is(zeros):
    assert reasons(found(tar_of(FILES) + bytes(zeros))) == []
    assert reasons(found(tar_of(FILES) + bytes(zeros) + tar_of({"b": b"x"}))) == ["broken_archive"]


def test_a_member_of_a_zip_without_a_name_is_unsafe():
    content = zip_of({"a": b"x", "ok": b"y"})
    at = content.index(b"PK\1\2") + 28
    bad, kept = found(content[:at] + b"\0\0\1" + content[at + 3 :], "a.zip")
    assert (bad.reason, kept) == ("unsafe_name", Member("ok", b"y"))


def test_a_member_of_a_zip_packed_in_a_damaged_way_has_a_reason():
    content = bytearray(zip_of({"a": b"one two three four"}))
    content[content.index(b"PK\1\2") + 10] = zipfile.ZIP_LZMA
    content[31:40] = b"\x09\x04\x05\x00" + b"\xff" * 5
    assert reasons(found(bytes(content), "a.zip")) == ["broken_archive"]


@pytest.mark.parametrize("value", [0, 1, 14, 93, 255])
def test_a_wrong_byte_anywhere_in_a_zip_has_a_reason(value):
    content = zip_of({"a.py": b"x = 1\n", "b.py": b"y = 2\n"})
    for at in range(len(content)):
        records = found(content[:at] + bytes([value]) + content[at + 1 :], "a.zip")
        assert set(reasons(records)) <= set(BAD_MEMBER_REASONS)


@pytest.mark.parametrize("cut", [20, 100, -8, -1])
def test_a_cut_gzip_stream_says_so(cut):
    assert reasons(found(gzip.compress(tar_of(FILES))[:cut], "a.tar.gz")) == ["broken_archive"]


def test_a_wrong_gzip_checksum_after_the_end_mark_is_noticed():
    content = bytearray(gzip.compress(tar_of(FILES)))
    content[-8] ^= 255
    assert reasons(found(bytes(content), "a.tar.gz")) == ["broken_archive"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
@pytest.mark.parametrize(
    "content", [b"", b"x", b"garbage" * 999, b"\x1f\x8b" + b"x" * 99, b"BZh9" + b"x" * 99, b"PK\3\4" * 9]
)
def test_garbage_is_one_bad_record(name, content):
    assert reasons(found(content, name)) == ["broken_archive"]


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_never_raises(seed):
    rng = random.Random(seed)
    content = bytearray(rng.choice([tar_of(FILES), gzip.compress(tar_of(FILES)), zip_of(FILES)]))
    for _ in range(rng.randint(1, 5)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    name = "a.zip" if content[:2] == b"PK" else "a.tar"
    assert set(reasons(found(bytes(content), name))) <= set(BAD_MEMBER_REASONS)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tar.gz", gzip.compress(tar_of({"zeros": bytes(1 << 21)}))), ("a.zip", zip_of({"zeros": bytes(1 << 21)}))],
)
def test_a_bomb_is_refused(monkeypatch, name, content):
    monkeypatch.setattr(source_archives, "FREE_BYTES", 1 << 16)
    assert reasons(found(content, name, max_bytes=1 << 30)) == ["archive_too_large"]


def test_a_bomb_that_nobody_wants_is_refused_too(monkeypatch):
    monkeypatch.setattr(source_archives, "FREE_BYTES", 1 << 16)
    content = gzip.compress(tar_of({"zeros": bytes(1 << 21)}))
    assert reasons(found(content, "a.tgz", wanted=lambda _: False)) == ["archive_too_large"]


def test_a_name_that_would_fill_the_memory_is_refused():
    info = special("x", tarfile.GNUTYPE_LONGNAME)
    info.size = source_archives.MAX_NAME_BYTES + 1
    (bad,) = found(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 21))
    assert "name takes" in bad.detail


@pytest.mark.parametrize(("bound", "read"), [(301, True), (300, False)])
def test_a_name_may_be_as_long_as_the_bound_with_the_zero_behind_it(monkeypatch, bound, read):
    monkeypatch.setattr(source_archives, "MAX_NAME_BYTES", bound)
    name = "n" * 300
    assert (found(tar_of({name: b"x"}, format=tarfile.GNU_FORMAT)) == [Member(name, b"x")]) is read


@pytest.mark.parametrize(("bound", "reason"), [(1000, []), (999, ["archive_too_large"])])
def test_members_of_a_zip_may_unpack_to_the_bound_together(monkeypatch, bound, reason):
    monkeypatch.setattr(source_archives, "FREE_BYTES", bound)
    monkeypatch.setattr(source_archives, "MAX_EXPANSION", 0)
    assert reasons(found(zip_of({"a": b"x" * 400, "b": b"y" * 600}), "a.zip")) == reason


def test_a_long_name_is_read():
    name = "deep/" * 60 + "a.py"
    assert found(tar_of({name: b"x"}, format=tarfile.GNU_FORMAT)) == [Member(name, b"x")]


def test_a_name_in_no_known_encoding_is_made_readable():
    content = tar_of({"a\udcff.py": b"x"}, format=tarfile.GNU_FORMAT)
    assert found(content) == [Member("a\ufffd.py", b"x")]


@pytest.mark.parametrize(("limit", "fits"), [(10, True), (9, False)])
def test_a_stream_ends_at_its_bound(limit, fits):
    stream = BoundedStream(io.BytesIO(b"x" * 10), limit)
    if fits:
        assert stream.read(100) == b"x" * 10
    else:
        with pytest.raises(ExpansionError, match="more than 9 bytes"):
            stream.read(100)


def without_entries(content: bytes) -> bytes:
    """The zip with an end record that says its directory has no bytes and no entries."""
    at = content.rindex(b"PK\5\6")
    return content[: content.index(b"PK\1\2")] + content[at : at + 8] + bytes(8) + content[at + 16 :]


def test_a_zip_whose_directory_names_no_member_is_broken():
    damaged = without_entries(zip_of(FILES))
    damaged = damaged[:-6] + (len(damaged) - 22).to_bytes(4, "little") + damaged[-2:]
    assert zipfile.ZipFile(io.BytesIO(damaged)).namelist() == []
    (record,) = found(damaged, "a.zip")
    assert (record.key, record.reason) == ("archive", "broken_archive")
    assert "names nothing of the bytes from 0 to" in record.detail


def test_a_zip_whose_directory_passes_over_a_member_is_broken():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        del archive.filelist[1]
    (record,) = found(stream.getvalue(), "a.zip")
    assert record.reason == "broken_archive"


def test_a_zip_written_to_a_pipe_is_whole():
    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise OSError("no seeking")

    stream = Pipe()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    assert found(stream.getvalue(), "a.zip") == [Member(name, body) for name, body in FILES.items()]


def test_a_zip_of_folders_alone_or_of_nothing_has_no_members():
    assert found(zip_of({}), "a.zip") == found(zip_of({"a/": b""}), "a.zip") == []
