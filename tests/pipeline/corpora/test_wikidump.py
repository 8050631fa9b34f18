"""A dump's bytes come out of any packing; what is damaged is told, and what follows is still read."""

import bz2
import gzip
import lzma

import pytest

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.wikidump import CHUNK_BYTES, dump_bytes

STREAMS = [bytes([letter]) * 50_000 + bytes(range(256)) * 20 for letter in b"abc"]


def unpack(content):
    """All bytes that were read, and (key, reason, size) of each damage."""
    items = list(dump_bytes(RawFile.of_bytes("dump", content)))
    good = b"".join(item for item in items if isinstance(item, bytes))
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
    assert max(len(item) for item in dump_bytes(RawFile.of_bytes("bomb", bomb))) <= CHUNK_BYTES


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_truncated_gz_and_xz_are_told(pack):
    good, bad = unpack(pack(bytes(range(256)) * 2000)[:-30])
    assert bad == [(f"byte:{len(good)}", "damaged_compression", 0)]


def test_seven_zip_is_refused_with_advice():
    content = b"7z\xbc\xaf\x27\x1c" + bytes(20)
    (record,) = dump_bytes(RawFile.of_bytes("dump.7z", content))
    assert (record.reason, record.size, ".bz2" in record.detail) == ("unsupported_compression", 26, True)
