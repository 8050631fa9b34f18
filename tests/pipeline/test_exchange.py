"""Blocks arrive as they were sent, by file or through the engine."""

import pytest

from pipeline.exchange import FileCarrier, ShuffleCarrier
from pipeline.storage import Folder

BLOCKS = [(3, b"abc"), (1, b""), (3, bytes(1000))]


@pytest.fixture(params=["file", "shuffle"])
def carrier(request, tmp_path):
    return FileCarrier(Folder(str(tmp_path))) if request.param == "file" else ShuffleCarrier()


def test_blocks_arrive_under_their_keys(carrier):
    parcels = list(carrier.pack("a/b", BLOCKS))
    assert [key for key, _ in parcels] == [3, 1, 3]
    assert list(carrier.unpack(parcel for _, parcel in parcels)) == [block for _, block in BLOCKS]


def test_no_blocks_give_no_parcels(carrier):
    assert list(carrier.pack("a", [])) == []


def test_only_addresses_cross_the_embedded_engine(tmp_path):
    parcels = list(FileCarrier(Folder(str(tmp_path))).pack("a", [(0, bytes(1 << 20))]))
    assert len(parcels[0][1]) < 50


def test_sending_again_replaces_what_was_sent(tmp_path):
    carrier = FileCarrier(Folder(str(tmp_path)))
    list(carrier.pack("a", [(0, b"old")]))
    parcels = list(carrier.pack("a", [(0, b"new")]))
    assert list(carrier.unpack([parcels[0][1]])) == [b"new"]
