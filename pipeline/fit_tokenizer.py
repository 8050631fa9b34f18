"""Stage `train-tokenizer`: a sample of the sources at the mixture's ratios, and the tokenizer trained on it."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa

from filters.batch import text_bytes
from pipeline.document_rows import Read
from pipeline.errors import FatalError, SettingError
from pipeline.recipe import Recipe
from tokenizer.train import train_tokenizer
from tokenizer.vocabulary import Vocabulary

_COLUMNS = ("doc_id", "text")

MEASURED_BYTES = 1 << 20
"""How much of each source's sample is encoded, to report bytes a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How much of one source to take: `copies` of each document on average, and at most `max_bytes`."""

    source: str
    copies: float
    max_bytes: int
    seed: int

    def copies_of(self, doc_id: str) -> int:
        """How often this document is taken: a pure function of its id."""
        key = f"tokenmill tokenizer {self.seed} {doc_id}".encode()
        draw = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") / 2**64
        return int(self.copies) + (draw < self.copies % 1)


def fit_tokenizer(
    read: Read, recipe: Recipe, folder: Path, source_bytes: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Write tokenizer.model, tokenizer.vocab, tokenizer_config.json and report.json into `folder`; give the report.

    `read(source)` gives the source's documents anew each time; `source_bytes` are its bytes of text where the ledger
    knows them, so that they need not be counted. A given `tokenizer.model` is copied and checked instead.
    Raises SettingError where the given model cannot serve, FatalError where the sample cannot give the vocabulary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = dict(source_bytes or {source: sum(map(text_bytes, read(source, _COLUMNS))) for source in recipe.sources})
    taken = {source: {"bytes": 0, "documents": 0} for source in recipe.sources}
    plan = samples(recipe, sizes)
    trained: dict[str, Any] = {}
    if recipe.tokenizer.model:
        _copy(recipe.tokenizer.model, folder / "tokenizer.model")
    else:
        trained = _train(_texts(read, plan, taken), recipe, folder)
    vocabulary = _checked(folder / "tokenizer.model")
    _write_config(folder)
    report = trained | {
        "vocabulary_size": vocabulary.size,
        "digest": vocabulary.digest,
        "given": recipe.tokenizer.model,
    }
    report["sources"] = {
        sample.source: taken[sample.source]
        | {"copies": round(sample.copies, 6), "bytes_per_token": _bytes_per_token(read, sample, vocabulary)}
        for sample in plan
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    return report


def samples(recipe: Recipe, sizes: Mapping[str, int]) -> list[Sample]:
    """What to take of each source, so that bytes stand at the mixture's ratios.

    All sources together give `tokenizer.sample_bytes`, or as much as there is if that is less; a source smaller than
    its part is repeated, as the stream repeats it.
    """
    total = min(recipe.tokenizer.sample_bytes, sum(sizes.get(source, 0) for source in recipe.sources))
    plan = []
    for source in recipe.sources:
        part = total * recipe.mixture.weights[source]
        if not sizes.get(source):
            raise FatalError(f"mixture.weights.{source} must be removed: the source has no text, its weight is above 0")
        plan.append(Sample(source=source, copies=part / sizes[source], max_bytes=int(part) + 1, seed=recipe.seed))
    return plan


def _texts(read: Read, plan: list[Sample], taken: dict[str, dict[str, int]]) -> Iterator[str]:
    for sample in plan:
        for text in sampled_texts(read(sample.source, _COLUMNS), sample):
            taken[sample.source]["bytes"] += len(text.encode())
            taken[sample.source]["documents"] += 1
            yield text


def sampled_texts(batches: Iterator[pa.RecordBatch], sample: Sample) -> Iterator[str]:
    """The texts of the documents drawn, as often as they are drawn, until the part is full."""
    room = sample.max_bytes
    for batch in batches:
        copies = [sample.copies_of(doc_id) for doc_id in batch.column("doc_id").to_pylist()]
        drawn = batch.column("text").take(pa.array(np.repeat(np.arange(batch.num_rows), copies)))
        for text in drawn:
            if room <= 0:
                return
            value: str = text.as_py()
            room -= len(value.encode())
            yield value


def _train(texts: Iterator[str], recipe: Recipe, folder: Path) -> dict[str, Any]:
    settings = recipe.tokenizer
    try:
        report = train_tokenizer(
            texts,
            folder / "tokenizer",
            vocabulary_size=settings.vocabulary_size,
            character_coverage=settings.character_coverage,
            max_sentence_bytes=settings.max_sentence_bytes,
            sample_sentences=settings.sample_sentences,
        )
    except ValueError as error:
        raise FatalError(f"tokenizer: {error}") from error
    return asdict(report)


def _copy(model: str, target: Path) -> None:
    try:
        with fsspec.open(model, "rb") as given, target.open("wb") as ours:
            shutil.copyfileobj(given, ours)
    except FileNotFoundError as error:
        raise SettingError(f"tokenizer.model must be a file, got {model}") from error


def _checked(path: Path) -> Vocabulary:
    try:
        vocabulary = Vocabulary(path)
    except ValueError as error:
        raise SettingError(f"tokenizer.model: {error}") from error
    if faults := vocabulary.faults():
        raise SettingError(f"tokenizer.model cannot be used: {'; '.join(faults)}")
    return vocabulary


def _write_config(folder: Path) -> None:
    """What lets `transformers` load the folder, which is the tokenizer's name in the shards' metadata."""
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False}
    config |= {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def _bytes_per_token(read: Read, sample: Sample, vocabulary: Vocabulary) -> float:
    size = tokens = 0
    for batch in read(sample.source, _COLUMNS):
        encoded = vocabulary.encode(batch.column("text"))
        size, tokens = size + text_bytes(batch), tokens + len(encoded.ids)
        if size >= MEASURED_BYTES:
            break
    return round(size / tokens, 4) if tokens else 0.0
