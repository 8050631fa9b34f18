"""The order of the stream: position ↔ (source, epoch, sequence), a pure function both ways, with no index built.

Two steps, both exact integer arithmetic. Which source a position belongs to: the sources are interleaved evenly, so
that any window of the stream holds each source of the paper's mixture to within two sequences. Which of the source's
sequences it is: epoch `e` goes through them in an order of its own, a keyed permutation; the last epoch is cut where
the budget ends, so 2.45 epochs are every sequence twice and 45 % of them, chosen by the key, a third time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

MAX_SEQUENCES = 3_037_000_499
"""The largest stream: a product of two positions still fits 63 bits."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One source of a stream: how many sequences it gives, out of how many it has."""

    name: str
    sequences: int
    available: int

    def __post_init__(self) -> None:
        if self.sequences < 0:
            raise ValueError(f"{self.name}: sequences must be at least 0, got {self.sequences}")
        if self.sequences and self.available < 1:
            raise ValueError(f"{self.name} has a share of {self.sequences} sequences and not one to give")


class Places(NamedTuple):
    """For each position: the number of its source, the epoch of that source, and the sequence."""

    source: Integers
    epoch: Integers
    sequence: Integers


class Order:
    """The order of one stream; `names` are the sources, in the order given."""

    def __init__(self, shares: Sequence[Share], seed: int) -> None:
        self.shares = tuple(shares)
        self.seed = seed
        self.names = tuple(share.name for share in self.shares)
        self.sequences = sum(share.sequences for share in self.shares)
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"a source is named twice: {', '.join(self.names)}")
        if not 1 <= self.sequences <= MAX_SEQUENCES:
            raise ValueError(f"a stream holds 1 to {MAX_SEQUENCES} sequences, got {self.sequences}")
        # Largest first: a source's distance from its share grows with how little is left when its turn comes.
        turns = [i for i, share in enumerate(self.shares) if share.sequences]
        self._turns = sorted(turns, key=lambda i: (-self.shares[i].sequences, self.names[i]))

    def places(self, positions: Integers) -> Places:
        """What lies at each position of the stream."""
        positions = np.atleast_1d(np.asarray(positions, dtype=np.int64))
        if positions.size and not (positions.min() >= 0 and positions.max() < self.sequences):
            raise ValueError(f"positions must lie in 0 … {self.sequences - 1}")
        source, ordinal = self._deal(positions)
        epoch, sequence = np.zeros_like(source), np.zeros_like(source)
        for number in self._turns:
            mine = np.flatnonzero(source == number)
            epoch[mine], within = np.divmod(ordinal[mine], self.shares[number].available)
            for turn in np.unique(epoch[mine]).tolist():
                chosen = epoch[mine] == turn
                sequence[mine[chosen]] = self._permutation(number, turn).forward(within[chosen])
        return Places(source, epoch, sequence)

    def positions(self, source: int, epoch: int, sequences: Integers) -> Integers:
        """Where those sequences of a source lie in its epoch; -1 for one that the last epoch leaves out."""
        share = self.shares[source]
        sequences = np.atleast_1d(np.asarray(sequences, dtype=np.int64))
        if sequences.size and not (sequences.min() >= 0 and sequences.max() < share.available):
            raise ValueError(f"{share.name}: sequences must lie in 0 … {share.available - 1}")
        found = np.full(sequences.shape, -1, dtype=np.int64)
        ordinal = epoch * share.available + self._permutation(source, epoch).inverse(sequences)
        inside = ordinal < share.sequences
        found[inside] = self._gather(source, ordinal[inside])
        return found

    def epochs(self, source: int) -> int:
        """How many epochs of a source the stream starts."""
        share = self.shares[source]
        return -(-share.sequences // share.available) if share.sequences else 0

    def _permutation(self, source: int, epoch: int) -> Permutation:
        share = self.shares[source]
        return Permutation(share.available, f"tokenmill order {self.seed} {share.name} {epoch}")

    def _deal(self, positions: Integers) -> tuple[Integers, Integers]:
        """The source of each position, and how many of that source come before it.

        Of `left` places a source with `n` of them takes those where floor(place · n / left) steps up; the places in
        between are numbered again from zero for the sources that follow.
        """
        source, ordinal = np.empty_like(positions), np.empty_like(positions)
        waiting, place, left = np.arange(positions.size), positions, self.sequences
        for number in self._turns:
            n = self.shares[number].sequences
            before = place * n // left
            taken = (place + 1) * n // left > before
            source[waiting[taken]], ordinal[waiting[taken]] = number, before[taken]
            waiting, place = waiting[~taken], (place - before)[~taken]
            left -= n
        return source, ordinal

    def _gather(self, source: int, ordinal: Integers) -> Integers:
        """The inverse of `_deal`: the position of a source's n-th sequence."""
        turn = self._turns.index(source)
        lefts = [self.sequences]
        for number in self._turns[:turn]:
            lefts.append(lefts[-1] - self.shares[number].sequences)
        n = self.shares[source].sequences
        place = -(-(ordinal + 1) * lefts[turn] // n) - 1
        for left, rest in zip(reversed(lefts[:-1]), reversed(lefts[1:]), strict=True):
            place = place * left // rest
        return place
