"""Token shards to the stream's shards: as a worker of the embedded engine does it, against NumPy's gather.

Sources have Table 1's ratios of tokens, so that some are read more than twice and one less than once.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.growth import Growing, peak_bytes
from benchmarks.inputs import Inputs
from mixtures.llama1 import TABLE
from mixtures.mixture import largest_remainder
from mixtures.stream import shard_name
from pipeline.exchange import FileCarrier
from pipeline.mix import MixPlan, plan_mix, send_blocks, write_shard
from pipeline.recipe import Recipe
from pipeline.storage import Folder

_MEGABYTES = 128
_UNIT_MEGABYTES = 16
_VOCABULARY = 32_000
_SEQUENCE = 2048
_SHARD_SEQUENCES = 2048
_TOKEN_SHARD_TOKENS = 4 << 20


def mix(inputs: Inputs) -> Figures:
    """A stream of Table 1, written twice; the bytes are the same."""
    folder = inputs.work / "mix"
    plan = write_sources(folder, inputs.size(_MEGABYTES))
    index, maps = gather_index(plan), memory_maps(plan, folder)

    def agree(ours: list[str], theirs: list[str]) -> None:
        if ours != theirs:
            raise DisagreementError("the two streams have other bytes")

    seconds = race(
        lambda: mixed(plan, folder),
        lambda: gathered(plan, index, maps, Folder(str(folder / "gathered"))),
        seconds=inputs.seconds,
        agree=agree,
    )
    return megabytes_a_second(
        plan.stream_bytes,
        seconds,
        "rows of one memory map a source gathered by an index that is there already, and written likewise",
    )


def write_sources(folder: Path, size: int) -> MixPlan:
    """Token shards for a stream of about so many bytes, and its plan. A source's tokens are seeded by its name."""
    total = max(size // 2, 400 * _SEQUENCE)
    weights = {row.source: row.weight for row in TABLE}
    recipe = Recipe.model_validate(
        {"name": "mix", "mixture": {"total_tokens": total, "weights": weights, "shard_sequences": _SHARD_SEQUENCES}}
    )
    budgets = largest_remainder(total, weights)
    shards: dict[str, list[tuple[str, int]]] = {}
    for number, row in enumerate(TABLE):
        left, chance = int(budgets[row.source] / row.epochs) + _SEQUENCE, np.random.default_rng(number)
        for index in range(-(-left // _TOKEN_SHARD_TOKENS)):
            count = min(left, _TOKEN_SHARD_TOKENS)
            path = token_path(folder, row.source, f"s{index:05d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            chance.integers(0, _VOCABULARY, count, dtype=np.uint16).tofile(path)
            shards.setdefault(row.source, []).append((path.stem, count))
            left -= count
    return plan_mix(shards, recipe, vocabulary_size=_VOCABULARY, tokenizer_digest="")


def token_path(folder: Path, source: str, name: str) -> Path:
    """Where a token shard lies."""
    return folder / "tokens" / source / f"{name}.bin"


def mixed(plan: MixPlan, folder: Path) -> list[str]:
    """The stream mixed by one worker, with packs in files as the embedded engine has them; each shard's digest."""
    output = Folder(str(folder / "stream"))
    carrier = FileCarrier(folder / "packs")

    def open_shard(source: str, name: str) -> BinaryIO:
        return token_path(folder, source, name).open("rb")

    for source, shards in plan.shards.items():
        for unit in range(len(shards)):
            list(carrier.pack("sketch", f"{source}-{unit}", send_blocks(plan, source, unit, open_shard)))
    found = []
    for index in range(len(plan.stream_shards)):
        with output.create(shard_name(index)) as pending, pending.path.open("wb") as sink:
            write_shard(plan, index, carrier.unpack([("sketch", index)], ()), sink)
        found.append(pending.output.digest if pending.output else "")
    return found


def gather_index(plan: MixPlan) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Of each stream shard every sequence's source and row."""
    places = [plan.plan.places(np.arange(shard.first, shard.end)) for shard in plan.stream_shards]
    return [(place.source, place.token[:, 0] // _SEQUENCE) for place in places]


def memory_maps(plan: MixPlan, folder: Path) -> list[NDArray[Any]]:
    """Each source as one file in the memory map: rows of one sequence."""
    found: list[NDArray[Any]] = []
    for source in plan.plan.names:
        whole = folder / f"{source}.bin"
        with whole.open("wb") as sink:
            for name, _ in plan.shards[source]:
                sink.write(token_path(folder, source, name).read_bytes())
        rows = whole.stat().st_size // 2 // _SEQUENCE
        found.append(np.memmap(whole, "<u2", "r", shape=(rows, _SEQUENCE)))
    return found


def gathered(
    plan: MixPlan,
    index: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    maps: Sequence[NDArray[Any]],
    output: Folder,
) -> list[str]:
    """The same stream by `source[rows]`; each shard's digest."""
    found = []
    for number, (source, rows) in enumerate(index):
        whole = np.empty((len(rows), _SEQUENCE), "<u2")
        for place, held in enumerate(maps):
            mine = source == place
            whole[mine] = held[rows[mine]]
        with output.create(shard_name(number)) as pending:
            whole.tofile(pending.path)
        found.append(pending.output.digest if pending.output else "")
    return found


def _write(inputs: Inputs, size: int) -> int:
    return write_sources(inputs.work / f"mix-{size}", inputs.size(_UNIT_MEGABYTES) * size).stream_bytes


MIXING = Growing(
    work="the same stream",
    module="benchmarks.mix",
    write=_write,
    arguments=lambda inputs, size: [inputs.work / f"mix-{size}", str(inputs.size(_UNIT_MEGABYTES) * size)],
)
"""The stage `mix`, in one worker."""


def timed_mix(folder: Path, size: int) -> dict[str, float]:
    """Mixing a stream of so many bytes: seconds and the process's peak memory."""
    plan = write_sources(folder, size)
    start = time.perf_counter()
    mixed(plan, folder)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(timed_mix(Path(sys.argv[1]), int(sys.argv[2]))))
