import io
import random
import struct

import py7zr
import pytest

from pipeline.corpora import seven_zip
from pipeline.corpora.corpus import RawFile
from pipeline.corpora.seven_zip import BAD_ARCHIVE_REASONS, ArchiveFaultError, feed_member


def packed(members: dict[str, bytes], password: str | None = None) -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w", password=password) as archive:
        for name, content in members.items():
            archive.writestr(content, name)
    return stream.getvalue()


def unpacked(archive: bytes, max_bytes: int = 1 << 30) -> bytes:
    found = bytearray()
    feed_member(RawFile.of_bytes("site.7z", archive), "Posts.xml", found.extend, max_bytes=max_bytes)
    return bytes(found)


def fault(archive: bytes, max_bytes: int = 1 << 30) -> str:
    with pytest.raises(ArchiveFaultError) as error:
        unpacked(archive, max_bytes)
    return error.value.reason


TABLES = {"Comments.xml": b"comments" * 99, "Posts.xml": b"posts" * 1000, "Users.xml": b"users"}


@pytest.mark.parametrize("name", ["Posts.xml", "site/Posts.xml"])
def test_the_table_of_posts_is_found_among_others(name):
    assert unpacked(packed(TABLES | {"Posts.xml": b"", name: b"rows"})) == (b"rows" if name == "Posts.xml" else b"")


def test_a_member_is_fed_in_pieces_and_only_once():
    content = random.Random(1).randbytes(3 << 20)
    pieces: list[bytes] = []
    feed_member(RawFile.of_bytes("a.7z", packed({"Posts.xml": content})), "Posts.xml", pieces.append, max_bytes=1 << 30)
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1 << 20


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"", "broken_archive"),
        (b"7z", "broken_archive"),
        (b"PK\x03\x04" * 100, "broken_archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "broken_archive"),
        (packed(TABLES)[:200], "broken_archive"),
        (packed(TABLES)[:-1], "broken_archive"),
        (packed({"Comments.xml": b"x"}), "no_posts_table"),
        (packed(TABLES, password="secret"), "encrypted_archive"),
    ],
)
def test_what_is_no_archive_of_posts_has_its_reason(archive, reason):
    assert reason in BAD_ARCHIVE_REASONS
    assert fault(archive) == reason


@pytest.mark.parametrize(("limit", "fits"), [(5000 + 792 + 5, True), (5000 + 792 + 4, False)])
def test_an_archive_unpacks_to_so_much_and_no_more(limit, fits):
    archive = packed(TABLES)
    if fits:
        assert unpacked(archive, limit) == TABLES["Posts.xml"]
    else:
        assert fault(archive, limit) == "archive_too_large"


def test_a_bomb_is_refused_by_its_ratio(monkeypatch):
    monkeypatch.setattr(seven_zip, "FREE_BYTES", 1 << 16)
    assert fault(packed({"Posts.xml": bytes(1 << 20)})) == "archive_too_large"


def test_a_header_that_would_fill_the_memory_is_not_read():
    archive = bytearray(packed(TABLES))
    archive[20:28] = struct.pack("<Q", 1 << 40)
    assert fault(bytes(archive)) == "archive_too_large"


def test_a_wrong_byte_in_the_data_is_noticed():
    archive = bytearray(packed({"Posts.xml": random.Random(2).randbytes(1000)}))
    archive[500] ^= 255
    assert fault(bytes(archive)) == "broken_archive"


@pytest.mark.parametrize(("pieces", "fed"), [((6, 4), [6, 4]), ((6, 5), [6]), ((11,), [])])
def test_an_archive_that_holds_more_than_it_says_is_left_at_the_bound(pieces, fed):
    sizes: list[int] = []
    member = seven_zip._Member(lambda data: sizes.append(len(data)), 10)
    try:
        for piece in pieces:
            member.write(b"x" * piece)
    except ArchiveFaultError as error:
        assert (error.reason, sum(pieces) > 10) == ("archive_too_large", True)
    assert sizes == fed


@pytest.mark.parametrize("seed", range(60))
def test_damage_anywhere_gives_a_reason_or_the_bytes(seed):
    rng = random.Random(seed)
    archive = bytearray(packed(TABLES))
    for _ in range(rng.randint(1, 4)):
        archive[rng.randrange(len(archive))] = rng.randrange(256)
    try:
        unpacked(bytes(archive))
    except ArchiveFaultError as error:
        assert error.reason in BAD_ARCHIVE_REASONS


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError, KeyboardInterrupt])
def test_a_fault_of_the_receiver_is_not_taken_for_one_of_the_archive(error):
    def feed(data: bytes) -> None:
        raise error("ours")

    with pytest.raises(error, match="ours"):
        feed_member(RawFile.of_bytes("a.7z", packed(TABLES)), "Posts.xml", feed, max_bytes=1 << 30)
