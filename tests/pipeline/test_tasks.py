"""What the engine does to a piece, without an engine."""

from pathlib import Path

import pytest
import work_of_letters as letters

from pipeline.errors import FatalError, PieceError
from pipeline.exchange import FileCarrier, ShuffleCarrier
from pipeline.tasks import Do, Judge, Receive, Send, named


@pytest.fixture
def grouped(tmp_path):
    return letters.Grouped(str(tmp_path))


def test_a_piece_is_done(tmp_path):
    assert list(Do(letters.Letters(str(tmp_path), 2))(1, ())) == []
    assert Path(tmp_path, "1").exists()


def test_the_steps_of_a_group_find_what_the_one_before_sent(grouped, tmp_path):
    carrier = FileCarrier(tmp_path / "blocks")
    sketched = {key for piece in range(3) for key, _ in Send(grouped, carrier)(piece, ())}
    assert sketched == {0, 1, -3}
    assert [list(Judge(grouped, carrier, 0)(key, ())) for key in (0, 1)] == [[(5, b"")], [(5, b"")]]
    assert list(Judge(grouped, carrier, 1)(5, ())) == [(0, b"")]
    assert [list(Receive(grouped, carrier)(piece, ())) for piece in (0, 2)] == [[], []]
    assert Path(tmp_path, "grouped-0").read_bytes() == b"\0\1\2\0\1\2"
    assert Path(tmp_path, "grouped-2").read_bytes() == b"\x0a|\x0b|\x0c"


def test_on_a_cluster_parcels_hold_the_blocks(grouped):
    carrier = ShuffleCarrier()
    sketched = list(Send(grouped, carrier)(1, ()))
    assert [key for key, _ in sketched] == [0, 1, -3]
    assert list(carrier.unpack((), (parcel for _, parcel in sketched))) == [b"\1", b"\1", b"\x0b"]
    ((key, parcel),) = Judge(grouped, carrier, 0)(0, (parcel for _, parcel in sketched))
    assert (key, *carrier.unpack((), [parcel])) == (5, b"\1\1\x0b")


def test_pieces_have_names_and_sizes(grouped):
    carrier = ShuffleCarrier()
    assert Do(letters.Letters("", 3)).sizes() == {0: 1, 1: 2, 2: 3}
    assert Send(grouped, carrier).name(1) == "grouped: letter 1"
    assert Judge(grouped, carrier, 0).name(1) == "grouped: partition 1 of round 1"
    assert Receive(grouped, carrier).name(1) == "grouped: piece 1"
    assert Receive(grouped, carrier).sizes() == {0: 0, 1: 1, 2: 2, 3: 3}


def test_what_nobody_foresaw_names_the_piece():
    work = letters.Letters("/nowhere", 2)
    with pytest.raises(PieceError, match=r"^letter 0: no such file \(/nowhere/0\)"):
        list(named(Do(work), 0, ()))


def test_what_the_run_cannot_go_on_with_stays_as_it_is():
    with pytest.raises(FatalError, match=r"^piece 1 cannot be done$"):
        list(named(Do(letters.Letters("", 2, failing=1)), 1, ()))
