"""Steps on a GPU: compiled as eager, memory as planned, a run that goes on bit for bit."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from mixtures.loader import Batch
from trainer.attention import choose_backend
from trainer.cli import main
from trainer.config import PRESETS
from trainer.memory import Job, memory_of
from trainer.model import rope_table
from trainer.state import draw_weights, new_state
from trainer.step import train_step

pytestmark = pytest.mark.gpu
VOCABULARY, TOKENS = 512, 256
CONFIG = replace(
    PRESETS["tiny"], dimension=256, heads=2, layers=3, batch_sequences=8, micro_batch_sequences=4, warmup_steps=0
)


def losses_of(world, steps=4, **settings):
    """Losses and gradient norms of steps on random tokens."""
    config = replace(CONFIG, **settings)
    state = new_state(config, VOCABULARY, world)
    draw_weights(state, config, seed=0)
    rope, chance = rope_table(config, TOKENS, world.device), np.random.default_rng(0)
    figures = []
    for step in range(steps):
        tokens = chance.integers(3, VOCABULARY, (config.batch_sequences, TOKENS), np.int32)
        batch = Batch(first=8 * step, tokens=tokens, sources=np.zeros(8, np.int64), consumed=8 * step + 8)
        result, _ = train_step(state, batch, ("random",), rope, config, world).read()
        figures.append((result.loss, result.gradient_norm))
    return np.array(figures)


@pytest.mark.parametrize("activations", ["auto", "keep-linear", "full", "none"])
def test_a_compiled_layer_trains_as_an_eager_one(gpu_world, activations):
    eager = losses_of(gpu_world, compile="off", activations="none")
    compiled = losses_of(gpu_world, compile="on", activations=activations)
    assert compiled[:, 0] == pytest.approx(eager[:, 0], rel=2e-3)
    assert compiled[:, 1] == pytest.approx(eager[:, 1], rel=2e-2)


def test_the_split_layout_trains_as_float32_masters_do(gpu_world):
    split = losses_of(gpu_world, compile="off")
    plain = losses_of(gpu_world, compile="off", precision="float32")
    assert split[:, 0] == pytest.approx(plain[:, 0], rel=5e-3)


def test_the_size_of_micro_batches_changes_nothing_but_rounding(gpu_world):
    one, eight = (losses_of(gpu_world, micro_batch_sequences=count) for count in (1, 8))
    assert one[:, 0] == pytest.approx(eight[:, 0], rel=2e-3)


def test_a_fused_attention_is_right_on_this_gpu(gpu):
    said = []
    choose_backend(tokens=2048, head_size=128, dtype=torch.bfloat16, device=gpu, say=said.append)
    assert said and not said[0].startswith("attention: math"), said


@pytest.mark.parametrize("activations", ["keep-linear", "full"])
def test_a_step_takes_no_more_memory_than_planned(gpu_world, activations):
    sizes = {"dimension": 1024, "heads": 8, "layers": 8, "batch_sequences": 4, "micro_batch_sequences": 4}
    config = replace(CONFIG, **sizes, feed_forward_multiple=256, activations=activations)
    job = Job(config=config, vocabulary_size=VOCABULARY, sequence_tokens=TOKENS)
    planned = memory_of(job, 4, activations, compiled=True)
    losses_of(gpu_world, steps=1, **(sizes | {"feed_forward_multiple": 256, "activations": activations}))
    held = planned.total - planned.rest
    assert held < torch.cuda.max_memory_allocated() < planned.total


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_goes_on_bit_for_bit_where_it_is_deterministic(tmp_path, stream_folder, tiny):
    settings = asdict(
        tiny(steps=8, deterministic=True, dimension=64, precision="bfloat16", compile="off", checkpoint_steps=4)
    )
    arguments = ["train", "--stream", str(stream_folder), "--device", "cuda"]

    def train(output, **changed):
        (tmp_path / "settings.json").write_text(json.dumps(settings | changed))
        return main([*arguments, "--settings", str(tmp_path / "settings.json"), "--output", str(tmp_path / output)])

    assert train("whole") == 0
    assert train("broken") == 0
    (tmp_path / "broken/metrics.jsonl").write_text("".join((tmp_path / "broken/metrics.jsonl").open().readlines()[:5]))
    assert train("broken") == 0
    assert metrics(tmp_path / "broken") == metrics(tmp_path / "whole")
