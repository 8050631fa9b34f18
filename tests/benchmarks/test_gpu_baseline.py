import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from benchmarks import gpu_baseline
from benchmarks.gpu_baseline import Baseline, Masters, main
from trainer.config import PRESETS
from trainer.memory import Job

pytest.importorskip("transformers")
CPU = torch.device("cpu")
SIZES = ("--preset", "tiny", "--vocabulary-size", "64", "--device", "cpu")


def small_job(sequences=4):
    config = replace(PRESETS["tiny"], dimension=16, heads=2, layers=2, batch_sequences=sequences)
    return Job(config=config, vocabulary_size=32, sequence_tokens=8)


@pytest.fixture
def run():
    job = small_job()
    torch.manual_seed(0)
    model = gpu_baseline._model(job, CPU, liger=False)
    return Baseline(job, model, Masters(model, job.config), CPU)


@pytest.fixture
def runs_up_to(run, monkeypatch):
    """`runs_up_to(n, checkpointed)`: a card that takes n sequences, and with checkpointing others."""

    def set_limits(plain, checkpointed=0):
        def backward(count, scale):
            if count > (checkpointed if run.is_checkpointed else plain):
                raise torch.OutOfMemoryError

        monkeypatch.setattr(run, "_backward", backward)
        monkeypatch.setattr(gpu_baseline, "device_bytes", lambda device: 139 * 2**30)
        monkeypatch.setattr(gpu_baseline, "largest_that_fits", lambda *_, **__: 8)

    return set_limits


def test_a_measurement_is_one_json_object(monkeypatch):
    monkeypatch.setattr(gpu_baseline, "PRESETS", {"tiny": small_job().config})
    options = [*SIZES, "--sequence-tokens", "8", "--batch-tokens", "32", "--seconds", "0"]
    found = json.loads(CliRunner().invoke(main, options, catch_exceptions=False).stdout)
    assert (found["steps"], found["micro_batch_sequences"], found["compiled"]) == (3, 2, False)
    assert found["tokens_per_second_per_gpu"]["median"] > 0
    assert "transformers" in found["versions"]


def test_a_missing_package_is_named_and_skipped(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "liger_kernel", None)
    found = json.loads(CliRunner().invoke(main, [*SIZES, "--liger"]).stdout)
    assert found == {"skipped": "liger-kernel cannot be imported"}


def test_a_card_that_is_too_small_is_refused(monkeypatch):
    monkeypatch.setattr(gpu_baseline, "device_bytes", lambda device: 79 * 2**30)
    result = CliRunner().invoke(main, ["--preset", "7b", "--device", "cpu"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: weights and AdamW in float32 do not fit this card\n"


def test_it_has_the_parameters_of_ours():
    model = gpu_baseline._model(small_job(), CPU, liger=False)
    assert (
        sum(weight.numel() for weight in model.parameters())
        == 2 * 32 * 16 + 2 * (4 * 16**2 + 3 * 16 * small_job().config.feed_forward + 2 * 16) + 16
    )
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_weights_follow_float32_masters(run):
    before = [weight.clone() for weight in run._model.parameters()]
    run.step(4)
    masters = [master for group in run._masters._masters for master in group]
    weights = [weight for group in run._masters._groups for weight in group]
    assert {master.dtype for master in masters} == {torch.float32}
    assert all(torch.equal(weight, master.bfloat16()) for weight, master in zip(weights, masters, strict=True))
    assert any(not torch.equal(old, new) for old, new in zip(before, run._model.parameters(), strict=True))
    assert all(weight.grad is None for weight in weights)


@pytest.mark.parametrize("plain, checkpointed, count", [(8, 0, 8), (3, 0, 2), (1, 0, 1), (0, 1, 1)])
def test_the_largest_micro_batch_that_runs_is_taken(run, runs_up_to, plain, checkpointed, count):
    runs_up_to(plain, checkpointed)
    run.find_micro_batch()
    assert (run.micro_batch, run.is_checkpointed) == (count, checkpointed > 0)


def test_a_card_that_takes_nothing_is_an_error(run, runs_up_to):
    runs_up_to(0, 0)
    with pytest.raises(RuntimeError, match="not even one checkpointed sequence fits"):
        run.find_micro_batch()
