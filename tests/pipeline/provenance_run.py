"""A finished run with raw dump, documents, tokens, a stream of two phases and three training steps; without Beam."""

import gzip
import json
import random
import shutil
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mixed_run import mixed

from filters.batch import document_batch
from pipeline.ledger import WHOLE_RUN, Tally
from pipeline.manifest import write_manifest
from pipeline.map_stages import MAP_STAGES
from pipeline.models import TOKENIZER
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder, Output
from pipeline.token_shards import write_token_shards
from pipeline.work import WorkList, group_stage_work
from tokenizer.vocabulary import Vocabulary

MIXTURE = {
    **{"weights": {"c4": 0.75, "books": 0.25}, "sequence_tokens": 16, "block_tokens": 16, "shard_sequences": 256},
    **{"total_tokens": 24000, "changes": ({"from_step": 30, "sequence_tokens": 32},)},
}
PAGES = {"a": 24, "b": 16}
TWIN, EMPTY = 5, 7
"""Of file b: a page with the text of a page of file a, and one without any."""


def marker(file: str, page: int) -> str:
    """A word that only this page has."""
    return f"quagga{file}{page:03d}x"


def url(file: str, page: int) -> str:
    return f"https://{file}.example.org/{page}"


def text(file: str, page: int) -> str:
    if (file, page) == ("b", TWIN):
        file, page = "a", TWIN
    if (file, page) == ("b", EMPTY):
        return " "
    chance = random.Random(f"{file} {page}")
    words = ["".join(chance.choice("abcdefghij") for _ in range(4)) for _ in range(chance.randint(4, 40))]
    return f"{marker(file, page)} {' '.join(words)} ends."


def recipe(root: Path, **settings: object) -> Recipe:
    return Recipe.model_validate(
        {
            **{"name": "t", "mixture": MIXTURE, "trainer": {"batch_sequences": 4}},
            **{"inputs": {"root": str(root / "dumps")}, "dedup": {"partitions": 2}},
            **settings,
        }
    )


def write_dump(root: Path) -> None:
    (root / "dumps/c4").mkdir(parents=True)
    for file, pages in PAGES.items():
        with gzip.open(root / f"dumps/c4/c4-train.{file}.json.gz", "wt") as dump:
            for page in range(pages):
                held = {"text": text(file, page), "url": url(file, page), "timestamp": "2019-04-25T12:57:54Z"}
                dump.write(json.dumps(held) + "\n")
            dump.write("{broken\n")


def judge(run: Run, scratch: Path) -> bool:
    """Stage `dedup` of C4 in this process; whether there was anything to do."""
    work = group_stage_work(run, "dedup", "c4", run.units("c4"), [], WorkList(Folder(str(scratch)), "dedup.json"))
    if work is None:
        return False
    keyed = [item for index, _ in work.senders() for item in work.send(index)]
    for number in range(work.rounds()):
        keyed = [item for key, held in _grouped(keyed).items() for item in work.judge(number, key, iter(held))]
    found = _grouped(keyed)
    for index in work.receivers():
        work.receive(index, iter(found.get(index, [])))
    return True


def _grouped(keyed: list) -> dict[int, list[bytes]]:
    groups = defaultdict(list)
    for key, block in keyed:
        groups[key].append(block)
    return dict(sorted(groups.items()))


def make(root: Path, vocabulary_path: Path) -> Run:
    """The whole run."""
    write_dump(root)
    run = Run(recipe(root), Folder(str(root / "out")))
    (root / "out/models/tokenizer").mkdir(parents=True)
    shutil.copy(vocabulary_path, root / "out/models/tokenizer/tokenizer.model")
    name = "models/tokenizer/tokenizer.model"
    model = {name: Output(run.output.size(name) or 0, run.output.digest(name))}
    for unit in run.units("c4"):
        MAP_STAGES["clean"].process(run, unit)
    judge(run, root / "scratch")
    for unit in run.units("c4"):
        MAP_STAGES["sample-tokenizer"].process(run, unit)
    run.record(Tally().entry(TOKENIZER.stage, WHOLE_RUN, "tokenizer", "k", {}, model))
    for unit in run.units("c4"):
        MAP_STAGES["tokenize"].process(run, unit)
    _write_books(run, root, vocabulary_path)
    mixed(run, root / "scratch")
    steps = [{"step": step, "loss": 1.0, "skipped": step == 2} for step in (1, 2, 3)]
    run.output.write_text("training/metrics.jsonl", "".join(json.dumps(step) + "\n" for step in steps))
    write_manifest(run)
    return run


def _write_books(run: Run, root: Path, vocabulary: Path) -> None:
    rows = [
        {"doc_id": f"book{i}", "source": "books", "origin": f"books/{i}.txt#book", "text": "ab " * 60}
        for i in range(20)
    ]
    shards = write_token_shards(iter([document_batch(rows)]), Vocabulary(vocabulary), root / "books", "u", 1 << 20)
    written = {}
    for path in sorted((root / "books").iterdir()):
        written[f"tokens/books/{path.name}"] = run.output.put(path, f"tokens/books/{path.name}")
    tally = Tally()
    tally.tokens, tally.documents_in, tally.documents_kept = shards[0].tokens, len(rows), len(rows)
    run.record(tally.entry("tokenize", "books", "u", "k", {}, written))


def document(run: Run, file: str, page: int) -> dict:
    """The page's row as clean kept or rejected it."""
    for kind in ("documents", "rejected"):
        path = run.output.local_path(f"{kind}/clean/c4/c4-train.{file}.json.gz.parquet")
        rows = pq.read_table(path).to_pylist() if path.exists() else []
        if found := [row for row in rows if row["url"] == url(file, page)]:
            return found[0]
    raise AssertionError((file, page))


def words_below(run: Run, vocabulary: Path) -> str:
    """All text below the output folder but logs: of every file, unpacked and decoded."""
    found = []
    for path in sorted(run.output.local_path().rglob("*")):
        if not path.is_file() or "logs" in path.parts or path.suffix == ".model":
            continue
        if path.suffix == ".parquet":
            found.append(str(pq.read_table(path).to_pylist()))
        elif path.suffix == ".bin":
            ids = pa.py_buffer(path.read_bytes())
            found.append(Vocabulary(vocabulary).decode(memoryview(ids).cast("H").tolist()))
        else:
            raw = path.read_bytes()
            found.append((gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace"))
    return "\n".join(found)
