"""Stage `train-tokenizer`: the tokenizer, trained on a sample at the mixture's ratios, and what it is like."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.document_rows import Read
from pipeline.errors import FatalError, SettingError
from pipeline.memory import memory_bytes
from pipeline.recipe import Recipe
from pipeline.run import TextSize
from pipeline.tokenizer_sample import part_bytes
from tokenizer.huggingface import huggingface_files
from tokenizer.report import Measure, Tokenizer, tokenizer_report
from tokenizer.train import BYTES_A_SAMPLE_BYTE, train_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A source's part of the sample: every document `copies` times, once more those with a rank below `rank`.

    Of the document with this rank come `cut_bytes` more, so that the part has the bytes that it should have, but for
    what is left of a character.
    """

    source: str
    documents: int
    bytes: int
    copies: int
    rank: int
    cut_bytes: int

    def texts(self, batches: Iterator[pa.RecordBatch]) -> Iterator[str]:
        """The part's texts, in the order of the documents, which come with rank, text and whether they are held out."""
        for batch in batches:
            columns = (batch.column(name) for name in ("rank", "text", "held_out"))
            for rank, text, held_out in zip(*columns, strict=True):
                if not held_out.as_py():
                    yield from self._copies(rank.as_py(), text)

    def figures(self) -> dict[str, int]:
        """What the report says of it."""
        return {"documents": self.documents, "bytes": self.bytes, "copies": self.copies}

    def _copies(self, rank: int, text: pa.Scalar) -> Iterator[str]:
        if not self.copies and rank > self.rank:
            return
        value: str = text.as_py()
        for _ in range(self.copies + (rank < self.rank)):
            yield value
        if rank == self.rank and (cut := value.encode()[: self.cut_bytes].decode("utf-8", "ignore")):
            yield cut


def part_of(source: str, size: int, ranks: NDArray[np.uint64], sizes: NDArray[np.int64]) -> Part:
    """How a part of so many bytes is made of documents with these ranks and sizes: the lowest ranks first.

    A source with less text than its part is repeated, as the stream repeats it. Raises FatalError where it has none.
    """
    if not sizes.sum():
        raise FatalError(f"mixture.weights.{source} must be removed: the source has no text, its weight is above 0")
    order = np.argsort(ranks, kind="stable")
    ends = np.cumsum(sizes[order])
    copies, rest = divmod(size, int(ends[-1]))
    index = int(np.searchsorted(ends, rest, side="right"))  # The first document that does not come in whole.
    before = int(ends[index - 1]) if index else 0
    used = len(sizes) if copies else index + (rest > before)
    return Part(
        source=source,
        documents=used,
        bytes=size,
        copies=copies,
        rank=int(ranks[order[index]]),
        cut_bytes=rest - before,
    )


def fit_tokenizer(read: Read, recipe: Recipe, folder: Path, sizes: Mapping[str, TextSize]) -> dict[str, Any]:
    """Write tokenizer.model, report.json and the files beside the model into `folder`; give the report.

    Those are tokenizer.vocab where it was trained, and tokenizer.json and tokenizer_config.json for `transformers`.
    `read(source)` gives the source's sample anew each time; `sizes` say how much text the sources have in all. A given
    `tokenizer.model` is copied and checked instead. Raises SettingError where the given model cannot serve, or the
    sample does not fit this machine; FatalError where the sample cannot give the vocabulary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trained: dict[str, Any] = {}
    parts: list[Part] = []
    if recipe.tokenizer.model:
        _copy(recipe.tokenizer.model, folder / "tokenizer.model")
    else:
        wanted = part_bytes(recipe, sizes)
        check_memory(sum(wanted.values()), memory_bytes())
        parts = [_plan(read, source, size) for source, size in wanted.items()]
        trained = _train((text for part in parts for text in part.texts(_texts(read, part.source))), recipe, folder)
    tokenizer = _checked(folder / "tokenizer.model")
    report = {"training": trained, "given": recipe.tokenizer.model, "without_tokenizer_json": _for_others(folder)}
    report |= _look(read, recipe, tokenizer, parts)
    (folder / "report.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    return report


def check_memory(sample_bytes: int, memory: int | None) -> None:
    """Raise SettingError where SentencePiece would need more memory than there is, by what it was seen to take."""
    if memory is not None and sample_bytes * BYTES_A_SAMPLE_BYTE > memory:
        raise SettingError(
            f"tokenizer.sample_bytes must be at most {memory // BYTES_A_SAMPLE_BYTE} on a machine with {memory} bytes"
            f" of memory (training takes {BYTES_A_SAMPLE_BYTE} for each byte of text), got {sample_bytes}"
        )


def _plan(read: Read, source: str, size: int) -> Part:
    """The part of a source, from ranks and sizes alone: 16 bytes for each document of the sample."""
    found = [batch.filter(pc.invert(batch.column("held_out"))) for batch in read(source, ("rank", "size", "held_out"))]
    ranks = np.concatenate([np.zeros(0, np.uint64), *(batch.column("rank").to_numpy() for batch in found)])
    sizes = np.concatenate([np.zeros(0, np.int64), *(batch.column("size").to_numpy() for batch in found)])
    return part_of(source, size, ranks, sizes)


def _texts(read: Read, source: str) -> Iterator[pa.RecordBatch]:
    return read(source, ("rank", "text", "held_out"))


def _look(read: Read, recipe: Recipe, tokenizer: Tokenizer, parts: list[Part]) -> dict[str, Any]:
    """What the tokenizer is like, measured on what was held out of each source, or on its sample if nothing was."""
    measure, samples = Measure(tokenizer), {part.source: part.figures() for part in parts}
    figures: dict[str, Any] = {}
    for source in recipe.sources:
        held_out = any(pc.any(batch.column("held_out")).as_py() for batch in read(source, ("held_out",)))
        for batch in read(source, ("language", "text", "held_out")):
            measured = pc.equal(batch.column("held_out"), held_out)
            measure.add(source, *(batch.filter(measured).column(name) for name in ("language", "text")))
            measure.use(batch.filter(pc.invert(measured)).column("text"))
        figures[source] = measure.figures(source) | {"held_out": held_out, "sample": samples.get(source)}
    return tokenizer_report(tokenizer, measure.used, recipe.seed) | {"sources": figures}


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


def _checked(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer(path)
    except ValueError as error:
        raise SettingError(f"tokenizer.model: {error}") from error
    if faults := tokenizer.vocabulary.faults():
        raise SettingError(f"tokenizer.model cannot be used: {'; '.join(faults)}")
    return tokenizer


def _for_others(folder: Path) -> str:
    """Write what `transformers` loads the folder by, whose name stands in the shards' metadata; or why it cannot."""
    try:
        files = huggingface_files(folder / "tokenizer.model")
    except ValueError as error:
        return str(error)
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    return ""
