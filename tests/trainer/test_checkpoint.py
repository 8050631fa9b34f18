import json
import pickle
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainer import checkpoint
from trainer.checkpoint import (
    FREE_SETTINGS,
    Checkpoint,
    Checkpoints,
    check_files,
    checkpoint_folders,
    load_checkpoint,
    read_checkpoint,
)
from trainer.config import TrainerConfig
from trainer.errors import DamagedCheckpointError, OtherRunError, SettingsError, TrainingError
from trainer.parallel import World
from trainer.state import draw_weights, new_state
from trainer.tensor_files import FILE_BYTES, Converted, HostFile

RUN = {"stream": "digest", "tokenizer": "pieces", "dimension": 8, "threads": 1}
FILE = "rank-00000-part-000.safetensors"


def some(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    names = ("weights.embedding", "weights.norm", "first.embedding", "second.embedding", "guard.losses")
    tensors = {name: torch.randn(3, 2, generator=generator) for name in names}
    return tensors | {"updates": torch.tensor(float(step)), "random.cpu": torch.arange(4, dtype=torch.uint8)}


def save(folder: Path, *steps: int, keep: int = 9, every: int = 0, run: dict = RUN) -> list[Path]:
    with Checkpoints(folder, keep=keep, keep_every_steps=every, say=lambda line: None) as checkpoints:
        for step in steps:
            checkpoints.save(step, 4 * step, run, some(step))
    return [folder / f"step-{step:08d}" for step in steps]


def newest(
    folder: Path, said: list[str], *, run: dict = RUN, max_step: int = 99, replace: bool = False
) -> Checkpoint | None:
    with Checkpoints(folder, keep=9, say=said.append) as checkpoints:
        return checkpoints.newest_good(lambda sequences: run, max_step=max_step, replace=replace)


def loaded(found: Checkpoint, **others: Tensor) -> dict[str, Tensor]:
    tensors = {name: torch.zeros_like(tensor) for name, tensor in some(0).items()} | others
    load_checkpoint(found, tensors)
    return tensors


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def steps(folder: Path) -> list[int]:
    return [read_checkpoint(path).step for path in checkpoint_folders(folder)]


# What is saved


def test_what_is_loaded_is_what_was_saved(tmp_path):
    save(tmp_path, 7)
    found = newest(tmp_path, [])
    assert (found.step, found.sequences, found.run) == (7, 28, RUN)
    assert same(loaded(found), some(7))


def test_two_saves_of_one_state_are_the_same_bytes_and_names(tmp_path):
    one, other = save(tmp_path / "a", 5)[0], save(tmp_path / "b", 5)[0]
    assert sorted(path.name for path in one.iterdir()) == [FILE, "state.json"]
    for name in (FILE, "state.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_state_says_all_that_is_not_a_tensor(tmp_path):
    (folder,) = save(tmp_path, 5)
    state = json.loads((folder / "state.json").read_text())
    assert list(state) == sorted(state) == ["format", "run", "sequences", "sha256", "step", "world_size"]
    assert (state["format"], state["step"], state["sequences"], state["world_size"]) == (2, 5, 20, 1)
    assert list(state["sha256"]) == [FILE]


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
    assert same(tensors, some(7))


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
    assert same(loaded(newest(tmp_path, [])), some(5))


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
    assert same(loaded(newest(tmp_path, [])), some(3))


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
    assert same(loaded(newest(tmp_path, [])), some(5))


def test_half_written_checkpoints_are_removed_at_the_next_start_and_whole_ones_stay(tmp_path):
    (folder,) = save(tmp_path, 10)
    shutil.copytree(folder, tmp_path / "step-00000020.tmp")
    assert newest(tmp_path, []).step == 10
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]


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
    assert same(loaded(newest(tmp_path, said)), some(10))
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
    assert same(loaded(newest(tmp_path, [])), some(10))


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


# Other runs


@pytest.mark.parametrize("key, value", [("stream", "other"), ("tokenizer", "other"), ("dimension", 9), ("seed", 1)])
def test_a_checkpoint_of_another_run_is_refused_by_name(tmp_path, key, value):
    save(tmp_path, 10)
    with pytest.raises(
        OtherRunError,
        match=f"holds a run with {key} = .*, not {value}: use another output folder, or --replace .* begins anew",
    ):
        newest(tmp_path, [], run=RUN | {key: value})
    assert steps(tmp_path) == [10]


@pytest.mark.parametrize("key, same, other", [("z_loss", 0.0, 1e-4), ("skip_steps", "", "3:4")])
def test_a_setting_that_came_after_a_checkpoint_was_what_it_is_unnamed(tmp_path, key, same, other):
    save(tmp_path, 10)
    assert newest(tmp_path, [], run=RUN | {key: same}).step == 10
    with pytest.raises(OtherRunError, match=f"{key} = {same}, not {other}"):
        newest(tmp_path, [], run=RUN | {key: other})


def test_checkpoints_of_another_run_give_way_where_that_is_asked_for_and_only_then(tmp_path):
    save(tmp_path, 10, 20)
    said: list[str] = []
    assert newest(tmp_path, said, run=RUN | {"dimension": 9}, replace=True) is None
    assert said == [f"begins anew: {tmp_path} holds a run with dimension = 8, not 9"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def changed_behind_ten(tmp_path) -> Callable[[int], dict]:
    """Steps 10, 20 and 30 of a stream that has changed behind step 10; a step reads four sequences."""
    for step in (10, 20, 30):
        save(tmp_path, step, run=RUN | {"stream": f"old {step}"})
    return lambda sequences: RUN | {"stream": "old 10" if sequences <= 40 else "new " + 64 * "f"}


def test_a_stream_that_changed_behind_an_older_checkpoint_is_refused_and_that_one_named(tmp_path, changed_behind_ten):
    refused = "stream = old 30, not new ffffffff…: use another output folder, or --replace .* goes on from step 10"
    with pytest.raises(OtherRunError, match=refused), Checkpoints(tmp_path, keep=9, say=pytest.fail) as checkpoints:
        checkpoints.newest_good(changed_behind_ten, max_step=30)
    assert steps(tmp_path) == [10, 20, 30]


def test_the_newest_checkpoint_before_the_change_is_gone_on_from_where_that_is_asked_for(tmp_path, changed_behind_ten):
    said: list[str] = []
    with Checkpoints(tmp_path, keep=9, say=said.append) as checkpoints:
        found = checkpoints.newest_good(changed_behind_ten, max_step=30, replace=True)
    assert (found.step, steps(tmp_path)) == (10, [10])
    assert said == [f"goes on from step 10: {tmp_path} holds a run with stream = old 30, not new ffffffff…"]


def test_what_a_checkpoint_belongs_to_is_asked_for_its_own_position(tmp_path):
    save(tmp_path, 10)
    asked: list[int] = []
    with Checkpoints(tmp_path, keep=1, say=asked.append) as checkpoints:
        checkpoints.newest_good(lambda sequences: asked.append(sequences) or RUN, max_step=10)
    assert asked == [40]


@pytest.mark.parametrize("key", sorted(FREE_SETTINGS))
def test_settings_that_change_no_arithmetic_but_rounding_may_change(tmp_path, key):
    assert key in TrainerConfig.__dataclass_fields__
    save(tmp_path, 10)
    assert newest(tmp_path, [], run=RUN | {key: 77}).step == 10


@pytest.mark.parametrize("other", [1, 3])
def test_another_format_is_refused_in_one_line_and_left_alone(tmp_path, other):
    (folder,) = save(tmp_path, 10)
    (folder / "state.json").write_text(json.dumps({"format": other, "step": 10}))
    with pytest.raises(SettingsError) as raised:
        newest(tmp_path, [])
    assert str(raised.value).startswith(f"{folder} is of format {other}, and this version reads 2: use another output ")
    assert folder.is_dir()


def test_files_are_no_larger_than_page_locked_memory_is_dealt_in():
    assert FILE_BYTES & (FILE_BYTES - 1) == 0
    assert checkpoint.FORMAT == 2
