"""Small work for the engine's tests; a module, so that worker processes can import it."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import straight_to
from pipeline.errors import FatalError


@dataclass(frozen=True)
class Letters:
    """Writes a file a piece, with the worker's process id in it."""

    folder: str
    count: int
    failing: int = -1

    def sizes(self):
        return [(index, index + 1) for index in range(self.count)]

    def do(self, index):
        if index == self.failing:
            raise FatalError(f"piece {index} cannot be done")
        Path(self.folder, str(index)).write_text(str(os.getpid()))


@dataclass(frozen=True)
class Grouped:
    """Sends each piece's number to every partition; each partition tells piece 0 what it got. Piece 2 gets mail."""

    folder: str
    label: str = "grouped"

    def sketched(self):
        return [(index, 1) for index in range(3)]

    def applied(self):
        return range(4)

    def sketch(self, index):
        for partition in range(2):
            yield partition, bytes([index])
        yield straight_to(2), bytes([10 + index])

    def rounds(self):
        return 2

    def judge(self, round_index, partition, blocks):
        joined = b"".join(sorted(blocks))
        yield (5, joined) if round_index == 0 else (0, joined)

    def apply(self, index, blocks):
        Path(self.folder, f"{self.label}-{index}").write_bytes(b"|".join(sorted(blocks)))
