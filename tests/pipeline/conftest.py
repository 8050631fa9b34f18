"""A small finished run of tokens and stream, for the tests of what mixes and verifies them."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from in_process import do_here
from provenance_run import make as make_provenance_run

from filters.batch import document_batch
from mixtures.stream import shard_name
from pipeline.ledger import WHOLE_RUN, Tally
from pipeline.manifest import write_manifest
from pipeline.mix import MixPlan, plan_mix, send_blocks, stream_record, write_shard
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder, Output
from pipeline.token_shards import list_token_shards, write_token_shards
from pipeline.verify import Proof, prove
from tokenizer.vocabulary import Vocabulary

MIXTURE = {"weights": {"c4": 0.5, "books": 0.25, "wikipedia": 0.25}, "sequence_tokens": 16}
SIZES = {"c4": (40, 3), "books": (30, 2), "wikipedia": (5, 1)}  # source: (documents of a unit, units)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRun:
    """Where the run lies, and what it follows from."""

    root: Path
    recipe: Recipe
    tokenizer: Path
    plan: MixPlan

    @property
    def tokens(self) -> Folder:
        return Folder(str(self.root / "tokens"))

    @property
    def stream(self) -> Folder:
        return Folder(str(self.root / "stream"))

    def run(self) -> Run:
        """The run that commands take: what lies there has its done records, and a manifest."""
        return Run(self.recipe, Folder(str(self.root)))


def source_documents(source: str, unit: int) -> pa.RecordBatch:
    chance = random.Random(f"{source} {unit}")
    texts = [
        "".join(chance.choice("abcdefghij  ") for _ in range(chance.randint(0, 90))) for _ in range(SIZES[source][0])
    ]
    rows = [
        {"doc_id": f"{source}{unit}-{i}", "source": source, "origin": f"f#{i}", "text": t} for i, t in enumerate(texts)
    ]
    return document_batch(rows)


def sketch_all(plan: MixPlan, tokens: Folder) -> dict[int, list[bytes]]:
    """The blocks of all units, by stream shard."""
    blocks: dict[int, list[bytes]] = {}
    for source, shards in plan.shards.items():
        for unit in range(len(shards)):
            for index, block in send_blocks(plan, source, unit, lambda s, n: tokens.open(f"{s}/{n}.bin")):
                blocks.setdefault(index, []).append(block)
    return blocks


def build(root: Path, vocabulary_path: Path, **mixture: Any) -> TokenRun:
    vocabulary = Vocabulary(vocabulary_path)
    tokens = Folder(str(root / "tokens"))
    for source, (_, units) in SIZES.items():
        for unit in range(units):
            batches = iter([source_documents(source, unit)])
            write_token_shards(batches, vocabulary, root / "tokens" / source, f"unit{unit}", 1500)
    sizes = {"total_tokens": 4000, "shard_sequences": 100}
    recipe = Recipe.model_validate(
        {"name": "t", "mixture": MIXTURE | sizes | mixture, "trainer": {"batch_sequences": 10}}
    )
    shards = {source: list_token_shards(tokens, source, 2) for source in recipe.sources}
    plan = plan_mix(shards, recipe, vocabulary_size=vocabulary.size, tokenizer_digest=vocabulary.digest)
    run = TokenRun(root=root, recipe=recipe, tokenizer=vocabulary_path, plan=plan)
    written: list[Output] = []
    for index, blocks in sorted(sketch_all(plan, tokens).items()):
        with run.stream.create(shard_name(index)) as pending, pending.path.open("w+b") as sink:
            write_shard(plan, index, blocks, sink)
        assert pending.output is not None
        written.append(pending.output)
    record = stream_record(plan, [{"bytes": output.bytes, "digest": output.digest} for output in written])
    run.stream.write_json("stream.json", record)
    keep_records(run)
    return run


def keep_records(token_run: TokenRun) -> None:
    """Write the done records and the manifest of what lies there, as the stages and the command would."""
    run, root = token_run.run(), token_run.root
    (root / "models/tokenizer").mkdir(parents=True, exist_ok=True)
    shutil.copy(token_run.tokenizer, root / "models/tokenizer/tokenizer.model")

    def outputs(pattern: str) -> dict[str, Output]:
        names = run.output.glob(pattern)
        return {name: Output(run.output.size(name) or 0, run.output.digest(name)) for name in names}

    run.record(Tally().entry("train-tokenizer", WHOLE_RUN, "tokenizer", "", {}, outputs("models/tokenizer/*")))
    run.record(Tally().entry("mix", WHOLE_RUN, "stream", "", {}, outputs("stream/*")))
    for source, (documents, units) in SIZES.items():
        for unit in range(units):
            tally, files = Tally(), outputs(f"tokens/{source}/unit{unit}-*")
            tally.documents_in = tally.documents_kept = documents
            tally.tokens = sum(output.bytes for name, output in files.items() if name.endswith(".bin")) // 2
            run.record(tally.entry("tokenize", source, f"unit{unit}", "", {}, files))
    write_manifest(run)


@pytest.fixture(scope="session")
def finished_token_run(tmp_path_factory: pytest.TempPathFactory, vocabulary_path: Path) -> TokenRun:
    """Not to be written to."""
    return build(tmp_path_factory.mktemp("run"), vocabulary_path)


@pytest.fixture(scope="session")
def phased_token_run(tmp_path_factory: pytest.TempPathFactory, vocabulary_path: Path) -> TokenRun:
    """Of three phases: sequences of half a block, of a block, of two blocks, the last at other ratios."""
    changes = (
        {"from_step": 5, "sequence_tokens": 32},
        {"from_step": 8, "sequence_tokens": 64, "weights": {"c4": 0.4, "books": 0.6}},
    )
    root = tmp_path_factory.mktemp("phased")
    return build(root, vocabulary_path, block_tokens=32, changes=changes, shard_sequences=30)


@pytest.fixture
def token_run(finished_token_run: TokenRun, tmp_path: Path) -> TokenRun:
    """A copy of it to spoil."""
    shutil.copytree(finished_token_run.root, tmp_path / "run")
    return TokenRun(
        root=tmp_path / "run",
        recipe=finished_token_run.recipe,
        tokenizer=finished_token_run.tokenizer,
        plan=finished_token_run.plan,
    )


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], Proof]:
    """`proven(run)`: what `verify` finds, in this process."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # Of files that are looked at once and thrown away.
    return lambda run: prove(run, do_here, Reporter(quiet=True))


@pytest.fixture(scope="session")
def finished_provenance_run(tmp_path_factory: pytest.TempPathFactory, vocabulary_path: Path) -> Run:
    """A run with documents and tokens, of `provenance_run.py`. Not to be written to."""
    return make_provenance_run(tmp_path_factory.mktemp("provenance"), vocabulary_path)


@pytest.fixture
def provenance_run(finished_provenance_run: Run, tmp_path: Path) -> Run:
    """A copy of its output, beside the same dumps."""
    shutil.copytree(finished_provenance_run.output.local_path(), tmp_path / "out")
    return Run(finished_provenance_run.recipe, Folder(str(tmp_path / "out")))
