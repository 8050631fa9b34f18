"""Blocks arrive as they were sent, by file or through the engine."""

import errno

import pytest

from pipeline.exchange import PARCEL_BYTES, FileCarrier, ShuffleCarrier, straight_to

BLOCKS = [(3, b"abc"), (1, b""), (3, bytes(1000)), (-2, b"x")]


@pytest.fixture(params=["file", "shuffle"])
def carried(request, tmp_path):
    """`carried(key, *blocks)`: what of the blocks of some calls of a step reaches a key."""
    carrier = FileCarrier(tmp_path) if request.param == "file" else ShuffleCarrier()

    def carry(key, *calls):
        parcels = [parcel for number, blocks in enumerate(calls) for parcel in carrier.pack("s", str(number), blocks)]
        return list(carrier.unpack([("s", key)], (parcel for to, parcel in parcels if to == key)))

    return carry


@pytest.mark.parametrize("key, arrived", [(3, [b"abc", bytes(1000)]), (-2, [b"x"]), (7, [])])
def test_blocks_arrive_under_their_keys(carried, key, arrived):
    assert carried(key, BLOCKS) == arrived


def test_blocks_of_all_calls_arrive(carried):
    assert carried(3, BLOCKS, [], [(3, b"more")]) == [b"abc", bytes(1000), b"more"]


def test_only_keys_cross_the_embedded_engine(tmp_path):
    parcels = list(FileCarrier(tmp_path).pack("a", "b", [(4, bytes(1 << 20)), (0, b"x"), (4, b"y")]))
    assert parcels == [(0, b""), (4, b"")]


def test_large_blocks_cross_other_engines_in_pieces_that_may_come_in_any_order():
    blocks = [bytes([number]) * (2 * PARCEL_BYTES + number) for number in range(2)]
    parcels = [parcel for _, parcel in ShuffleCarrier().pack("a", "b", [(0, block) for block in blocks])]
    assert len(parcels) == 5
    assert max(map(len, parcels)) < PARCEL_BYTES + 100
    assert sorted(ShuffleCarrier().unpack([("a", 0)], [b"", *reversed(parcels)])) == blocks


def test_pieces_of_blocks_of_different_calls_do_not_mix():
    carrier, block = ShuffleCarrier(), bytes(PARCEL_BYTES + 1)
    calls = [[parcel for _, parcel in carrier.pack("a", name, [(0, block)])] for name in "bc"]
    assert list(carrier.unpack([("a", 0)], [calls[0][0], calls[1][1], calls[1][0], calls[0][1]])) == [block, block]


def test_sending_again_replaces_what_was_sent(tmp_path):
    carrier = FileCarrier(tmp_path)
    for block in (b"old", b"new"):
        list(carrier.pack("a", "b", [(0, block)]))
    assert list(carrier.unpack([("a", 0)], ())) == [b"new"]


def test_what_was_broken_off_is_not_read(tmp_path):
    def broken():
        yield 0, b"half"
        raise ValueError

    carrier = FileCarrier(tmp_path)
    with pytest.raises(ValueError):
        list(carrier.pack("a", "b", broken()))
    assert list(carrier.unpack([("a", 0)], ())) == []


def test_calls_are_read_in_the_order_of_their_numbers(tmp_path):
    carrier = FileCarrier(tmp_path)
    for name in ("10", "9", "100"):
        list(carrier.pack("a", name, [(0, name.encode())]))
    assert list(carrier.unpack([("a", 0)], ())) == [b"9", b"10", b"100"]


def test_blocks_of_several_steps_meet(tmp_path):
    carrier = FileCarrier(tmp_path)
    list(carrier.pack("judge", "0", [(2, b"verdict")]))
    list(carrier.pack("sketch", "0", [(straight_to(2), b"mail")]))
    assert list(carrier.unpack([("judge", 2), ("sketch", straight_to(2))], ())) == [b"verdict", b"mail"]


def test_straight_to_is_a_key_that_no_partition_has():
    assert [straight_to(piece) for piece in (0, 5)] == [-1, -6]
    assert straight_to(straight_to(5)) == 5


def test_blocks_that_find_no_room_name_their_file(tmp_path):
    def blocks():
        yield 1, b"block"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/step/name'"):
        list(FileCarrier(tmp_path).pack("step", "name", blocks()))
