import dataclasses

import pytest

from benchmarks import engine_memory, growth
from benchmarks.engine_memory import PARENT_GROWTH, WORKER_GROWTH, watched_run
from benchmarks.models import classifier, language_model
from benchmarks.process_watch import PARENT, WORKER, Taken


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("growing", [PARENT_GROWTH, WORKER_GROWTH], ids=["parent", "worker"])
def test_sixteen_times_the_files_take_no_more_memory(inputs, tmp_path, growing, monkeypatch):
    """Of the text that is more, less than half may be held: held, it would be there as bytes, columns and lines."""
    few = dataclasses.replace(inputs, work=tmp_path, fraction=0.5)
    sizes = {size: growing.write(few, size) for size in (1, 16)}
    peaks = {size: growth.in_own_process(few, growing, size)[1] for size in sizes}
    assert peaks[16] - peaks[1] < 0.5 * (sizes[16] - sizes[1])


@pytest.fixture
def ran(monkeypatch):
    """`ran(code)`: the run without its processes."""

    def be(code):
        taken = Taken(code=code, said="why", wall_seconds=3, cpu_seconds=0, peak_mb={PARENT: 200, WORKER: 300})
        monkeypatch.setattr(engine_memory, "watched", lambda *_: taken)

    return be


@pytest.mark.parametrize("role, peak", [(PARENT, 200e6), (WORKER, 300e6)])
def test_the_peak_is_of_the_role_that_is_asked_for(inputs, tmp_path, ran, role, peak):
    ran(0)
    found = watched_run(role, tmp_path, classifier(inputs), *language_model(inputs))
    assert found == {"seconds": 3, "peak_bytes": peak}


def test_a_run_that_fails_has_no_figure(inputs, tmp_path, ran):
    ran(1)
    with pytest.raises(RuntimeError, match="exit code 1: why"):
        watched_run(PARENT, tmp_path, classifier(inputs), *language_model(inputs))


def test_sixteen_times_are_sixteen_times_the_files(inputs, tmp_path):
    few = dataclasses.replace(inputs, work=tmp_path, fraction=0.001)
    once, often = PARENT_GROWTH.write(few, 1), PARENT_GROWTH.write(few, 16)
    assert 16 * once < often < 20 * once
    assert len(list((tmp_path / "engine-memory-16").rglob("*.gz"))) == 96
