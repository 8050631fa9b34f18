from dataclasses import replace

import pytest

from trainer.config import PRESETS
from trainer.errors import SettingsError
from trainer.memory import GIB, Job, memory_of
from trainer.plan import plan, plan_table


def job(preset, gpus=1, **settings):
    config = replace(PRESETS[preset], **({"activations": "keep-linear"} | settings))
    return Job(config=config, vocabulary_size=32_000, sequence_tokens=2048, gpus=gpus)


def test_every_policy_is_planned_with_what_fits():
    found = plan(job("7b"), 139 * GIB)
    counts = {policy: row["micro_batch_sequences"] for policy, row in found["policies"].items()}
    assert counts == {"auto": 2, "keep-linear": 4, "full": 16, "none": 1}
    assert (found["activations"], found["micro_batch_sequences"]) == ("keep-linear", 4)


def test_the_total_is_the_sum_of_the_parts():
    parts = plan(job("7b"), 139 * GIB)["policies"]["keep-linear"]["bytes"]
    assert parts.pop("total") == sum(parts.values())
    assert sum(parts.values()) == memory_of(job("7b"), 4, "keep-linear", compiled=True).total


def test_a_policy_that_does_not_fit_is_shown_with_one_sequence():
    row = plan(job("13b", gpus=2), 139 * GIB)["policies"]["none"]
    assert row["micro_batch_sequences"] is None
    assert row["bytes"]["total"] > 139 * GIB * 0.97


def test_the_mesh_is_named():
    found = plan(job("65b", gpus=64, tensor_parallel=4, replicas=2), 139 * GIB)
    mesh = {key: found[key] for key in ("gpus", "replicas", "shards", "tensor_parallel", "sequences_per_gpu")}
    assert mesh == {"gpus": 64, "replicas": 2, "shards": 8, "tensor_parallel": 4, "sequences_per_gpu": 128}


def test_what_does_not_fit_is_refused():
    with pytest.raises(SettingsError, match=r"206 GiB of 139 GiB; 2 GPUs of 2 shards would do"):
        plan(job("13b"), 139 * GIB)


def test_the_table_has_a_line_a_policy_and_the_pick():
    lines = plan_table(plan(job("7b"), 139 * GIB)).splitlines()
    assert lines[0] == "6,738,415,616 parameters on 1 GPU: 1 replicas x 1 shards x 1 tensor parallel"
    assert "134.8 of 139.0" in lines[1]
    assert lines[5].split() == "keep-linear 4 12.6 12.6 50.2 25.1 0.0 22.8 3.9 127.1".split()
    assert lines[-1] == (
        'picked: activations = "keep-linear", micro_batch_sequences = 4 (8,192 tokens), 512 of them a step'
    )


def test_a_policy_without_room_says_so_in_the_table():
    assert "none fits" in plan_table(plan(job("13b", gpus=2), 139 * GIB))
