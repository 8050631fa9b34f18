"""Blocks come out of the shuffle as they went in."""

import numpy as np
import pytest

from pipeline.rounds import by_unit, pack, unpack


@pytest.mark.parametrize("unit", [0, 1, 255, 256, 64_000, 2**63])
def test_a_block_carries_its_kind_its_unit_and_its_rows(unit):
    rows = np.array([[1, 2], [3, 4]], "<u8")
    kind, found, body = unpack(pack(b"C", unit, rows))
    assert (kind, found, np.frombuffer(body, "<u8").tolist()) == (b"C", unit, [1, 2, 3, 4])


def test_a_block_of_no_rows_is_a_block():
    assert unpack(pack(b"p", 7, np.empty(0, "<u8"))) == (b"p", 7, b"")


def test_rows_keep_their_order_within_their_unit():
    units, rows = np.array([5, 2, 5, 2, 9]), np.array(["a", "b", "c", "d", "e"])
    assert [(unit, own.tolist()) for unit, own in by_unit(units, rows)] == [
        (2, ["b", "d"]),
        (5, ["a", "c"]),
        (9, ["e"]),
    ]


def test_no_rows_are_no_unit_s():
    assert list(by_unit(np.empty(0, np.uint64), np.empty((0, 3), np.uint64))) == []


def test_units_lie_in_order_whatever_their_number():
    units = np.random.default_rng(0).integers(0, 50, 1000).astype(np.uint64)
    found = list(by_unit(units, np.arange(1000)))
    assert [unit for unit, _ in found] == sorted(set(units.tolist()))
    assert all(np.array_equal(own, np.flatnonzero(units == unit)) for unit, own in found)
