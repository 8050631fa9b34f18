"""One GPU's part of a training on many, of which there is no other: what it computes is noise, what it takes is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.distributed as dist

from mixtures.loader import Batch
from trainer.config import PRESETS
from trainer.model import rope_table
from trainer.parallel import pretended
from trainer.state import new_state
from trainer.step import train_step

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("replicas, tensor", [(1, 1), (2, 2), (1, 4)])
@pytest.mark.parametrize("compiled", ["off", "on"])
def test_a_pretended_gpu_takes_a_step_in_bfloat16(gpu, replicas, tensor, compiled):
    config = replace(
        PRESETS["tiny"], replicas=replicas, tensor_parallel=tensor, batch_sequences=8, micro_batch_sequences=1,
        compile=compiled, activations="keep-linear",
    )  # fmt: skip
    tokens = np.random.default_rng(0).integers(1, 64, (8, 64))
    batch = Batch(first=0, tokens=tokens, sources=np.zeros(8, np.int64), consumed=8)
    with pretended(config, "cuda", 4) as world:
        state = new_state(config, 64, world)
        figures = train_step(state, batch, ("c4",), rope_table(config, 64, gpu), config, world)
        assert {weight.dtype for weight in state.weights.values()} == {torch.float32}
        assert figures.numbers.device.type == "cuda"
    assert not dist.is_initialized()
