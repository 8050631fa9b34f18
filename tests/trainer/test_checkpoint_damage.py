"""A checkpoint that was damaged, or that could not be written, costs itself and never the one before."""

import json
import pickle
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from saved_checkpoints import FILE, RUN, loaded, newest, save, some, steps
from saved_models import same_tensors

from trainer.checkpoint import (
    Checkpoints,
    check_files,
    read_checkpoint,
)
from trainer.errors import DamagedCheckpointError, TrainingError
from trainer.tensor_files import Converted

# What goes wrong while it is written


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk, writing fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# No room for the first byte, for the header, for the numbers, and for `state.json` behind them.
@pytest.mark.parametrize("size", [0, 100, 700, 1500])
def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(tmp_path, size):
    said: list[str] = []
    save(tmp_path, 5)
    checkpoints = Checkpoints(tmp_path, keep=1, say=said.append)
    with files_of_at_most(size):
        checkpoints.save(10, 40, RUN | {"long": "x" * 2000}, {"weights.norm": torch.zeros(250)})
        with pytest.raises(TrainingError) as raised:
            checkpoints.wait()
    assert said == [str(raised.value)] == ["the checkpoint of step 10 was not written: [Errno 27] File too large"]
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]
    checkpoints.save(11, 44, RUN, some(11))
    checkpoints.close()
    assert newest(tmp_path, []).step == 11


@pytest.mark.parametrize("call", ["save", "newest_good", "close"])
def test_an_error_of_the_background_is_raised_by_the_next_call(tmp_path, call):
    checkpoints = Checkpoints(tmp_path, keep=1, say=lambda line: None)
    arguments = {"save": (2, 8, RUN, some(2)), "newest_good": (lambda sequences: RUN,), "close": ()}[call]
    with files_of_at_most(0), pytest.raises(TrainingError, match="step 1 was not written"):
        checkpoints.save(1, 4, RUN, some(1))
        getattr(checkpoints, call)(*arguments, **{"max_step": 9} if call == "newest_good" else {})
    checkpoints.close()


def test_an_error_of_the_background_does_not_hide_what_ended_the_run(tmp_path):
    said: list[str] = []
    checkpoints = Checkpoints(tmp_path, keep=1, say=said.append)
    with files_of_at_most(0), pytest.raises(KeyboardInterrupt), checkpoints:
        checkpoints.save(1, 4, RUN, some(1))
        raise KeyboardInterrupt
    assert len(said) == 1 and "step 1 was not written" in said[0]


def test_a_state_that_cannot_be_copied_is_one_line(tmp_path):
    broken = Converted(shape=(2,), give=lambda: torch.ones(3), take=lambda tensor: None)
    checkpoints = Checkpoints(tmp_path, keep=1, say=lambda line: None)
    with pytest.raises(TrainingError, match=r"the checkpoint of step 1 was not written: .* must match"):
        checkpoints.save(1, 4, RUN, {"weights.a": broken})


# What is found


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / FILE).read_bytes())
    data[-1] ^= 1
    (folder / FILE).write_bytes(data)


def edit_state(**change: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps(state | change))

    return edit


class Bomb:
    """Would do something when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was loaded",))


DAMAGES = [
    (flip_a_byte, f"{FILE} is not what was written"),
    (lambda folder: (folder / FILE).write_bytes(b""), f"{FILE}: SafetensorError"),
    (lambda folder: (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-1]), f"{FILE}: SafetensorError"),
    (lambda folder: (folder / FILE).write_bytes(pickle.dumps(Bomb())), f"{FILE}: SafetensorError"),
    (lambda folder: (folder / FILE).unlink(), "FileNotFoundError"),
    (lambda folder: shutil.copy(folder.with_name("step-00000010") / FILE, folder), "is not what was written"),
    (lambda folder: (folder / "state.json").unlink(), "state.json"),
    (lambda folder: (folder / "state.json").write_text("{"), "state.json"),
    (lambda folder: (folder / "state.json").write_bytes(b"\xff\xfe"), "state.json"),
    (lambda folder: (folder / "state.json").write_bytes(pickle.dumps(Bomb())), "state.json"),
    (lambda folder: (folder / "state.json").write_text("[" * 100_000), "state.json"),
    (lambda folder: (folder / "state.json").write_text("[]"), "lacks"),
    (edit_state(step="20"), "lacks"),
    (edit_state(step=True), "lacks"),
    (edit_state(step=-20), "state.json counts below zero"),
    (edit_state(sequences=-1), "state.json counts below zero"),
    (edit_state(step=21), "state.json is of step 21"),
    (edit_state(world_size=None), "lacks"),
    (edit_state(sha256={}), "names no files"),
    (edit_state(sha256={f"../step-00000010/{FILE}": ""}), "names no files, or other files"),
    (edit_state(sha256={"state.json": ""}), "names no files, or other files"),
    (edit_state(sha256={FILE: None}), "is not what was written"),
    (edit_state(sha256={FILE: "", "rank-00001-part-000.safetensors": ""}), "FileNotFoundError"),
]


@pytest.mark.parametrize("damage, reason", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(tmp_path, damage, reason):
    damage(save(tmp_path, 10, 20)[1])
    said: list[str] = []
    assert same_tensors(loaded(newest(tmp_path, said)), some(10))
    assert len(said) == 1 and said[0].startswith("step-00000020 is set aside as step-00000020.damaged: ")
    assert reason in said[0]
    assert steps(tmp_path) == [10]


def test_a_checkpoint_that_may_not_be_read_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    refused = save(tmp_path, 10, 20)[1] / FILE
    monkeypatch.setattr("os.access", lambda path, mode: path != refused)
    with pytest.raises(TrainingError, match=rf"^{refused} cannot be read: permission denied") as raised:
        newest(tmp_path, [])
    assert not isinstance(raised.value, DamagedCheckpointError)
    assert refused.exists()


def test_where_all_are_damaged_there_is_none(tmp_path):
    for folder in save(tmp_path, 10, 20, 30):
        flip_a_byte(folder)
    said: list[str] = []
    assert newest(tmp_path, said) is None
    assert [line.partition(" ")[0] for line in said] == ["step-00000030", "step-00000020", "step-00000010"]


def test_files_that_the_checkpoint_does_not_name_are_passed_over(tmp_path):
    (folder,) = save(tmp_path, 10)
    (folder / ".DS_Store").write_text("what a desktop leaves")
    (folder / "rank-00007-part-000.safetensors").write_bytes(b"what another program leaves")
    assert same_tensors(loaded(newest(tmp_path, [])), some(10))


def test_damage_is_an_error_when_a_folder_is_read_by_name(tmp_path):
    (folder,) = save(tmp_path, 10)
    check_files(read_checkpoint(folder))
    flip_a_byte(folder)
    with pytest.raises(DamagedCheckpointError, match="not what was written"):
        check_files(read_checkpoint(folder))


@pytest.mark.parametrize("max_step, step", [(20, 20), (19, 10), (10, 10)])
def test_a_checkpoint_beyond_the_metrics_is_not_taken(tmp_path, max_step, step):
    save(tmp_path, 10, 20)
    said: list[str] = []
    assert newest(tmp_path, said, max_step=max_step).step == step
    assert [f"metrics.jsonl ends at step {max_step}" in line for line in said] == [True] * (step == 10)


def test_no_checkpoint_is_none(tmp_path):
    assert newest(tmp_path / "missing", []) is None
