import json
import shutil
from pathlib import Path

import pytest
import torch

from trainer.checkpoint import (
    Checkpoint,
    DamagedCheckpointError,
    checkpoint_folders,
    load_checkpoint,
    newest_good,
    read_state,
    remove_partial,
    save_checkpoint,
)
from trainer.errors import SettingsError
from trainer.optimizer import Moments

CPU = torch.device("cpu")
RUN = {"stream": "digest", "tokenizer": "pieces", "dimension": 8, "threads": 1}


def some(step: int) -> Checkpoint:
    generator = torch.Generator().manual_seed(step)
    names = ("embedding", "norm")
    first, second, weights = ({name: torch.randn(3, 2, generator=generator) for name in names} for _ in range(3))
    moments = Moments(first=first, second=second)
    return Checkpoint(step=step, sequences=4 * step, run=RUN, weights=weights, moments=moments)


def save(folder: Path, *steps: int, keep: int = 9) -> list[Path]:
    return [save_checkpoint(folder, some(step), keep=keep) for step in steps]


def newest(folder: Path, said: list[str], *, run: dict = RUN, max_step: int = 99) -> Checkpoint | None:
    return newest_good(folder, CPU, run=lambda sequences: run, max_step=max_step, say=said.append)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_loaded_is_what_was_saved(tmp_path):
    (folder,) = save(tmp_path, 7)
    loaded, saved = load_checkpoint(folder, CPU), some(7)
    assert (loaded.step, loaded.sequences, loaded.run) == (7, 28, RUN)
    assert same(loaded.weights, saved.weights)
    assert same(loaded.moments.first, saved.moments.first) and same(loaded.moments.second, saved.moments.second)


def test_the_random_state_goes_on_where_it_was(tmp_path):
    torch.manual_seed(3)
    (folder,) = save(tmp_path, 1)
    expected = torch.rand(4)
    torch.manual_seed(99)
    load_checkpoint(folder, CPU)
    assert torch.equal(torch.rand(4), expected)


def test_two_saves_of_one_state_are_the_same_bytes(tmp_path):
    one, other = save(tmp_path / "a", 5)[0], save(tmp_path / "b", 5)[0]
    for name in ("weights.safetensors", "optimizer.safetensors", "state.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_checkpoint_is_safetensors_and_json_alone(tmp_path):
    (folder,) = save(tmp_path, 5)
    assert sorted(path.name for path in folder.iterdir()) == [
        "optimizer.safetensors",
        "state.json",
        "weights.safetensors",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]


@pytest.mark.parametrize("keep, left", [(1, [30]), (2, [20, 30]), (3, [10, 20, 30]), (4, [10, 20, 30])])
def test_the_newest_are_kept(tmp_path, keep, left):
    save(tmp_path, 10, 20, 30, keep=keep)
    assert [read_state(path)["step"] for path in checkpoint_folders(tmp_path)] == left
    assert list(tmp_path.glob("*.tmp")) == []


def test_checkpoints_are_ordered_by_step_and_not_by_spelling(tmp_path):
    save(tmp_path, 99_999_999, 100_000_000, 5)
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-00000005", "step-99999999", "step-100000000"]


def test_saving_again_replaces(tmp_path):
    (folder,) = save(tmp_path, 5)
    (folder / "state.json").write_text("{}")
    save(tmp_path, 5)
    assert newest(tmp_path, []).step == 5


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)


def edit_state(**change) -> object:
    def edit(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps(state | change))

    return edit


@pytest.mark.parametrize(
    "damage, reason",
    [
        (flip_a_byte, "weights.safetensors is not what was written"),
        (lambda folder: (folder / "optimizer.safetensors").write_bytes(b""), "optimizer.safetensors is not what was"),
        (lambda folder: (folder / "optimizer.safetensors").unlink(), "FileNotFoundError"),
        (lambda folder: (folder / "state.json").unlink(), "state.json"),
        (lambda folder: (folder / "state.json").write_text("{"), "state.json"),
        (lambda folder: (folder / "state.json").write_text("[" * 100_000), "state.json"),
        (lambda folder: (folder / "state.json").write_text("[]"), "lacks"),
        (edit_state(step="20"), "lacks"),
        (edit_state(sha256={}), "KeyError"),
    ],
)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(tmp_path, damage, reason):
    damage(save(tmp_path, 10, 20)[1])
    said: list[str] = []
    assert newest(tmp_path, said).step == 10
    assert len(said) == 1 and said[0].startswith("step-00000020 is set aside as step-00000020.damaged: ")
    assert reason in said[0]
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["step-00000010"]


def test_damage_is_an_error_when_the_folder_is_loaded_by_name(tmp_path):
    (folder,) = save(tmp_path, 10)
    flip_a_byte(folder)
    with pytest.raises(DamagedCheckpointError, match="not what was written"):
        load_checkpoint(folder, CPU)


@pytest.mark.parametrize("max_step, step", [(20, 20), (19, 10), (10, 10)])
def test_a_checkpoint_beyond_the_metrics_is_not_taken(tmp_path, max_step, step):
    save(tmp_path, 10, 20)
    said: list[str] = []
    assert newest(tmp_path, said, max_step=max_step).step == step
    assert [f"metrics.jsonl ends at step {max_step}" in line for line in said] == [True] * (step == 10)


def test_no_checkpoint_is_none(tmp_path):
    assert newest(tmp_path / "missing", []) is None


@pytest.mark.parametrize("key, value", [("stream", "other"), ("tokenizer", "other"), ("dimension", 9), ("seed", 1)])
def test_a_checkpoint_of_another_run_is_refused_by_name(tmp_path, key, value):
    save(tmp_path, 10)
    with pytest.raises(SettingsError, match=f"holds a run with {key} = .*, not {value}: use another output folder"):
        newest(tmp_path, [], run=RUN | {key: value})
    assert len(checkpoint_folders(tmp_path)) == 1


@pytest.mark.parametrize("key", ["checkpoint_steps", "keep_checkpoints", "micro_batch_sequences", "threads"])
def test_settings_that_change_no_arithmetic_but_rounding_may_change(tmp_path, key):
    save(tmp_path, 10)
    assert newest(tmp_path, [], run=RUN | {key: 77}).step == 10


def test_a_later_format_is_refused_and_left_alone(tmp_path):
    (folder,) = save(tmp_path, 10)
    edit_state(format=2)(folder)
    with pytest.raises(SettingsError, match="is of format 2, this version reads 1"):
        newest(tmp_path, [])
    assert folder.is_dir()


def test_half_written_checkpoints_are_removed_and_whole_ones_stay(tmp_path):
    (folder,) = save(tmp_path, 10)
    shutil.copytree(folder, tmp_path / "step-00000020.tmp")
    assert newest(tmp_path, []).step == 10
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]
