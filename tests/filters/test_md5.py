"""Eight messages side by side have the digests that hashlib gives them."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.lanes import LANES
from filters.md5 import MAX_BYTES, WORDS, last_halves, write_message


def rooms():
    """Room for a message a lane with its length, for their digests, and for the halves of these."""
    return np.zeros((WORDS + 1, LANES), np.uint32), np.empty((2, LANES), np.uint32), np.empty(LANES, np.uint64)


def halves(texts):
    messages, digests, found = (
        np.zeros((WORDS + 1, LANES), np.uint32),
        np.empty((2, LANES), np.uint32),
        np.empty(LANES, np.uint64),
    )
    for lane, text in enumerate(texts):
        write_message(messages, lane, np.frombuffer(text or b"\0", np.uint8).copy(), 0, len(text))
    last_halves(messages, digests, found)
    return found[: len(texts)].tolist()


def by_hashlib(text):
    return int.from_bytes(hashlib.md5(text).digest()[-8:], "big")


@pytest.mark.parametrize("length", range(MAX_BYTES + 1))
def test_a_message_of_each_length_is_hashed(length):
    text = bytes(range(200, 200 + length))
    assert halves([text]) == [by_hashlib(text)]


@given(st.lists(st.binary(max_size=MAX_BYTES), min_size=1, max_size=LANES))
def test_messages_side_by_side_are_hashed_each_by_itself(texts):
    assert halves(texts) == [by_hashlib(text) for text in texts]


def test_the_longest_message_fills_its_words_with_the_bit_that_follows_it():
    assert MAX_BYTES + 1 == 4 * WORDS


def test_a_lane_forgets_its_last_message():
    messages, digests, found = (
        np.zeros((WORDS + 1, LANES), np.uint32),
        np.empty((2, LANES), np.uint32),
        np.empty(LANES, np.uint64),
    )
    for text in (b"x" * MAX_BYTES, b"ab"):
        write_message(messages, 3, np.frombuffer(text, np.uint8).copy(), 0, len(text))
    last_halves(messages, digests, found)
    assert found[3] == by_hashlib(b"ab")


def test_a_message_may_lie_anywhere_in_its_buffer():
    messages, digests, found = (
        np.zeros((WORDS + 1, LANES), np.uint32),
        np.empty((2, LANES), np.uint32),
        np.empty(LANES, np.uint64),
    )
    write_message(messages, 0, np.frombuffer(b"one two three", np.uint8).copy(), 4, 7)
    last_halves(messages, digests, found)
    assert found[0] == by_hashlib(b"two")
