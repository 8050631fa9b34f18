"""Does encoding take time in proportion to one document that has no blank to cut it at?

Each size runs in a process of its own, through a document of each of the worst kinds of text that are known.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.growth import Growing, peak_bytes
from benchmarks.inputs import Inputs
from benchmarks.models import tokenizer
from tokenizer.encode import Encoder

_UNIT_CHARACTERS = 1_000_000
_SEED = 0


def worst_texts(characters: int) -> Iterator[str]:
    """Documents of so many characters: runs of one, and characters that come as they like."""
    chance = np.random.default_rng(_SEED)
    yield from (("thecatsatonthemat" * (characters // 17 + 1))[:characters], "a" * characters, "\u2581" * characters)
    for first, last in (("!", "~"), ("0", "9"), ("a", "z"), ("\u4e00", "\u9fff")):
        points = chance.integers(ord(first), ord(last) + 1, characters, np.uint32)
        yield points.tobytes().decode("utf-32-le")


def _characters(inputs: Inputs, size: int) -> int:
    return max(1, int(_UNIT_CHARACTERS * inputs.fraction)) * size


def _bytes(inputs: Inputs, size: int) -> int:
    return sum(len(text.encode()) for text in worst_texts(_characters(inputs, size)))


def _arguments(inputs: Inputs, size: int) -> Sequence[str | Path]:
    return tokenizer(inputs), str(_characters(inputs, size))


ENCODING = Growing(work="the same kinds of text", module="benchmarks.encode_growth", write=_bytes, arguments=_arguments)
"""Encoding documents that nothing cuts."""


def timed_documents(model: str, characters: int) -> dict[str, float]:
    """Processor seconds over all documents, and the process's peak memory."""
    encoder = Encoder(model)
    encoder.encode(pa.array(["begin"]))
    seconds = 0.0
    for text in worst_texts(characters):
        column = pa.array([text], pa.large_string())
        start = time.process_time()  # Others on the machine do not count: the largest size takes long.
        encoder.encode(column)
        seconds += time.process_time() - start
    return {"seconds": seconds, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(timed_documents(sys.argv[1], int(sys.argv[2]))))
