"""Eight messages side by side have the digests that hashlib gives them one by one."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.sha1 import BLOCK_BYTES, hash_messages, pad, padded_blocks


def keys_of(messages):
    """The keys of messages that lie padded one behind another, in the order of the messages."""
    first = np.cumsum([0, *(padded_blocks(len(message)) for message in messages)]).astype(np.int64)
    blocks = np.full(first[-1] * BLOCK_BYTES, 0xAA, np.uint8)
    for message, block in zip(messages, first.tolist(), strict=False):
        at = block * BLOCK_BYTES
        blocks[at : at + len(message)] = np.frombuffer(message, np.uint8)
        pad(blocks, at, len(message))
    keys = np.zeros(len(messages), np.uint64)
    hash_messages(blocks, first, len(messages), np.arange(len(messages)), keys)
    return keys.tolist()


def key_in_python(message):
    return int.from_bytes(hashlib.sha1(message).digest()[:8], "little")


@pytest.mark.parametrize(
    "message, digest",
    [
        (b"", "da39a3ee5e6b4b0d"),
        (b"abc", "a9993e364706816a"),
        (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26e"),
    ],
)
def test_published_digests_come_out(message, digest):
    assert [key.to_bytes(8, "little").hex() for key in keys_of([message])] == [digest]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_messages_have_the_keys_of_hashlib(messages):
    assert keys_of(messages) == [key_in_python(message) for message in messages]


@pytest.mark.parametrize("length", [0, 1, 54, 55, 56, 57, 62, 63, 64, 65, 118, 119, 120, 128, 5000, 100_000])
def test_every_length_is_padded_as_it_must_be(length):
    message = bytes(index % 251 for index in range(length))
    assert keys_of([b"before", message, b"behind"])[1] == key_in_python(message)


@pytest.mark.parametrize("length, blocks", [(0, 1), (55, 1), (56, 2), (63, 2), (64, 2), (119, 2), (120, 3)])
def test_a_bit_and_eight_bytes_of_length_must_fit(length, blocks):
    assert padded_blocks(length) == blocks


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
def test_messages_of_all_lengths_share_the_vectors(count):
    messages = [b"x" * (index * 37 % 300) for index in range(count)]
    assert keys_of(messages) == [key_in_python(message) for message in messages]


def test_keys_go_where_they_are_told_to():
    blocks = np.zeros(2 * BLOCK_BYTES, np.uint8)
    blocks[BLOCK_BYTES] = ord("a")
    pad(blocks, 0, 0)
    pad(blocks, BLOCK_BYTES, 1)
    keys = np.zeros(4, np.uint64)
    hash_messages(blocks, np.arange(3), 2, np.array([3, 1]), keys)
    assert keys.tolist() == [0, key_in_python(b"a"), 0, key_in_python(b"")]


def test_what_follows_a_message_is_written_byte_for_byte_and_nothing_else():
    for length in range(130):
        size = -(-(length + 9) // 64) * 64
        blocks = np.full(size + 72, 0xAA, np.uint8)
        pad(blocks, 8, length)
        zeros = bytes(size - length - 9)
        assert blocks[:8].tobytes() == b"\xaa" * 8
        assert blocks[8 : 8 + length].tobytes() == b"\xaa" * length
        assert blocks[8 + length : 8 + size].tobytes() == b"\x80" + zeros + (8 * length).to_bytes(8, "big")
        assert blocks[8 + size :].tobytes() == b"\xaa" * 64


@pytest.mark.parametrize("length", [2**29 - 1, 2**29, 2**29 + 1])
def test_the_length_of_a_long_message_takes_more_than_four_bytes(length):
    blocks = np.empty(padded_blocks(length) * BLOCK_BYTES, np.uint8)  # Only its end is ever touched.
    pad(blocks, 0, length)
    assert blocks[-8:].tobytes() == (8 * length).to_bytes(8, "big")
    assert blocks[length] == 0x80


@pytest.mark.parametrize("messages", [0, 1, 8, 9])
def test_only_so_many_messages_are_hashed(messages):
    blocks = np.zeros(10 * BLOCK_BYTES, np.uint8)
    for block in range(10):
        pad(blocks, block * BLOCK_BYTES, block)
    keys = np.zeros(10, np.uint64)
    hash_messages(blocks, np.arange(11), messages, np.arange(10), keys)
    assert keys.tolist() == [key_in_python(bytes(size)) if size < messages else 0 for size in range(10)]


@pytest.mark.parametrize("lengths", [[5000] + [1] * 100, [1] * 100 + [5000], [700] * 8 + [0] * 9, [64, 0] * 20])
def test_a_long_message_among_short_ones_keeps_its_own_words(lengths):
    messages = [bytes([index]) * length for index, length in enumerate(lengths)]
    assert keys_of(messages) == [key_in_python(message) for message in messages]
