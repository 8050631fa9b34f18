import gzip
import json
import re

import pytest
import torch

from trainer.errors import SettingsError
from trainer.profiling import Profiler, check_memory_snapshot, memory_snapshot
from trainer.step_span import StepSpan


def work() -> None:
    (torch.ones(8, 8) @ torch.ones(8, 8)).sum()


def profiled(folder, span, steps, rank=0):
    """What is said while steps are done."""
    said = []
    with Profiler(span, folder, said.append, rank=rank) as profiler:
        for step in steps:
            with profiler.step(step):
                work()
    return said


def traced_steps(path) -> set[int]:
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    return {int(found[1]) for event in events if (found := re.fullmatch(r"step (\d+)", str(event.get("name"))))}


@pytest.mark.parametrize("steps, name", [(range(1, 6), "2-3"), (range(3, 6), "3-3"), (range(1, 3), "2-2")])
def test_the_steps_of_the_span_that_are_done_are_traced_and_no_others(tmp_path, steps, name):
    said = profiled(tmp_path / "new", StepSpan(2, 3), steps)
    assert said == [f"profile: {tmp_path}/new/trace-{name}.json.gz, kernels-{name}.txt"]
    assert traced_steps(tmp_path / f"new/trace-{name}.json.gz") == {2, 3} & set(steps)
    assert "aten::mm" in (tmp_path / f"new/kernels-{name}.txt").read_text()


def test_each_process_writes_a_trace_of_its_own(tmp_path):
    profiled(tmp_path, StepSpan(1, 1), [1], rank=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kernels-1-1-rank3.txt", "trace-1-1-rank3.json.gz"]


def test_a_span_behind_which_the_run_begins_is_said(tmp_path):
    assert profiled(tmp_path / "new", StepSpan(2, 3), [4, 5]) == ["--profile 2:3: no such step was done in this start"]
    assert not (tmp_path / "new").exists()


def test_no_span_records_nothing(tmp_path):
    assert profiled(tmp_path / "new", None, [1, 2]) == []
    assert not (tmp_path / "new").exists()


def test_what_a_step_raises_goes_on_and_the_trace_up_to_there_is_kept(tmp_path):
    said = []
    whole = Profiler(StepSpan(1, 9), tmp_path, said.append)
    with pytest.raises(RuntimeError, match="broken"), whole as profiler, profiler.step(1):
        work()
        raise RuntimeError("broken")
    assert traced_steps(tmp_path / "trace-1-1.json.gz") == {1}


def test_a_memory_snapshot_without_a_gpu_is_refused_in_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"--memory-snapshot .*snap: needs a GPU, the run is on cpu"):
        check_memory_snapshot(tmp_path / "snap", torch.device("cpu"))
    check_memory_snapshot(None, torch.device("cpu"))
    check_memory_snapshot(tmp_path / "snap", torch.device("cuda"))


def test_the_snapshot_is_written_however_the_run_ends(tmp_path, monkeypatch):
    did = []
    memory = torch.cuda.memory
    monkeypatch.setattr(memory, "_record_memory_history", lambda *_, **about: did.append(about))
    monkeypatch.setattr(memory, "_dump_snapshot", did.append)
    with pytest.raises(torch.OutOfMemoryError), memory_snapshot(tmp_path / "new/snap", did.append):
        raise torch.OutOfMemoryError
    path = str(tmp_path / "new/snap")
    assert did == [{"max_entries": 200_000}, path, {"enabled": None}, f"memory snapshot: {path}"]
    with memory_snapshot(None, pytest.fail):
        assert len(did) == 4
