"""An index is read in bounded memory, and believed only where the dump bears it out."""

import bz2
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pipeline.corpora import wikiindex
from pipeline.corpora.corpus import RawFile
from pipeline.corpora.wikiindex import StreamIndex, count_pages, dump_index, index_faults

NAME = "wikipedia/dewiki-20220720-pages-articles-multistream.xml.bz2"
INDEX = "dewiki-20220720-pages-articles-multistream-index.txt"


def read(content, size=10_000, name=INDEX):
    """The index with this content of a dump of so many bytes."""
    beside = {name: RawFile.of_bytes(name, content)}
    return dump_index(RawFile(name=NAME, size=size, opener=lambda: None, beside=beside.get))


def as_pairs(index):
    return list(zip(index.offsets.tolist(), index.pages.tolist(), strict=True))


LINES = b"600:1:A\n600:2:B: C\n900:3:\xc3\xa4\n"


@pytest.mark.parametrize("name", [INDEX, f"{INDEX}.bz2"])
@pytest.mark.parametrize("content", [LINES, LINES.rstrip(), bz2.compress(LINES)])
def test_streams_and_their_pages_are_listed(name, content):
    index = read(content, name=name)
    assert (as_pairs(index), index.fault) == ([(600, 2), (900, 1)], "")
    assert [index.pages_at(offset) for offset in (0, 600, 601, 900, 5000)] == [0, 2, 0, 1, 0]
    assert (index.lists(600), index.lists(700)) == (True, False)


def test_a_dump_without_an_index_has_none():
    assert dump_index(RawFile(name=NAME, size=1, opener=lambda: None)) is None
    assert dump_index(RawFile(name="wikipedia/dewiki.xml", size=1, opener=lambda: None)) is None


def test_an_index_is_parsed_once_until_it_changes(monkeypatch):
    first = read(LINES)
    monkeypatch.setattr(wikiindex, "_parsed", lambda *_: pytest.fail("parsed again"))
    assert read(LINES) is first
    monkeypatch.undo()
    assert len(read(LINES + b"950:4:D\n").offsets) == 3


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it lists nothing"),
        (b"900:1:A\n600:2:B\n", "byte 600 after byte 900 in a dump of 10000 bytes"),
        (b"600:1:A\n10000:2:B\n", "byte 10000 after byte 600 in a dump of 10000 bytes"),
        (b"600:1:A\n-5:2:B\n", "a line after byte -1 is no offset:page:title"),
        (b"600:1:A\n\n700:1:B\n", "a line after byte -1 is no offset:page:title"),
        (b"9" * 30 + b":1:A\n", "a line after byte -1 is no offset:page:title"),
        (b"600:1:" + b"x" * 200_000, "a line of more than 65536 bytes"),
        (bz2.compress(LINES)[:-5], "Compressed file ended before the end-of-stream marker was reached"),
    ],
)
def test_an_index_that_is_of_no_use_says_why(content, fault):
    assert read(content).fault == fault


def test_a_bomb_is_given_up(monkeypatch):
    monkeypatch.setattr(wikiindex, "FREE_BYTES", 1 << 20)
    assert read(bz2.compress(b"600:1:A\n" * 1_000_000), size=1000).fault == "more than 1048576 bytes"


def test_a_million_equal_offsets_are_one_stream():
    assert as_pairs(read(b"600:1:A\n" * 1_000_000)) == [(600, 1_000_000)]


INDEXED = StreamIndex(offsets=np.array([600, 900]), pages=np.array([2, 1]))


@pytest.mark.parametrize(
    ("span", "found", "said"),
    [
        ((0, 10_000), {600: 2, 900: 1}, ""),
        ((0, 900), {600: 2}, ""),
        ((900, 10_000), {900: 1}, ""),
        ((0, 10_000), {600: 2}, "1 of 2 streams differ, the first at byte 900, with 1 pages by the index and 0 found"),
        ((0, 899), {600: 2, 9: 7}, "1 of 2 streams differ, the first at byte 9, with 0 pages by the index and 7 found"),
    ],
)  # fmt: skip
def test_differences_are_told_stream_by_stream(span, found, said):
    assert INDEXED.differences(span, found) == said


@pytest.mark.parametrize(
    ("index", "part", "damaged", "reasons"),
    [
        (INDEXED, 1, False, ["index_differs"]),
        (INDEXED, 1, True, []),
        (replace(INDEXED, fault="why"), 1, False, ["index_unusable"]),
        (replace(INDEXED, fault="why"), 2, False, []),
    ],
)
def test_what_is_wrong_with_an_index_is_a_record(index, part, damaged, reasons):
    file = RawFile(name=NAME, size=10_000, opener=lambda: None, part=part, parts=2)
    assert [record.reason for record in index_faults(index, file, {7: 1}, damaged=damaged)] == reasons


def test_pages_of_no_stream_are_of_no_count():
    assert count_pages(Counter({None: 5, 600: 2, 900: 0})) == {600: 2}
