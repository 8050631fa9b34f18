"""A keyed bijection of the whole numbers below a size: the order of an epoch, with no index built."""

import hashlib

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ROUNDS = 8


class Permutation:
    """A keyed bijection of `range(size)`: an alternating Feistel network, walked until it lands inside the range."""

    def __init__(self, size: int, key: str) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        self.size = size
        width = max(2, (size - 1).bit_length())
        self._shift = np.uint64(width // 2)
        self._low = np.uint64((1 << width // 2) - 1)
        self._high = np.uint64((1 << width - width // 2) - 1)
        digest = hashlib.blake2b(key.encode(), digest_size=8 * ROUNDS).digest()
        self._keys = np.frombuffer(digest, "<u8").astype(np.uint64)

    def forward(self, values: Integers) -> Integers:
        """Where each value goes."""
        return self._walk(values, range(ROUNDS))

    def inverse(self, values: Integers) -> Integers:
        """Where each value comes from."""
        return self._walk(values, range(ROUNDS - 1, -1, -1))

    def _walk(self, values: Integers, rounds: range) -> Integers:
        found = self._network(np.atleast_1d(values).astype(np.uint64), rounds)
        while (outside := np.flatnonzero(found >= self.size)).size:
            found[outside] = self._network(found[outside], rounds)
        return found.astype(np.int64)

    def _network(self, values: NDArray[np.uint64], rounds: range) -> NDArray[np.uint64]:
        high, low = values >> self._shift, values & self._low
        for number in rounds:
            if number % 2:
                low = low ^ (_scramble(high + self._keys[number]) & self._low)
            else:
                high = high ^ (_scramble(low + self._keys[number]) & self._high)
        return (high << self._shift) | low


def _scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Splitmix64's finaliser: every bit of the input moves half the bits of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
