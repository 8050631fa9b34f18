"""Tests that need a GPU; without one they are skipped.

On a machine with torch, pytest and little else:

    python -m pytest -m gpu --confcutdir tests/trainer -W default tests/trainer/gpu

`--confcutdir` leaves the pipeline's fixtures aside, which need all that the pipeline needs.
"""

import gc
from collections.abc import Iterator

import pytest
import torch

from trainer.parallel import World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="torch sees no GPU here"))


@pytest.fixture
def gpu() -> torch.device:
    """The GPU that tests use."""
    return torch.device("cuda", 0)


@pytest.fixture
def gpu_world(gpu: torch.device) -> World:
    """This process alone, on the GPU."""
    return World(device=gpu)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """What one test compiled, allocated or set is not there for the next."""
    yield
    torch.compiler.reset()
    torch.use_deterministic_algorithms(False)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
