"""The table gives back what was put into it, whatever its size, and never more than it may hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.segments import (
    COUNT,
    LIMIT,
    MAX_SEGMENT_BYTES,
    MOST_IDS,
    MOST_STEPS,
    NO_PLACE,
    append,
    empty_segments,
    find,
    find_all,
    insert,
    load_word,
    make_room,
    segment_key,
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


def mixed_with(state, word):
    """The hash of a long segment after eight more bytes of it."""
    return (state ^ word ^ state >> 32) * 0x9E3779B97F4A7C15 % 2**64


def alike(segment, other):
    """A segment that begins with these eight other bytes and has the hash of the long one."""
    words = [int.from_bytes(part, "little") for part in (segment[:8], segment[8:16], other)]
    states = [mixed_with(len(segment), words[0]), mixed_with(len(segment), words[2])]
    second = words[1] ^ states[0] ^ states[0] >> 32 ^ states[1] ^ states[1] >> 32
    return other + second.to_bytes(8, "little") + segment[16:]


@pytest.mark.parametrize("size", [24, 25, 32, 63, 64])
def test_long_segments_of_one_hash_are_told_apart_by_their_bytes(size):
    segment = bytes(range(size))
    twin = alike(segment, b"another ")
    keys = [segment_key(padded(part)[0], 0, size) for part in (segment, twin)]
    assert keys[0] == keys[1]
    assert segment != twin
    table = empty_segments(slots=16, arena_bytes=1 << 12)
    put(table, segment)
    assert got(table, twin) is None
    put(table, twin)
    assert [got(table, part) for part in (segment, twin)] == [ids_of(segment).tolist(), ids_of(twin).tolist()]


@pytest.mark.parametrize("size", [1, 8, 9, 16, 17, 23])
def test_a_segment_that_differs_in_one_byte_is_another_wherever_the_table_keeps_it(size):
    """Of two slots one is taken, so that half of all segments are looked for where it is."""
    segment = b"s" * size
    table = empty_segments(slots=2, arena_bytes=1 << 12)
    put(table, segment)
    for place in range(size):
        for byte in b"abcdefgh":
            other = segment[:place] + bytes([byte]) + segment[place + 1 :]
            assert got(table, other) is None
    assert got(table, segment) == ids_of(segment).tolist()


@pytest.mark.parametrize("arena_bytes, stays", [(4 * 833, True), (4 * 833 - 4, False)])
def test_there_is_room_for_as_many_of_the_largest_entries_as_fit(arena_bytes, stays):
    """One takes 64 bytes and 192 ids of four bytes, and a byte is left."""
    table = empty_segments(slots=64, arena_bytes=arena_bytes)
    put(table, b"kept")
    make_room(table, 4)
    assert (got(table, b"kept") is not None) == stays


def test_as_many_of_the_largest_entries_as_there_is_room_for_go_in():
    table = empty_segments(slots=64, arena_bytes=5 * 836)
    make_room(table, 5)
    ids, out = np.arange(MOST_IDS * MAX_SEGMENT_BYTES, dtype=np.int32), np.zeros(200, np.int32)
    segments = [bytes([number]) * MAX_SEGMENT_BYTES for number in range(1, 6)]
    slots = [insert(table, padded(part)[0], 0, len(part), ids + part[0], len(ids), 0.0) for part in segments]
    assert table.used[1] <= len(table.arena)
    for part, slot in zip(segments, slots, strict=True):
        assert append(table, slot, out, 0) == len(ids)
        assert np.array_equal(out[: len(ids)], ids + part[0])


@pytest.mark.parametrize("arena_bytes", [1 << 12, 1 << 14])
def test_an_emptied_table_is_filled_again_from_its_beginning(arena_bytes):
    table = empty_segments(slots=16, arena_bytes=arena_bytes)
    for turn in range(20):
        make_room(table, 4)
        parts = [f"{turn}-{number}-".encode() * 5 for number in range(4)]
        for part in parts:
            put(table, part)
        assert [got(table, part) for part in parts] == [ids_of(part).tolist() for part in parts]
        assert table.used[1] <= arena_bytes
    make_room(table, 12)
    assert table.used.tolist() == [0, 0]


def test_of_segments_that_all_want_one_slot_only_those_near_it_are_kept(crowd):
    table = empty_segments(slots=1024, arena_bytes=1 << 16)
    slots = [put(table, segment) for segment in crowd]
    kept = [segment for segment, slot in zip(crowd, slots, strict=True) if slot >= 0]
    assert set(slots) - set(range(8 + MOST_STEPS)) == {NO_PLACE}
    assert table.used[0] == len(kept) >= MOST_STEPS
    assert all(got(table, segment) == (ids_of(segment).tolist() if segment in kept else None) for segment in crowd)
