"""Megatron-LM's index, read back byte for byte as its own reader lays it over a file."""

import struct

import numpy as np
import pytest

from mixtures import megatron
from mixtures.megatron import megatron_index

NARROW, WIDE = np.dtype("<u2"), np.dtype("<u4")


def index(ends, dtype=NARROW):
    return b"".join(megatron_index(np.array(ends, np.int64), dtype))


def test_the_header_says_width_and_counts():
    raw = index([4, 6, 9])
    assert raw[:9] == b"MMIDIDX\0\0"
    assert struct.unpack_from("<QBQQ", raw, 9) == (1, 8, 3, 4)
    assert len(raw) == 34 + 3 * 4 + 3 * 8 + 4 * 8


def test_lengths_byte_offsets_and_documents_follow():
    raw = index([4, 6, 9])
    assert np.frombuffer(raw, "<i4", 3, 34).tolist() == [4, 2, 3]
    assert np.frombuffer(raw, "<i8", 3, 46).tolist() == [0, 8, 12]
    assert np.frombuffer(raw, "<i8", 4, 70).tolist() == [0, 1, 2, 3]


def test_wide_ids_are_declared_int32():
    raw = index([3, 5], WIDE)
    assert struct.unpack_from("<QBQQ", raw, 9) == (1, 4, 2, 3)
    assert np.frombuffer(raw, "<i8", 2, 42).tolist() == [0, 12]


def test_offsets_do_not_overflow():
    assert np.frombuffer(index([1 << 30, 1 << 31, 3 << 30]), "<i8", 3, 46).tolist() == [0, 1 << 31, 1 << 32]


@pytest.mark.parametrize("documents", [1, 2, 3, 4, 6, 7])
def test_pieces_of_any_size_make_the_same_index(monkeypatch, documents):
    ends = np.arange(1, documents + 1) * 5
    whole = index(ends)
    monkeypatch.setattr(megatron, "_AT_A_TIME", 3)
    assert index(ends) == whole


def test_the_longest_document_has_a_place():
    assert np.frombuffer(index([(1 << 31) - 1]), "<i4", 1, 34).tolist() == [(1 << 31) - 1]


def test_a_longer_document_is_refused_before_anything_is_written():
    with pytest.raises(ValueError, match=r"fewer than 2\^31 tokens, got 2147483648"):
        next(megatron_index(np.array([3, 3 + (1 << 31)]), NARROW))
