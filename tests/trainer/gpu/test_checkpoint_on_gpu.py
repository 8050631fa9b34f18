"""Checkpoints from a GPU: through page-locked memory, beside the steps, and into either layout."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainer.checkpoint import Checkpoints, load_checkpoint
from trainer.config import PRESETS
from trainer.parallel import World
from trainer.state import TrainingState, draw_weights, new_state
from trainer.tensor_files import Converted

pytestmark = pytest.mark.gpu
CONFIG = PRESETS["tiny"]
ALONE = World(device=torch.device("cpu"))


def drawn(world: World, dtype: torch.dtype | None = None) -> TrainingState:
    state = new_state(CONFIG, 512, world, dtype=dtype)
    draw_weights(state, CONFIG, seed=1)
    return state


def numbers(state: TrainingState, world: World) -> dict[str, Tensor]:
    """What a checkpoint holds of a state, but for random states, on the host."""
    tensors = {name: value for name, value in state.tensors(world).items() if not name.startswith("random.")}
    return {
        name: (value.give() if isinstance(value, Converted) else value).cpu().clone() for name, value in tensors.items()
    }


def loaded(folder: Path, world: World, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    state = new_state(CONFIG, 512, world, dtype=dtype)
    with Checkpoints(folder, keep=1, say=lambda line: None) as checkpoints:
        load_checkpoint(checkpoints.newest_good(lambda sequences: {}, max_step=9), state.tensors(world))
    return numbers(state, world)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_a_gpu_saved_is_loaded_bit_for_bit_into_either_layout_and_by_a_cpu(tmp_path, gpu_world, dtype):
    state = drawn(gpu_world, dtype)
    saved = numbers(state, gpu_world)
    with Checkpoints(tmp_path, keep=1, say=lambda line: None) as checkpoints:
        checkpoints.save(1, 8, {}, state.tensors(gpu_world))
        for weight in state.weights.values():
            weight.data.zero_()  # As the next step would, while the last is being written.
    for world, other in ((gpu_world, torch.bfloat16), (gpu_world, torch.float32), (ALONE, torch.float32)):
        torch.testing.assert_close(loaded(tmp_path, world, other), saved, rtol=0, atol=0)


def test_host_memory_is_page_locked_and_the_gpu_takes_no_second_copy(tmp_path, gpu_world):
    state = drawn(gpu_world)
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with Checkpoints(tmp_path, keep=1, say=lambda line: None) as checkpoints:
        checkpoints.save(1, 8, {}, state.tensors(gpu_world))
        assert all(file._data.is_pinned() for file in checkpoints._files)
        checkpoints.load(checkpoints.newest_good(lambda sequences: {}, max_step=9), state.tensors(gpu_world))
    largest = max(weight.numel() for weight in state.weights.values())
    assert torch.cuda.max_memory_allocated() - held <= 32 * largest


def test_the_random_state_of_the_gpu_goes_on(tmp_path, gpu_world):
    state = drawn(gpu_world)
    with Checkpoints(tmp_path, keep=1, say=lambda line: None) as checkpoints:
        checkpoints.save(1, 8, {}, state.tensors(gpu_world))
        expected = torch.rand(4, device="cuda")
        torch.cuda.manual_seed(99)
        checkpoints.load(checkpoints.newest_good(lambda sequences: {}, max_step=9), state.tensors(gpu_world))
    assert torch.equal(torch.rand(4, device="cuda"), expected)
