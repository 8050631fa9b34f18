"""Near-duplicates are measured on one, four and sixteen units, each in a process of its own."""

import dataclasses

import pytest

from benchmarks import near_growth
from benchmarks.near_growth import going, near_runs, timed_rounds, unit_name, write_units
from pipeline.storage import Folder, read_batches

TEXTS = [" ".join(f"w{text}-{word}" for word in range(40)) for text in range(30)]


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(
        near_growth, "near_runs", lambda inputs: ({1: 4.0, 4: 3.0, 16: 2.0}, {1: 300.0, 4: 330.0, 16: 400.0})
    )


def test_growth_sets_sixteen_units_beside_one(measured, inputs):
    figures = near_growth.growth_near(inputs)
    assert (figures.ours, figures.reference, figures.ratio, figures.unit) == (2.0, 4.0, 0.5, "MB/s")
    assert "on four 3 MB/s" in figures.reference_is


def test_growth_of_memory_is_better_when_less(measured, inputs):
    figures = near_growth.growth_near_memory(inputs)
    assert (figures.ours, figures.reference, figures.ratio, figures.unit) == (400.0, 300.0, 0.75, "MB")
    assert "on four 330 MB" in figures.reference_is


def test_every_size_is_measured_in_turns_and_the_median_taken(inputs, monkeypatch, tmp_path):
    sizes = []

    def run(folder, size):
        sizes.append(size)
        return float(len(sizes)), 1e6 * size

    monkeypatch.setattr(near_growth, "_in_own_process", run)
    few = dataclasses.replace(inputs, work=tmp_path, fraction=0.001)
    speeds, peaks = near_runs(few)
    assert sizes == [1, 4, 16] * 3
    assert peaks == {1: 1.0, 4: 4.0, 16: 16.0}
    assert speeds[4] == pytest.approx(near_growth._bytes(few, 4) / 1e6 / 5.0)


@pytest.mark.parametrize("units", [1, 2])
def test_the_texts_that_are_there_again_go_and_units_have_nothing_in_common(tmp_path, units):
    folder = Folder(str(tmp_path))
    write_units(folder, TEXTS, 2)
    assert sum(batch.num_rows for batch in read_batches(folder, unit_name(0))) == 33
    assert going(folder, units) == 3 * units


def test_a_run_has_a_process_of_its_own(tmp_path):
    write_units(Folder(str(tmp_path)), TEXTS, 1)
    seconds, peak = near_growth._in_own_process(tmp_path, 1)
    assert seconds > 0
    assert peak > 50e6
    assert timed_rounds(Folder(str(tmp_path)), 1)["gone"] == 3
