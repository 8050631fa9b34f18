"""A dump's bytes come out of any packing; what is damaged is told, and what follows is still read."""

import bz2
import gzip
import io
import lzma
import random
import re
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora import wikidump
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.wikidump import CHUNK_BYTES, Chunk, PartEnd, can_be_split, dump_bytes
from pipeline.corpora.wikiindex import StreamIndex

STREAMS = [bytes([letter]) * 50_000 + bytes(range(256)) * 20 for letter in b"abc"]


def unpack(content):
    """All bytes that were read, and (key, reason, size) of each damage."""
    items = list(dump_bytes(RawFile.of_bytes("dump", content)))
    good = b"".join(item.data for item in items if isinstance(item, Chunk))
    return good, [(item.key, item.reason, item.size) for item in items if isinstance(item, BadRecord)]


@pytest.mark.parametrize(
    "pack", [bytes, bz2.compress, gzip.compress, lzma.compress, lambda c: lzma.compress(c, lzma.FORMAT_ALONE)]
)
def test_content_comes_out_of_every_packing(pack):
    assert unpack(pack(b"<mediawiki/>" * 10)) == (b"<mediawiki/>" * 10, [])


def test_streams_of_a_multistream_file_follow_each_other():
    assert unpack(b"".join(map(bz2.compress, STREAMS))) == (b"".join(STREAMS), [])


def test_empty_stream_and_empty_file_are_no_damage():
    assert unpack(bz2.compress(b"") + bz2.compress(b"x")) == (b"x", [])
    assert unpack(b"") == (b"", [])


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_damaged_stream_costs_only_itself(damaged):
    packed = [bytearray(bz2.compress(stream)) for stream in STREAMS]
    packed[damaged][len(packed[damaged]) // 2] ^= 0xFF
    good, bad = unpack(b"".join(packed))
    start = sum(map(len, packed[:damaged]))
    assert good == b"".join(stream for index, stream in enumerate(STREAMS) if index != damaged)
    assert bad == [(f"byte:{start}", "damaged_stream", len(packed[damaged]))]


def test_damaged_header_of_a_later_stream_is_not_taken_for_the_end():
    first, second, third = map(bz2.compress, STREAMS)
    good, bad = unpack(first + b"XX" + second[2:] + third)
    assert good == STREAMS[0] + STREAMS[2]
    assert bad == [(f"byte:{len(first)}", "trailing_bytes", len(second))]


def test_truncated_last_stream_is_told():
    first, second, _ = map(bz2.compress, STREAMS)
    good, bad = unpack(first + second[:-20])
    assert good[: len(STREAMS[0])] == STREAMS[0]
    assert bad == [(f"byte:{len(first)}", "truncated_stream", len(second) - 20)]


def test_bytes_behind_the_last_stream_are_told():
    packed = bz2.compress(b"x")
    assert unpack(packed + b"rubbish") == (b"x", [(f"byte:{len(packed)}", "trailing_bytes", 7)])


def test_next_stream_is_found_across_the_borders_of_reads():
    packed, good = bytearray(bz2.compress(b"bad")), bz2.compress(b"good")
    packed[20] ^= 0xFF
    for padding in range(CHUNK_BYTES - len(packed) - 12, CHUNK_BYTES - len(packed) + 2):
        assert unpack(bytes(packed) + b"\xff" * padding + good)[0] == b"good"


def test_bomb_comes_in_bounded_pieces():
    bomb = bz2.compress(bytes(1 << 26))
    assert max(len(item.data) for item in dump_bytes(RawFile.of_bytes("bomb", bomb))) <= CHUNK_BYTES


def test_truncated_gz_is_told():
    good, bad = unpack(gzip.compress(bytes(range(256)) * 2000)[:-30])
    assert bad == [(f"byte:{len(good)}", "damaged_compression", 0)]


@pytest.mark.parametrize("pack", [lzma.compress, lambda c: lzma.compress(c, lzma.FORMAT_ALONE)])
def test_truncated_xz_is_told(pack):
    packed = pack(STREAMS[0])[:-30]
    assert unpack(packed)[1] == [("byte:0", "truncated_stream", len(packed))]


def test_every_stream_of_an_xz_file_is_read_and_zeros_may_lie_between():
    assert unpack(lzma.compress(b"a") + bytes(8) + lzma.compress(b"b") + bytes(4)) == (b"ab", [])


def test_a_damaged_later_stream_of_xz_is_not_taken_for_the_end():
    first, second, third = (lzma.compress(stream) for stream in STREAMS)
    good, bad = unpack(first + b"XX" + second[2:] + third)
    assert good == STREAMS[0] + STREAMS[2]
    assert bad == [(f"byte:{len(first)}", "trailing_bytes", len(second))]


def test_a_dictionary_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(wikidump, "MAX_DICTIONARY_BYTES", 1 << 20)
    packed = lzma.compress(b"x", preset=9)
    assert unpack(packed) == (b"", [("byte:0", "damaged_stream", len(packed))])


def test_a_plain_file_that_is_shorter_than_its_size_is_told():
    file = RawFile(name="dump", size=10, opener=lambda: io.BytesIO(b"1234567"))
    assert [getattr(piece, "reason", piece) for piece in dump_bytes(file)] == [
        Chunk(None, 0, b"1234567"),
        "truncated_stream",
    ]


@pytest.mark.parametrize(
    ("content", "splittable"),
    [
        (bz2.compress(b"x"), True),
        (b"<mediawiki>", True),
        (gzip.compress(b"x"), False),
        (lzma.compress(b"x"), False),
        (lzma.compress(b"x", lzma.FORMAT_ALONE), False),
        (b"7z\xbc\xaf\x27\x1c", False),
    ],
)
def test_bzip2_and_plain_files_can_be_split(content, splittable):
    assert can_be_split(RawFile.of_bytes("dump", content)) is splittable


def own_bytes(content, part, parts, index=None):
    """What belongs to a part of the file: its bytes and the keys of its damage."""
    pieces = dump_bytes(replace(RawFile.of_bytes("dump", content), part=part, parts=parts), index)
    own = list(takewhile(lambda piece: not isinstance(piece, PartEnd), pieces))
    good = b"".join(piece.data for piece in own if isinstance(piece, Chunk))
    return good, [piece.key for piece in own if isinstance(piece, BadRecord)]


def split(content, parts):
    """The bytes and damage of all parts, one after another."""
    found = [own_bytes(content, part, parts) for part in range(1, parts + 1)]
    return b"".join(good for good, _ in found), [key for _, bad in found for key in bad]


@settings(max_examples=150)
@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    parts=st.integers(1, 15),
    spoiled=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=12)), max_size=3),
)
def test_each_stream_is_in_one_part_whatever_is_damaged(sizes, parts, spoiled):
    packed = bytearray(b"".join(bz2.compress(bytes([i]) * size) for i, size in enumerate(sizes)))
    for place, junk in spoiled:
        at = 4 + int(place * (len(packed) - 4))
        packed[at : at + len(junk) // 2] = junk
    content = bytes(packed)
    good, bad = own_bytes(content, 1, 1)
    assert split(content, parts) == (good, bad)


def test_bytes_that_look_like_a_stream_within_one_begin_no_part():
    inner, outer = bz2.compress(b"inner"), bytearray(bz2.compress(random.Random(1).randbytes(4000)))
    outer[100:114] = inner[:14]  # It does not decode, and what is around it does not either.
    content = bz2.compress(b"first") + bytes(outer) + bz2.compress(b"last")
    assert [split(content, parts)[0] for parts in (2, 5, 30)] == [own_bytes(content, 1, 1)[0]] * 3


def test_a_stream_that_cannot_be_decoded_is_none_where_another_goes_on_behind_it(monkeypatch):
    monkeypatch.setattr(wikidump, "_BZ2", replace(wikidump._BZ2, start=re.compile(rb"BZh9|%s" % PHANTOM)))
    content = bz2.compress(b"first") + bz2.compress(WITHIN) + bz2.compress(b"last")
    assert PHANTOM in content
    assert split(content, 40) == (b"first" + WITHIN + b"last", [])


WITHIN = random.Random(2).randbytes(3000)
PHANTOM = bz2.compress(WITHIN)[1000:1006]


def test_of_one_long_stream_no_part_but_its_own_looks_beyond_its_share():
    read = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            read.append(size)
            return super().read(size)

    content = bz2.compress(random.Random(3).randbytes(100_000))
    file = RawFile(name="dump", size=len(content), opener=lambda: Counted(content), part=3, parts=4)
    assert list(dump_bytes(file)) == []
    assert len(read) == 2  # Its first bytes, and its share.


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
def test_the_parts_of_a_plain_file_are_its_bytes(parts):
    content = b"<mediawiki>" + bytes(range(256))
    assert split(content, parts) == (content, [])


def test_what_the_index_lists_is_said_of_a_damaged_stream():
    first, second = bz2.compress(b"first"), bytearray(bz2.compress(b"second"))
    second[20] ^= 0xFF
    index = StreamIndex(offsets=np.array([len(first)]), pages=np.array([100]))
    (bad,) = [
        piece for piece in dump_bytes(RawFile.of_bytes("d", first + second), index) if isinstance(piece, BadRecord)
    ]
    assert bad.detail.endswith("; 100 pages by the index")


def test_seven_zip_is_refused_with_advice():
    content = b"7z\xbc\xaf\x27\x1c" + bytes(20)
    (record,) = dump_bytes(RawFile.of_bytes("dump.7z", content))
    assert (record.reason, record.size, ".bz2" in record.detail) == ("unsupported_compression", 26, True)
