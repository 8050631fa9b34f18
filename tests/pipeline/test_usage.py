"""What pieces take is written down by whoever does them, and read back once for each."""

import subprocess
import sys
import time

import pytest

from pipeline.storage import Folder
from pipeline.usage import APPLY, UNIT, measured, read_usage


@pytest.fixture
def output(tmp_path):
    return Folder(str(tmp_path))


def spend(seconds):
    """Take so long by the processor's clock and by the wall's, which do not tick as one."""
    clocks = time.process_time, time.monotonic
    ends = [clock() + seconds for clock in clocks]
    while any(clock() < end for clock, end in zip(clocks, ends, strict=True)):
        pass


def test_a_piece_is_written_down_with_its_time_memory_and_bytes(output):
    with measured(output, UNIT, "clean", "c4", "file") as sent:
        spend(0.05)
        sent += [3, 4]
    (piece,) = read_usage(output)
    assert piece.key == (UNIT, "clean", "c4", "file")
    assert 0.05 <= piece.cpu_seconds < 5
    assert piece.seconds >= 0.05
    assert (piece.sent_bytes, piece.peak_bytes > 10 << 20) == (7, True)


def test_a_piece_within_another_is_not_counted_twice(output):
    with measured(output, APPLY, "dedup", "c4", "file"), measured(output, UNIT, "tokenize", "c4", "file"):
        spend(0.1)
    outer, inner = read_usage(output)
    assert inner.cpu_seconds >= 0.1
    assert outer.cpu_seconds < 0.09


def test_the_peak_of_a_piece_is_not_that_of_one_before_it_but_holds_what_is_within_it(output):
    with measured(output, APPLY, "a"):
        with measured(output, UNIT, "large"):
            block = bytearray(b"x") * (64 << 20)
        del block
    with measured(output, UNIT, "small"):
        pass
    peaks = {piece.stage: piece.peak_bytes for piece in read_usage(output)}
    assert peaks["large"] > peaks["small"] + (32 << 20)
    assert peaks["a"] >= peaks["large"]


def test_programs_that_a_piece_runs_count_as_its_own(output):
    with measured(output, UNIT, "fit"):
        loop = "import time\nwhile time.process_time() < 0.2: pass"
        subprocess.run([sys.executable, "-c", loop], check=True)
    assert read_usage(output)[0].cpu_seconds >= 0.2


def test_a_piece_that_fails_is_not_written_and_one_done_again_takes_the_place_of_the_first(output):
    with pytest.raises(ValueError, match="no"), measured(output, UNIT, "clean"):
        raise ValueError("no")
    assert read_usage(output) == []
    for size in (1, 2):
        with measured(output, UNIT, "clean") as sent:
            sent.append(size)
    assert [piece.sent_bytes for piece in read_usage(output)] == [2]


def test_a_line_that_was_cut_off_is_passed_over(output):
    with measured(output, UNIT, "clean"):
        pass
    (name,) = output.list("logs/usage")
    with output.local_path(f"logs/usage/{name}").open("a") as stream:
        stream.write('{"part": "unit", "sta')
    assert len(read_usage(output)) == 1


def test_on_an_object_store_each_piece_is_a_file():
    store = Folder("memory://usage-test")
    for unit in "ab":
        with measured(store, UNIT, "clean", "c4", unit):
            pass
    assert [piece.unit for piece in read_usage(store)] == ["a", "b"]
    store.delete("")
