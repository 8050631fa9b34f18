"""Each row of a table of posts is of one part, and what is wrong with the file is told once."""

import io
from dataclasses import replace

import py7zr
import pytest

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.posts import RowSplitter
from pipeline.corpora.posts_table import OTHER_TABLE, part_rows, stream_posts
from pipeline.corpora.seven_zip import ArchiveFaultError

ROWS = [f'  <row Id="{n}" Body="{"x" * (n * 37 % 90)}" />\n'.encode() for n in range(40)]
TABLE = b"<posts>\n" + b"".join(ROWS) + b"</posts>\n"


def archive(content):
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as packed:
        packed.writestr(content, "Posts.xml")
    return stream.getvalue()


def in_parts(content, parts, name="a/Posts.xml", max_bytes=1000):
    """What each part reads."""
    whole = replace(RawFile.of_bytes(name, content), parts=parts)
    return [
        list(part_rows(replace(whole, part=n), RowSplitter(max_bytes=max_bytes), 1 << 30)) for n in range(1, parts + 1)
    ]


@pytest.mark.parametrize("parts", [1, 2, 3, 17, 200, 1000])
def test_the_parts_together_have_every_row_once(parts):
    rows = [row for part in in_parts(TABLE, parts) for row in part]
    assert rows == in_parts(TABLE, 1)[0]
    assert [TABLE[start : start + size] for start, _, size in rows][:-1] == [row.lstrip() + b"  " for row in ROWS[:-1]]


def test_the_first_part_of_an_archive_has_all_rows():
    first, *others = in_parts(archive(TABLE), 4, "a.7z")
    assert first == in_parts(TABLE, 1)[0]
    assert others == [[], [], []]


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (TABLE, []),
        (TABLE.removesuffix(b"</posts>\n"), ["truncated_file"]),
        (TABLE.replace(b"<posts>", b"<other>"), ["not_posts"]),
        (TABLE[:-40], ["truncated_file"]),
    ],
)
def test_what_is_wrong_with_the_file_is_told_once(content, reasons):
    for parts in (1, 2, 5):
        found = [row for part in in_parts(content, parts) for row in part]
        assert [row.reason for row in found if isinstance(row, BadRecord)] == reasons


def test_an_archive_that_ends_early_tells_so_behind_its_rows():
    *rows, bad = in_parts(archive(TABLE)[:-30], 2, "a.7z")[0]
    assert (rows, bad.reason, bad.key) == ([], "broken_archive", "archive")


def test_a_line_without_end_is_read_by_one_part_and_held_by_none():
    long = b'<row Id="1" Body="' + b"x" * 5_000_000
    found = [row for part in in_parts(b"<posts>" + long, 9) for row in part]
    assert [(row[0], len(row[1]), row[2]) for row in found[:1]] == [(7, 505, len(long))]
    assert [row.reason for row in found[1:]] == ["truncated_file"]


def test_a_part_within_one_endless_row_reads_no_further_than_its_share():
    table = b"<posts><row Body='" + b"x" * (10 << 20)
    read = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            read.append(size)
            return super().read(size)

    file = RawFile(name="a/Posts.xml", size=len(table), opener=lambda: Counted(table), part=3, parts=10)
    assert list(part_rows(file, RowSplitter(max_bytes=1000), 1)) == []
    assert len(read) <= 3


def test_a_disk_that_fails_is_a_bad_record_of_the_part():
    def refuse():
        raise OSError("no such disk")

    file = RawFile(name="a/Posts.xml", size=90, opener=refuse, part=2, parts=3)
    (bad,) = part_rows(file, RowSplitter(max_bytes=1000), 1)
    assert (bad.reason, bad.key, bad.size) == ("unreadable_file", "byte-30", 30)
    with pytest.raises(ArchiveFaultError):
        stream_posts(file, print, 1)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("stackoverflow.com-Votes.7z", True),
        ("stackoverflow.com-Posts.7z", False),
        ("coffee.stackexchange.com.7z", False),
    ],
)
def test_archives_of_other_tables_are_known(name, other):
    assert bool(OTHER_TABLE.search(name)) is other
