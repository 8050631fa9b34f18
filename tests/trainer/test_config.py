from dataclasses import asdict, fields, replace

import pytest
from pydantic import ValidationError

from pipeline.recipe import Trainer
from trainer.config import PRESETS, TrainerConfig
from trainer.errors import SettingsError
from trainer.model import count_parameters

REFUSED = [
    ("dimension", 0),
    ("dimension", 4097),
    ("dimension", 4096.0),
    ("dimension", True),
    ("layers", 0),
    ("heads", 0),
    ("heads", 3),
    ("feed_forward_multiple", 0),
    ("initial_std", 0.0),
    ("steps", 0),
    ("steps", 1999),
    ("batch_sequences", 0),
    ("micro_batch_sequences", -1),
    ("learning_rate", 0.0),
    ("learning_rate", "fast"),
    ("min_learning_rate_fraction", -0.1),
    ("min_learning_rate_fraction", 1.1),
    ("warmup_steps", -1),
    ("warmup_steps", 250_001),
    ("weight_decay", -0.1),
    ("beta1", 1.0),
    ("beta1", -0.1),
    ("beta2", 1.0),
    ("adam_epsilon", 0.0),
    ("max_gradient_norm", 0.0),
    ("norm_epsilon", 0.0),
    ("rope_base", 0.0),
    ("z_loss", -1e-4),
    ("skip_sigma", -1.0),
    ("document_mask", 1),
    ("precision", "float16"),
    ("activations", "some"),
    ("compile", "yes"),
    ("deterministic", "on"),
    ("tensor_parallel", 0),
    ("tensor_parallel", 3),
    ("replicas", 0),
    ("checkpoint_steps", 0),
    ("keep_checkpoints", 0),
    ("keep_every_steps", -1),
    ("evaluation_steps", -1),
    ("evaluation_documents", 0),
    ("threads", -1),
]
TAKEN = [
    ("dimension", 64),
    ("min_learning_rate_fraction", 0.0),
    ("min_learning_rate_fraction", 1),
    ("steps", 2000),
    ("warmup_steps", 0),
    ("weight_decay", 0),
    ("beta1", 0.0),
    ("micro_batch_sequences", 0),
    ("skip_sigma", 0),
    ("document_mask", True),
    ("precision", "float32"),
    ("precision", "float8"),
    ("activations", "keep-linear"),
    ("compile", "off"),
    ("tensor_parallel", 8),
    ("keep_every_steps", 0),
    ("evaluation_steps", 0),
    ("threads", 2),
]


def test_the_recipe_and_the_trainer_agree_on_fields_and_defaults():
    assert Trainer().settings == asdict(TrainerConfig())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_in_a_recipe(name):
    assert Trainer(preset=name).settings == asdict(PRESETS[name])


@pytest.mark.parametrize("key, value", REFUSED)
def test_a_wrong_setting_is_refused_here_as_in_the_recipe(key, value):
    with pytest.raises(SettingsError, match=key):
        TrainerConfig.from_mapping({key: value})
    with pytest.raises(ValidationError):
        Trainer.model_validate({key: value})


@pytest.mark.parametrize("key, value", TAKEN)
def test_a_setting_at_its_bound_is_taken_here_as_in_the_recipe(key, value):
    assert getattr(TrainerConfig.from_mapping({key: value}), key) == value
    assert getattr(Trainer.model_validate({key: value}), key) == value


def test_every_setting_has_a_bound_that_a_test_breaks():
    assert {item.name for item in fields(TrainerConfig)} == {key for key, _ in REFUSED}


def test_nan_is_no_setting():
    with pytest.raises(SettingsError, match="learning_rate must be > 0, got nan"):
        TrainerConfig(learning_rate=float("nan"))


def test_a_refusal_names_key_bound_and_value():
    with pytest.raises(SettingsError, match=r"^beta2 must be 0 to below 1, got 1\.5$"):
        TrainerConfig(beta2=1.5)


@pytest.mark.parametrize("key, hint", [("learning_rat", "did you mean learning_rate"), ("zzz", "known: dimension")])
def test_an_unknown_key_is_refused_with_its_neighbour(key, hint):
    with pytest.raises(SettingsError, match=f"unknown key {key}; {hint}"):
        TrainerConfig.from_mapping({key: 1})


@pytest.mark.parametrize(
    "dimension, multiple, width",
    [(4096, 256, 11008), (5120, 256, 13824), (128, 256, 512), (128, 32, 352), (96, 32, 256), (96, 256, 256)],
)
def test_feed_forward_width_is_two_thirds_of_four_widths_rounded_up(dimension, multiple, width):
    config = TrainerConfig(dimension=dimension, heads=4, feed_forward_multiple=multiple)
    assert config.feed_forward == width


@pytest.mark.parametrize(
    "name, parameters, rate",
    [
        ("7b", 6_738_415_616, 3e-4),
        ("13b", 13_015_864_320, 3e-4),
        ("33b", 32_528_943_616, 1.5e-4),
        ("65b", 65_285_660_672, 1.5e-4),
    ],
)
def test_table_2_has_the_published_numbers_of_parameters(name, parameters, rate):
    assert count_parameters(PRESETS[name], 32000) == parameters
    assert PRESETS[name].learning_rate == rate
    assert PRESETS[name].head_size == 128


@pytest.mark.parametrize("name, tokens", [("7b", 1.0e12), ("13b", 1.0e12), ("33b", 1.4e12), ("65b", 1.4e12)])
def test_the_steps_of_a_preset_read_the_published_tokens_and_no_step_more(name, tokens):
    read = PRESETS[name].steps * PRESETS[name].batch_sequences * 2048
    assert tokens <= read < tokens + 2048 * 2048


def test_a_config_cannot_change():
    with pytest.raises(AttributeError):
        TrainerConfig().steps = 3  # type: ignore[misc]
    assert replace(TrainerConfig(), steps=3000).steps == 3000
