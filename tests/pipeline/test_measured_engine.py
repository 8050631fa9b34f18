"""Groups of work are measured piece by piece, and the engine as a whole."""

from dataclasses import dataclass

import pytest

from pipeline.engine import Engine
from pipeline.measured_engine import MeasuredEngine, MeasuredGroup
from pipeline.storage import Folder
from pipeline.usage import read_usage


@dataclass(frozen=True)
class Letters:
    label: str = "letters"

    def senders(self):
        return [(0, 10), (1, 20)]

    def receivers(self):
        return [0, 1]

    def name(self, index):
        return "ab"[index]

    def weight(self, index):
        return index

    def rounds(self):
        return 1

    def send(self, index):
        yield 5, b"x" * (index + 1)

    def judge(self, round_index, partition, blocks):
        yield 0, b"".join(blocks)

    def receive(self, index, blocks):
        assert list(blocks) == [b"xxx"]


@pytest.fixture
def output(tmp_path):
    return Folder(str(tmp_path))


def test_each_part_of_a_group_is_written_down_with_the_bytes_that_it_sends(output):
    work = MeasuredGroup(Letters(), output)
    sent = [block for index, _ in work.senders() for block in work.send(index)]
    assert sent == [(5, b"x"), (5, b"xx")]
    assert list(work.judge(0, 5, iter(block for _, block in sent))) == [(0, b"xxx")]
    work.receive(1, iter([b"xxx"]))
    found = [(piece.part, piece.stage, piece.unit, piece.sent_bytes) for piece in read_usage(output)]
    assert found == [
        *(("apply", "letters", "1", 0), ("judge", "letters", "0/5", 3)),
        *(("sketch", "letters", "a", 1), ("sketch", "letters", "b", 2)),
    ]


def test_all_else_is_as_the_work_has_it(output):
    work, measured = Letters(), MeasuredGroup(Letters(), output)
    for told in ("label",):
        assert getattr(measured, told) == getattr(work, told)
    assert (measured.receivers(), measured.rounds(), measured.weight(1)) == ([0, 1], 1, 1)
    assert measured.name(1) == "b"


def test_an_engine_writes_how_long_it_was_at_work_and_with_how_many_workers(output, monkeypatch):
    given = []
    monkeypatch.setattr(Engine, "run_exchanges", lambda self, works: given.extend(works))
    MeasuredEngine(workers=3, output=output).run_exchanges([Letters()])
    assert [type(work) for work in given] == [MeasuredGroup]
    (wall,) = read_usage(output)
    assert (wall.part, wall.stage, wall.unit) == ("wall", "letters", "3")
