"""Float32 numbers as two halves: the bfloat16 that layers compute in, and a remainder that makes it exact again.

Six bytes a weight (2 + 4) become four, and an update that is too small for bfloat16 is not lost. With `bits` the
float32's bit pattern as an int32, and arithmetic modulo 2^32:

    rounded   = (bits + 0x8000) >> 16            the upper sixteen bits, rounded half up
    remainder = bits - (rounded << 16)           from -0x8000 to 0x7fff: an int16
    bits      = (rounded << 16) + remainder      for every one of the 2^32 patterns

Half up in the pattern is half *away from zero* in the number, since a float is a sign and a magnitude. Only ties tell
that from `Tensor.bfloat16()`, which sends them to even; a tie to even would need a remainder of 0x8000, too much for
an int16. As there, what lies beyond bfloat16's largest number rounds to infinity, and infinities and zeros of either
sign stay what they are. A NaN is restored bit for bit as well, but its rounded half need not be one: patterns from
0x7f800001 to 0x7f807fff round to infinity and those from 0x7fff8000 to zero. The NaN that arithmetic makes,
0x7fc00000, stays NaN.
"""

import torch
from torch import Tensor


def split(master: Tensor) -> tuple[Tensor, Tensor]:
    """The rounded bfloat16 half and the int16 remainder of a float32 tensor."""
    bits = master.view(torch.int32)
    rounded = ((bits + 0x8000) >> 16).to(torch.int16).view(torch.bfloat16)
    # bits - (rounded << 16) is what the lower sixteen bits say as a signed number, and the cast keeps just those.
    return rounded, bits.to(torch.int16)


def join(rounded: Tensor, remainder: Tensor) -> Tensor:
    """The float32 tensor that was split."""
    bits = (rounded.view(torch.int16).to(torch.int32) << 16) + remainder
    return bits.view(torch.float32)
