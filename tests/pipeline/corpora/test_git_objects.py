"""Objects are read as they lie, bounded, and nothing of a repository is trusted."""

import hashlib
import os
import struct
import zlib

import pytest
from dulwich.object_format import SHA1
from dulwich.objects import Blob
from dulwich.pack import write_pack_index_v2, write_pack_objects
from git_repositories import Repository, small

from pipeline.corpora import git_objects
from pipeline.corpora.git_objects import GitError, GitObjects, ObjectTooLargeError

OFS_DELTA, REF_DELTA, BLOB = 6, 7, 3


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "x.git")


def blob_name(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def number(value):
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def entry(kind, content, *, says=None, base=b""):
    """An object of a pack with the size that it says it has."""
    size = len(content) if says is None else says
    first, rest = size & 15, size >> 4
    head = bytes([kind << 4 | first | (0x80 if rest else 0)]) + (number(rest) if rest else b"")
    return head + base + zlib.compress(content)


def write_pack(repository, objects):
    """A pack of (name, entry) as they come; the offsets of all."""
    body, offsets = struct.pack(">4sLL", b"PACK", 2, len(objects)), {}
    for name, raw in objects:
        offsets[name] = len(body)
        body += raw
    body += hashlib.sha1(body).digest()
    folder = repository.folder / "objects" / "pack"
    (folder / "pack-1.pack").write_bytes(body)
    with (folder / "pack-1.idx").open("wb") as stream:
        entries = sorted((bytes.fromhex(name), offset, 0) for name, offset in offsets.items())
        write_pack_index_v2(stream, entries, hashlib.sha1(body[:-20]).digest())
    return offsets


def test_a_loose_object_is_read(repository):
    name = repository.add(b"x = 1\n")
    with GitObjects(repository.folder) as objects:
        assert objects.read(name) == (b"blob", b"x = 1\n")


def test_objects_of_a_pack_are_read_with_their_deltas_applied(repository):
    texts = [b"line %d\n" % i * 40 + b"shared text\n" * 500 for i in range(6)]
    folder = repository.folder / "objects" / "pack"
    with (folder / "pack-1.pack").open("wb") as stream:
        blobs = [(Blob.from_string(text), b"a.py") for text in texts]
        entries, digest = write_pack_objects(stream, blobs, object_format=SHA1, deltify=True)
    assert (folder / "pack-1.pack").stat().st_size < 2000
    with (folder / "pack-1.idx").open("wb") as stream:
        write_pack_index_v2(stream, sorted((k, *v) for k, v in entries.items()), digest)
    with GitObjects(repository.folder) as objects:
        assert [objects.read(blob_name(text)) for text in texts] == [(b"blob", text) for text in texts]


def test_head_is_a_branch_a_packed_branch_or_a_commit(repository):
    commit = repository.commit(repository.tree())
    folder = repository.folder
    with GitObjects(folder) as objects:
        assert objects.head() == commit
        (folder / "refs" / "heads" / "main").unlink()
        (folder / "packed-refs").write_text(f"# pack-refs with: peeled\n{commit} refs/heads/main\n^{'2' * 40}\n")
        assert objects.head() == commit
        (folder / "HEAD").write_text(f"{commit}\n")
        assert objects.head() == commit
        assert objects.tree_of(commit) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: refs/heads/none",
        "ref: refs/../../secret",
        "ref: /etc/passwd",
        "ref: refs/heads/loop",
        "z" * 40,
        "1" * 64,
    ],
)
def test_a_head_that_names_no_commit_is_told(repository, head):
    (repository.folder.parent / "secret").write_text("1" * 40)
    (repository.folder / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop")
    (repository.folder / "HEAD").write_text(head)
    with GitObjects(repository.folder) as objects, pytest.raises(GitError, match="HEAD names no commit"):
        objects.head()


def test_a_link_leads_out_of_no_repository(repository, tmp_path):
    outside = small(tmp_path / "outside.git")
    (repository.folder / "HEAD").unlink()
    (repository.folder / "HEAD").symlink_to(outside.folder / "HEAD")
    name = next(outside.folder.glob("objects/??/*"))
    (repository.folder / "objects" / name.parent.name).symlink_to(name.parent)
    with GitObjects(repository.folder) as objects:
        with pytest.raises(GitError, match="HEAD is no file"):
            objects.head()
        with pytest.raises(GitError, match="is not there"):
            objects.read(name.parent.name + name.name)


def test_alternates_and_pipes_are_not_opened(repository, tmp_path):
    outside = small(tmp_path / "outside.git")
    commit = (outside.folder / "refs" / "heads" / "main").read_text().strip()
    (repository.folder / "objects" / "info").mkdir()
    (repository.folder / "objects" / "info" / "alternates").write_text(f"{outside.folder}/objects\n")
    os.mkfifo(repository.folder / "refs" / "heads" / "main")
    with GitObjects(repository.folder) as objects:
        with pytest.raises(GitError, match="is not there"):
            objects.read(commit)
        with pytest.raises(GitError, match="HEAD names no commit"):
            objects.head()


def test_an_object_with_other_content_than_its_name_says_is_told(repository):
    name = repository.add(b"x = 1\n")
    repository.path(name).write_bytes(zlib.compress(b"blob 6\0x = 2\n"))
    with GitObjects(repository.folder) as objects, pytest.raises(GitError, match="other content"):
        objects.read(name)


@pytest.mark.parametrize(
    "raw", [b"", b"no zlib", zlib.compress(b"no header"), zlib.compress(b"blob x\0a"), b"\x78\x9c"]
)
def test_a_broken_loose_object_is_told(repository, raw):
    name = repository.add(b"x = 1\n")
    repository.path(name).write_bytes(raw)
    with GitObjects(repository.folder) as objects, pytest.raises(GitError):
        objects.read(name)


def test_a_loose_object_that_unpacks_to_more_than_it_says_is_cut(repository):
    name = repository.add(b"\0" * 50_000_000, size=10)
    with GitObjects(repository.folder) as objects, pytest.raises(GitError, match="other content"):
        objects.read(name)


def test_too_large_objects_are_not_unpacked(repository, monkeypatch):
    monkeypatch.setattr(git_objects, "MAX_OBJECT_BYTES", 100)
    fits, large = repository.add(b"x" * 100), repository.add(b"x" * 101)
    with GitObjects(repository.folder) as objects:
        assert objects.read(fits)[1] == b"x" * 100
        with pytest.raises(ObjectTooLargeError, match="would unpack to 101 bytes"):
            objects.read(large)


@pytest.mark.parametrize("says", [10**10, 1 << 62])
def test_a_pack_that_says_gigabytes_is_not_believed(repository, says):
    write_pack(repository, [("1" * 40, entry(BLOB, b"x", says=says))])
    with GitObjects(repository.folder) as objects, pytest.raises(ObjectTooLargeError):
        objects.read("1" * 40)


def test_a_delta_that_says_gigabytes_is_not_applied(repository):
    delta = number(1) + number(10**10) + b"\x90\x01"
    first = entry(BLOB, b"x")
    second = entry(OFS_DELTA, delta, base=bytes([len(first)]))
    write_pack(repository, [("1" * 40, first), ("2" * 40, second)])
    with GitObjects(repository.folder) as objects, pytest.raises(ObjectTooLargeError, match="10000000000 bytes"):
        objects.read("2" * 40)


def test_deltas_in_a_circle_end(repository):
    delta = number(1) + number(1) + b"\x01x"
    names = "1" * 40, "2" * 40
    write_pack(
        repository,
        [
            (one, entry(REF_DELTA, delta, base=bytes.fromhex(other)))
            for one, other in zip(names, names[::-1], strict=True)
        ],
    )
    with GitObjects(repository.folder) as objects, pytest.raises(GitError, match="behind more than 4095 deltas"):
        objects.read(names[0])


@pytest.mark.parametrize("delta", [b"", b"\xff" * 30, b"\x01\x01\x7f", number(5) + number(5) + b"\x90\x09"])
def test_a_broken_delta_is_told(repository, delta):
    first = entry(BLOB, b"hello")
    write_pack(repository, [("1" * 40, first), ("2" * 40, entry(OFS_DELTA, delta, base=bytes([len(first)])))])
    with GitObjects(repository.folder) as objects, pytest.raises(GitError):
        objects.read("2" * 40)


@pytest.mark.parametrize("damage", [b"", b"PACK", b"x" * 100])
def test_a_broken_pack_is_told_when_the_repository_is_opened(repository, damage):
    write_pack(repository, [(blob_name(b"x"), entry(BLOB, b"x"))])
    (repository.folder / "objects" / "pack" / "pack-1.pack").write_bytes(damage)
    with pytest.raises(GitError, match="a pack cannot be opened"), GitObjects(repository.folder):
        pass


@pytest.mark.parametrize("kind", [0, 5])
def test_a_pack_with_objects_of_no_kind_is_told(repository, kind):
    write_pack(repository, [("1" * 40, entry(kind, b"x"))])
    with GitObjects(repository.folder) as objects, pytest.raises(GitError):
        objects.read("1" * 40)


def test_what_is_no_commit_has_no_tree(repository):
    with GitObjects(repository.folder) as objects, pytest.raises(GitError, match="is no commit"):
        objects.tree_of(repository.add(b"tree " + b"1" * 40 + b"\n"))
