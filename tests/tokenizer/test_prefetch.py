"""What is sent for is neither changed nor checked."""

import numba
import numpy as np
import pytest

from tokenizer.prefetch import prefetch


@numba.njit
def sum_with_foresight(values, ahead):
    total = values[0] - values[0]
    for at in range(len(values)):
        prefetch(values, at + ahead)
        total += values[at]
    return total


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.uint64])
@pytest.mark.parametrize("ahead", [0, 16, 1 << 20])
def test_the_loop_gives_what_it_gives_without(kind, ahead):
    values = np.arange(100, dtype=kind)
    assert sum_with_foresight(values, ahead) == 4950
    assert values.tolist() == list(range(100))


def test_the_machine_code_asks_for_memory():
    sum_with_foresight(np.arange(3.0), 1)
    assert any("llvm.prefetch" in code for code in sum_with_foresight.inspect_llvm().values())
