"""The table gives back what was put into it, whatever its size, and never more than it may hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.segments import (
    COUNT,
    LIMIT,
    MAX_SEGMENT_BYTES,
    append,
    empty_segments,
    find,
    find_all,
    insert,
    load_word,
    make_room,
)

SEGMENTS = st.sets(st.binary(min_size=1, max_size=MAX_SEGMENT_BYTES) | st.binary(min_size=1, max_size=3), max_size=40)


def padded(*segments):
    """The segments one behind another, with room to read on, and where each ends."""
    return np.frombuffer(b"".join(segments) + bytes(32), np.uint8), np.cumsum([len(part) for part in segments])


def ids_of(segment):
    return np.array([*segment, len(segment)], np.int32)[-30:]


def put(table, segment):
    ids = ids_of(segment)
    return insert(table, padded(segment)[0], 0, len(segment), ids, len(ids), float(len(segment)))


def got(table, segment):
    """The ids, or None where the table has none."""
    slot = find(table.words, table.arena, padded(segment)[0], 0, len(segment))
    ids = np.zeros(40, np.int32)
    return ids[3 : 3 + append(table, slot, ids, 3)].tolist() if slot >= 0 else None


@given(SEGMENTS, SEGMENTS)
def test_what_was_put_in_is_found_and_nothing_else(inside, others):
    table = empty_segments(slots=64, arena_bytes=1 << 16)
    for segment in sorted(inside):
        put(table, segment)
    for segment in sorted(inside | others):
        assert got(table, segment) == (ids_of(segment).tolist() if segment in inside else None)


@given(st.lists(st.binary(min_size=1, max_size=70), min_size=1, max_size=30), st.data())
def test_all_are_found_at_once_as_one_by_one(segments, data):
    table = empty_segments(slots=64, arena_bytes=1 << 16)
    known = {part for part in segments if len(part) <= MAX_SEGMENT_BYTES and data.draw(st.booleans())}
    places = {part: put(table, part) for part in sorted(known)}
    text, cuts = padded(*segments)
    slots = np.zeros(len(segments), np.int64)
    found = find_all(table.words, table.arena, text, 0, cuts, len(cuts), slots)
    assert found == sum(part in known for part in segments)
    assert [slot if slot >= 0 else None for slot in slots.tolist()] == [places.get(part) for part in segments]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 17, 22, 23, 24, 25, 63, 64])
def test_segments_that_differ_in_their_last_byte_or_their_length_differ(size):
    table = empty_segments(slots=64, arena_bytes=1 << 12)
    put(table, b"a" * size)
    assert got(table, b"a" * size) == ids_of(b"a" * size).tolist()
    assert got(table, b"a" * (size - 1) + b"b") is None
    assert got(table, b"a" * (size + 1)) is None
    assert got(table, b"a" * size + b"\0") is None


@pytest.mark.parametrize("count", [1, 4, 5, 8, 9, 192])
def test_an_entry_keeps_any_number_of_ids_and_its_limit(count):
    table = empty_segments(slots=64, arena_bytes=1 << 12)
    text, ids = padded(b"abc")[0], np.arange(count, dtype=np.int32)
    slot = insert(table, text, 0, 3, ids, count, 2.5)
    out = np.zeros(count, np.int32)
    assert (append(table, slot, out, 0), out.tolist()) == (count, ids.tolist())
    assert (table.numbers[slot, COUNT], table.limits[slot, LIMIT]) == (count, 2.5)


def test_a_table_without_room_is_emptied_and_one_with_room_is_not():
    table = empty_segments(slots=16, arena_bytes=1 << 16)
    for number in range(10):
        put(table, b"%d" % number)
    make_room(table, 2)
    assert got(table, b"3") is not None
    make_room(table, 3)
    assert [got(table, b"%d" % number) for number in range(10)] == [None] * 10
    assert table.used.tolist() == [0, 0]


def test_an_arena_without_room_empties_the_table():
    table = empty_segments(slots=64, arena_bytes=2000)
    put(table, b"a" * 40)
    make_room(table, 2)
    assert got(table, b"a" * 40) is not None
    make_room(table, 3)
    assert got(table, b"a" * 40) is None


def test_each_entry_lies_in_one_cache_line():
    assert empty_segments(slots=16).words.ctypes.data % 64 == 0


def test_a_word_is_eight_bytes_the_first_one_lowest():
    assert load_word(np.arange(20, dtype=np.uint8), 3) == int.from_bytes(bytes(range(3, 11)), "little")
