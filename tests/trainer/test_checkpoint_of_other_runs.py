"""A checkpoint is gone on from by the run that it belongs to, and by another only where that is asked for."""

import json
from collections.abc import Callable

import pytest
from saved_checkpoints import RUN, newest, save, steps

from trainer.checkpoint import (
    FREE_SETTINGS,
    Checkpoints,
)
from trainer.config import TrainerConfig
from trainer.errors import OtherRunError, SettingsError


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
