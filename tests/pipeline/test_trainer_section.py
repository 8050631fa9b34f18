"""A preset fills what a recipe does not name; how the trainer is started is no setting of it."""

import pytest
from pydantic import ValidationError

from pipeline.errors import SettingError
from pipeline.recipe_file import load_recipe
from pipeline.trainer_section import PRESETS, Launch, Trainer


def test_a_preset_gives_the_keys_that_the_recipe_does_not_name():
    trainer = Trainer.model_validate({"preset": "65b", "layers": 2})
    assert (trainer.dimension, trainer.heads, trainer.layers, trainer.learning_rate) == (8192, 64, 2, 1.5e-4)


def test_the_papers_recipe_takes_any_of_its_sizes_from_the_command_line():
    sizes = [load_recipe("llama1", [f"trainer.preset={name}"]).trainer for name in ("7b", "65b")]
    assert [(size.dimension, size.layers, size.steps) for size in sizes] == [(4096, 32, 238_419), (8192, 80, 333_787)]
    assert load_recipe("llama1").trainer == sizes[0]


def test_a_preset_that_is_none_is_refused_in_one_line_that_names_them():
    with pytest.raises(SettingError, match=r"trainer preset must be one of 7b, 13b, .*, got '8b'"):
        load_recipe("demo", ["trainer.preset=8b"])


def test_a_resolved_recipe_is_the_same_again():
    trainer = Trainer(preset="13b")
    assert Trainer.model_validate(trainer.model_dump()) == trainer


def test_how_the_trainer_is_started_is_no_setting_of_what_is_trained():
    start = {"preset": "tiny", "device": "cpu", "processes": 2, "folder": "x", "replace": True, "wandb": "p"}
    settings = Trainer.model_validate(start | {"tensorboard": True}).settings
    assert settings == Trainer(preset="tiny").settings
    assert set(settings) == set(Trainer.model_fields) - set(Launch.model_fields)


@pytest.mark.parametrize("key, value", [("processes", -1), ("device", "tpu"), ("replace", "yes"), ("folder", 3)])
def test_a_start_that_cannot_be_is_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        Trainer.model_validate({key: value})


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_a_model_that_can_be(name):
    assert Trainer(preset=name).dimension % Trainer(preset=name).heads == 0
