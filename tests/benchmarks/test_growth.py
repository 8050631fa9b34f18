import dataclasses

import pytest

from benchmarks import growth
from benchmarks.growth import CHAIN
from benchmarks.models import classifier, language_model
from benchmarks.web_chain import WET, write_wet

MEASURED = ({1: 4.0, 4: 3.0, 16: 2.0}, {1: 300.0, 4: 330.0, 16: 400.0}, {1: 10, 4: 40, 16: 160})


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(growth, "grown", lambda inputs, growing: MEASURED)


def test_growth_sets_sixteen_times_the_text_beside_the_text(measured, inputs):
    figures = CHAIN.speed(inputs)
    assert (figures.ours, figures.reference, figures.ratio, figures.input_bytes) == (2.0, 4.0, 0.5, 160)
    assert figures.reference_is == "the same stages on a sixteenth of it; on a quarter 3 MB/s"


def test_growth_of_memory_is_better_when_less(measured, inputs):
    figures = CHAIN.memory(inputs)
    assert (figures.ours, figures.reference, figures.ratio, figures.unit) == (400.0, 300.0, 0.75, "MB")
    assert "on a quarter 330 MB" in figures.reference_is


def test_every_size_is_measured_in_turns_and_the_median_taken(inputs, monkeypatch, tmp_path):
    sizes = []

    def run(inputs, growing, size):
        sizes.append(size)
        return float(len(sizes)), 1e6 * size

    monkeypatch.setattr(growth, "in_own_process", run)
    speeds, peaks, found = growth.grown(dataclasses.replace(inputs, work=tmp_path, fraction=0.001), CHAIN)
    assert sizes == [1, 4, 16] * 3
    assert peaks == {1: 1.0, 4: 4.0, 16: 16.0}
    assert speeds[4] == found[4] / 1e6 / 5.0
    assert 16 * found[1] < found[16] < 20 * found[1]


def test_a_run_has_a_process_of_its_own(inputs, tmp_path):
    few = dataclasses.replace(inputs, work=tmp_path)
    for name in ("growth-1", "growth-warm-up"):
        write_wet(tmp_path / name / WET, few.pages(1)[:3])
    seconds, peak = growth.in_own_process(few, CHAIN, 1)
    assert seconds > 0
    assert peak > 50e6


def test_the_run_goes_through_the_stages(inputs, tmp_path):
    for name in ("a", "warm-up"):
        write_wet(tmp_path / name / WET, inputs.pages(1)[:3])
    found = growth.timed_run(tmp_path / "a", tmp_path / "warm-up", classifier(inputs), *language_model(inputs))
    assert found.keys() == {"seconds", "peak_bytes"}
    assert (tmp_path / "a/out/documents/language").is_dir()


def test_the_peak_of_memory_does_not_fall():
    before = growth.peak_bytes()
    held = bytearray(32 << 20)
    assert growth.peak_bytes() >= before
    del held
