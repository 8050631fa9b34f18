"""Small work for the engine's tests; a module, so that worker processes can import it."""

import errno
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FatalError
from pipeline.exchange import straight_to
from pipeline.storage import Folder


@dataclass(frozen=True)
class Letters:
    """Writes a file a piece, with the worker's process id in it."""

    folder: str
    count: int
    failing: int = -1

    def sizes(self):
        return [(index, index + 1) for index in range(self.count)]

    def name(self, index):
        return f"letter {index}"

    def do(self, index):
        if index == self.failing:
            raise FatalError(f"piece {index} cannot be done")
        Path(self.folder, str(index)).write_text(str(os.getpid()))


@dataclass(frozen=True)
class Trouble(Letters):
    """A piece has a letter of trouble; in capitals it has it every time, else the first time only.

    k: killed, s: a fault in native code, r: raises, d: the disk is full, m: out of memory, w: takes a while.
    """

    troubles: str = ""

    def do(self, index):
        tried = Path(self.folder, f"tried-{index}")
        tried.write_text(tried.read_text() + "x" if tried.exists() else "x")
        letter = self.troubles[index]
        if letter.isupper() or tried.read_text() == "x":
            trouble(letter.lower())
        super().do(index)


def trouble(letter):
    if letter in "ks":
        os.kill(os.getpid(), signal.SIGKILL if letter == "k" else signal.SIGSEGV)
    if letter == "r":
        raise ValueError("no such letter")
    if letter == "d":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if letter == "m":
        raise MemoryError
    if letter == "w":
        time.sleep(0.3)


@dataclass(frozen=True)
class HalfWritten(Letters):
    """Writes half of a file, and takes a minute over the rest."""

    count: int = 1

    def do(self, index):
        with Folder(self.folder).create("whole") as pending:
            pending.path.write_text("half")
            Path(self.folder, "0").write_text("")
            time.sleep(60)


@dataclass(frozen=True)
class Surroundings(Letters):
    """Writes what a worker sees of its surroundings."""

    count: int = 1

    def do(self, index):
        seen = f"{os.environ.get('SOMETHING_NEW')} {tempfile.gettempdir()}"
        Path(self.folder, "surroundings").write_text(seen)


@dataclass(frozen=True)
class Grouped:
    """Sends each piece's number to every partition; each partition tells piece 0 what it got. Piece 2 gets mail."""

    folder: str
    label: str = "grouped"

    def senders(self):
        return [(index, 1) for index in range(3)]

    def receivers(self):
        return range(4)

    def name(self, index):
        return f"letter {index}"

    def weight(self, index):
        return index

    def send(self, index):
        for partition in range(2):
            yield partition, bytes([index])
        yield straight_to(2), bytes([10 + index])

    def rounds(self):
        return 2

    def judge(self, round_index, partition, blocks):
        joined = b"".join(sorted(blocks))
        yield (5, joined) if round_index == 0 else (0, joined)

    def receive(self, index, blocks):
        Path(self.folder, f"{self.label}-{index}").write_bytes(b"|".join(sorted(blocks)))
