import pytest
import torch

from trainer.masters import join, split


def floats(*patterns: int) -> torch.Tensor:
    return torch.tensor(patterns, dtype=torch.int64).to(torch.int32).view(torch.float32)


def patterns(numbers: torch.Tensor) -> list[int]:
    width = {torch.float32: torch.int32, torch.bfloat16: torch.int16}[numbers.dtype]
    return (numbers.view(width).to(torch.int64) % (1 << 8 * numbers.itemsize)).tolist()


@pytest.mark.parametrize(
    "upper", [0x0000, 0x0001, 0x3F80, 0x7F7F, 0x7F80, 0x7FC0, 0x7FFF, 0x8000, 0xBF80, 0xFF80, 0xFFFF]
)
def test_every_lower_half_of_a_pattern_comes_back(upper):
    bits = ((upper << 16) + torch.arange(1 << 16)).to(torch.int32)
    assert torch.equal(join(*split(bits.view(torch.float32))).view(torch.int32), bits)


def test_every_upper_half_of_a_pattern_comes_back():
    for lower in (0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        bits = ((torch.arange(1 << 16) << 16) + lower).to(torch.int32)
        assert torch.equal(join(*split(bits.view(torch.float32))).view(torch.int32), bits)


def test_the_upper_half_is_the_nearest_bfloat16():
    numbers = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    rounded, remainder = split(numbers)
    is_tie = remainder == -0x8000
    assert (rounded.dtype, remainder.dtype) == (torch.bfloat16, torch.int16)
    assert torch.equal(rounded[~is_tie], numbers.bfloat16()[~is_tie])


@pytest.mark.parametrize(
    "number, rounded",
    [
        (0x3F808000, 0x3F81),  # A tie goes away from zero, where bfloat16() would go down to even.
        (0xBF808000, 0xBF81),
        (0x3F818000, 0x3F82),
        (0x3F807FFF, 0x3F80),
        (0x3F808001, 0x3F81),
        (0x7F7FFFFF, 0x7F80),  # The largest float32 is beyond the largest bfloat16.
        (0x7F7F7FFF, 0x7F7F),
        (0x7F800000, 0x7F80),
        (0xFF800000, 0xFF80),
        (0x00000000, 0x0000),
        (0x80000000, 0x8000),
        (0x7FC00000, 0x7FC0),
        (0x7F800001, 0x7F80),  # NaNs that no arithmetic makes.
        (0x7FFF8000, 0x8000),
        (0xFFFF8000, 0x0000),
    ],
)
def test_ties_infinities_and_nans_round_as_documented(number, rounded):
    assert patterns(split(floats(number))[0]) == [rounded]


def test_the_remainder_spans_what_an_int16_holds():
    assert split(floats(0x3F808000, 0x3F807FFF, 0x3F800000))[1].tolist() == [-0x8000, 0x7FFF, 0]


def test_a_weight_without_remainder_is_its_own_master():
    weight = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1)).bfloat16()
    assert torch.equal(join(weight, torch.zeros_like(weight, dtype=torch.int16)), weight.float())


def test_halves_of_a_tensor_that_is_not_contiguous_are_its_own():
    numbers = torch.randn(5, 7, generator=torch.Generator().manual_seed(2)).T
    assert torch.equal(join(*split(numbers)), numbers)
