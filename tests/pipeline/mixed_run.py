"""A run whose token shards are numbers that count up, as the ledger has them, and its stream mixed by hand."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ledger import Tally
from pipeline.mix_work import mix_work
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.work import WorkList

WEIGHTS = {"c4": 0.5, "books": 0.3, "arxiv": 0.2}
BASE = {"total_tokens": 8000, "sequence_tokens": 8, "shard_sequences": 100, "weights": WEIGHTS}


def make_run(root: Path, vocabulary: Path, sizes: dict[str, list[int]], **mixture: Any) -> Run:
    """The run with token shards of these sizes; batches are of ten sequences, so step k begins with sequence 10 k."""
    run = Run(recipe_with(**mixture), Folder(str(root)))
    (root / "models/tokenizer").mkdir(parents=True, exist_ok=True)
    shutil.copy(vocabulary, root / "models/tokenizer/tokenizer.model")
    for number, (source, tokens) in enumerate(sizes.items()):
        write_tokens(run, source, tokens, first=20_000 * number)
    return run


def recipe_with(**mixture: Any) -> Recipe:
    """The recipe with these settings of its mixture."""
    tables = BASE | mixture | {"changes": tuple(mixture.get("changes", ()))}
    return Recipe.model_validate({"name": "t", "mixture": tables, "trainer": {"batch_sequences": 10}})


def write_tokens(run: Run, source: str, tokens: list[int], *, first: int = 0) -> None:
    """Token shards of these sizes, each with a done record."""
    for index, size in enumerate(tokens):
        name = f"tokens/{source}/s{index}.bin"
        with run.output.create(name) as pending:
            np.arange(first, first + size, dtype="<u2").tofile(pending.path)
        first += size
        run.record(Tally().entry("tokenize", source, f"s{index}", "k", {}, {name: pending.output}))


def mixed(run: Run, scratch: Path) -> list[int]:
    """Mix the stream; the shards that were written anew."""
    work = mix_work(run, WorkList(Folder(str(scratch)), "mix.json"))
    if work is None:
        return []
    blocks: dict[int, list[bytes]] = {}
    for index, _ in work.senders():
        for shard, block in work.send(index):
            blocks.setdefault(shard, []).append(block)
    for shard in work.receivers():
        work.receive(shard, iter(blocks.pop(shard)))
    assert not blocks
    work.finish()
    return list(work.receivers())


def stream_tokens(run: Run) -> np.ndarray:
    """All tokens of the stream."""
    files = sorted(name for name in run.output.list("stream") if name.endswith(".bin"))
    return np.concatenate([np.fromfile(run.output.local_path(f"stream/{name}"), "<u2") for name in files])
