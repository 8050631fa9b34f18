import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from saved_checkpoints import FILE, RUN, loaded, newest, save, some, steps
from saved_models import same_tensors

from tokenmill.version import installed_version
from trainer import checkpoint
from trainer.checkpoint import (
    Checkpoints,
    checkpoint_folders,
    load_checkpoint,
    read_checkpoint,
)
from trainer.errors import DamagedCheckpointError, TrainingError
from trainer.parallel import World
from trainer.state import draw_weights, new_state
from trainer.tensor_files import FILE_BYTES, Converted, HostFile

# What is saved


def test_what_is_loaded_is_what_was_saved(tmp_path):
    save(tmp_path, 7)
    found = newest(tmp_path, [])
    assert (found.step, found.sequences, found.run) == (7, 28, RUN)
    assert same_tensors(loaded(found), some(7))


def test_two_saves_of_one_state_are_the_same_bytes_and_names(tmp_path):
    one, other = save(tmp_path / "a", 5)[0], save(tmp_path / "b", 5)[0]
    assert sorted(path.name for path in one.iterdir()) == [FILE, "state.json"]
    for name in (FILE, "state.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_state_says_all_that_is_not_a_tensor(tmp_path):
    (folder,) = save(tmp_path, 5)
    state = json.loads((folder / "state.json").read_text())
    assert list(state) == sorted(state) == ["format", "run", "sequences", "sha256", "step", "tokenmill", "world_size"]
    assert (state["format"], state["step"], state["sequences"], state["world_size"]) == (2, 5, 20, 1)
    assert list(state["sha256"]) == [FILE]
    assert state["tokenmill"] == installed_version()


@pytest.mark.parametrize("wanted", ["weights.norm", "random.cpu"])
def test_some_tensors_can_be_loaded_without_the_others(tmp_path, wanted):
    tensors = {wanted: torch.zeros_like(some(5)[wanted])}
    load_checkpoint(read_checkpoint(save(tmp_path, 5)[0]), tensors)
    assert torch.equal(tensors[wanted], some(5)[wanted])


def test_random_states_of_processes_that_there_were_not_stay_as_they_are(tmp_path):
    save(tmp_path, 7)
    mine = torch.full((4,), 9, dtype=torch.uint8)
    tensors = loaded(newest(tmp_path, []), **{"random.cuda.3": mine})
    assert tensors.pop("random.cuda.3").tolist() == [9, 9, 9, 9]
    assert same_tensors(tensors, some(7))


def test_any_other_missing_tensor_is_an_error(tmp_path):
    save(tmp_path, 7)
    with pytest.raises(DamagedCheckpointError, match=r"it holds no weights\.other"):
        loaded(newest(tmp_path, []), **{"weights.other": torch.zeros(1)})


@pytest.mark.parametrize("saved, asked", [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)])
def test_either_layout_of_weights_loads_what_the_other_saved(tmp_path, tiny, saved, asked):
    alone = World(device=torch.device("cpu"))
    one, other = (new_state(tiny(), 32, alone, dtype=dtype) for dtype in (saved, asked))
    draw_weights(one, tiny(), seed=1)
    with Checkpoints(tmp_path, keep=1, say=lambda line: None) as checkpoints:
        checkpoints.save(1, 4, RUN, one.tensors(alone))
        checkpoints.load(checkpoints.newest_good(lambda sequences: RUN, max_step=1), other.tensors(alone))
    for name in one.weights:
        ours, theirs = (state.tensors(alone)[f"weights.{name}"] for state in (one, other))
        assert torch.equal(*(value.give() if isinstance(value, Converted) else value for value in (ours, theirs)))


# Beside the steps


@pytest.fixture
def gate(monkeypatch) -> Iterator[threading.Event]:
    """Files are written once it is set."""
    opened, write = threading.Event(), HostFile.write
    monkeypatch.setattr(HostFile, "write", lambda self, folder: opened.wait(30) and write(self, folder))
    yield opened
    opened.set()


def test_a_save_returns_before_it_is_written_and_holds_the_state_of_its_call(tmp_path, gate):
    tensors = some(5)
    with Checkpoints(tmp_path, keep=9, say=lambda line: None) as checkpoints:
        checkpoints.save(5, 20, RUN, tensors)
        assert checkpoint_folders(tmp_path) == []
        for tensor in tensors.values():
            tensor.zero_()
        gate.set()
    assert same_tensors(loaded(newest(tmp_path, [])), some(5))


@pytest.mark.parametrize("call", ["wait", "close", "save", "newest_good", "load"])
def test_each_call_waits_for_the_save_before(tmp_path, gate, call):
    (old,) = save_with_open_gate(tmp_path / "other", gate)
    checkpoints = Checkpoints(tmp_path, keep=9, say=lambda line: None)
    checkpoints.save(5, 20, RUN, some(5))
    threading.Timer(0.05, gate.set).start()
    calls: dict[str, Callable[[], object]] = {
        "save": lambda: checkpoints.save(6, 24, RUN, some(6)),
        "newest_good": lambda: checkpoints.newest_good(lambda sequences: RUN, max_step=9),
        "load": lambda: checkpoints.load(read_checkpoint(old), some(1)),
    }
    calls.get(call, getattr(checkpoints, call))()
    assert (tmp_path / "step-00000005").is_dir()
    checkpoints.close()


def save_with_open_gate(folder: Path, gate: threading.Event) -> list[Path]:
    gate.set()
    saved = save(folder, 1)
    gate.clear()
    return saved


def test_the_memory_of_a_save_is_that_of_the_next(tmp_path, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(
        HostFile, "fill", lambda self, tensors, fill=HostFile.fill: made.append(id(self)) or fill(self, tensors)
    )
    save(tmp_path, 1, 2, 3)
    assert len(made) == 3 and len(set(made)) == 1
    assert same_tensors(loaded(newest(tmp_path, [])), some(3))


def test_converted_tensors_are_made_one_by_one_at_the_save(tmp_path):
    made: list[str] = []
    halves = {
        name: Converted(shape=(2,), give=lambda name=name: made.append(name) or torch.ones(2), take=made.append)
        for name in "ab"
    }
    with Checkpoints(tmp_path, keep=1, say=made.append) as checkpoints:
        checkpoints.save(1, 4, RUN, halves)
        assert made == ["a", "b"]
        checkpoints.load(checkpoints.newest_good(lambda sequences: RUN, max_step=1), halves)
    assert [tensor.tolist() for tensor in made[2:]] == [[1, 1], [1, 1]]


# What stays


@pytest.mark.parametrize(
    "keep, every, left",
    [
        (1, 0, [30]),
        (2, 0, [25, 30]),
        (9, 0, [10, 15, 20, 25, 30]),
        (1, 10, [10, 20, 30]),
        (2, 20, [20, 25, 30]),
        (1, 7, [30]),
    ],
)
def test_the_newest_are_kept_and_those_of_every_so_many_steps(tmp_path, keep, every, left):
    save(tmp_path, 10, 15, 20, 25, 30, keep=keep, every=every)
    assert steps(tmp_path) == left
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == []


def test_checkpoints_are_ordered_by_step_and_not_by_spelling(tmp_path):
    save(tmp_path, 99_999_999, 100_000_000, 5)
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-00000005", "step-99999999", "step-100000000"]


def test_a_checkpoint_is_never_written_over(tmp_path):
    save(tmp_path, 5)
    with pytest.raises(TrainingError, match=r"step 5 was not written: .* is there already: does another run write"):
        save(tmp_path, 5)
    assert same_tensors(loaded(newest(tmp_path, [])), some(5))


def test_half_written_checkpoints_are_removed_at_the_next_start_and_whole_ones_stay(tmp_path):
    (folder,) = save(tmp_path, 10)
    shutil.copytree(folder, tmp_path / "step-00000020.tmp")
    assert newest(tmp_path, []).step == 10
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]


def test_files_are_no_larger_than_page_locked_memory_is_dealt_in():
    assert FILE_BYTES & (FILE_BYTES - 1) == 0
    assert checkpoint.FORMAT == 2
