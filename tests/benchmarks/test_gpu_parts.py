import pytest

from benchmarks.gpu_baseline import main as baseline
from benchmarks.gpu_checks import main as checks
from benchmarks.gpu_kernels import main as kernels
from benchmarks.gpu_parts import LIMIT_SECONDS, PARTS
from trainer.memory import GIB, Job, choose_micro_batch
from trainer.planning_commands import bench, chosen_config

COMMANDS = {"trainer": bench, "benchmarks.gpu_baseline": baseline, "benchmarks.gpu_kernels": kernels}


def parsed(part):
    """The part's options as its command takes them; what it does not know is an error."""
    options = [word for word in part.options if word != "bench"]
    return COMMANDS[part.module].make_context(part.name, options).params


@pytest.mark.parametrize("name", [name for name in PARTS if name != "tests"])
def test_each_part_has_options_that_its_command_takes(name):
    params = parsed(PARTS[name])
    assert params["device"] == "cuda"
    assert params["seconds"] <= LIMIT_SECONDS * 0.6


def test_the_tests_take_no_options():
    assert (PARTS["tests"].module, PARTS["tests"].options) == (checks.__module__, ())


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if part.module == "trainer"])
def test_each_measurement_is_of_settings_that_fit_an_h200(name):
    params = parsed(PARTS[name])
    config = chosen_config(params["preset"], params["settings"], params["overrides"])
    job = Job(config=config, vocabulary_size=32_000, sequence_tokens=params["sequence_tokens"])
    assert choose_micro_batch(job, 139 * GIB) * params["sequence_tokens"] >= 8192


def test_an_h100_holds_what_needs_no_more_than_80_gigabytes():
    params = parsed(PARTS["65b-slice"])
    config = chosen_config(params["preset"], params["settings"], params["overrides"])
    job = Job(config=config, vocabulary_size=32_000, sequence_tokens=2048)
    from trainer.memory import memory_of

    assert memory_of(job, config.micro_batch_sequences, config.activations, compiled=True).total < 79 * GIB * 0.97


def test_the_order_is_from_what_must_be_right_to_what_is_nice_to_know():
    first = ["tests", "probe", "1.3b", "6.7b", "baseline-1.3b", "baseline-1.3b-liger", "baseline-6.7b"]
    assert list(PARTS)[: len(first)] == first
