"""How well a model predicts documents that no step has read: nats a token and bits a byte, by source.

Documents lie in `SOURCE/*.parquet`, columns `doc_id` and `text`, as the pipeline holds them out. Each is `BOS ids EOS`,
cut into windows of a training sequence's length that share one token, so that every token but BOS is predicted once,
from what its window holds before it. Bits per byte are those of all predictions, EOS too, over the UTF-8 bytes of the
text: unlike nats per token they may be compared between tokenizers.

Shapes: B windows, T tokens, S sources.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import fsspec
import fsspec.core
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch.distributed.fsdp import FSDPModule

from tokenizer.vocabulary import Vocabulary
from trainer.batches import MicroBatch
from trainer.config import TrainerConfig
from trainer.errors import SettingsError
from trainer.loss import UNCOUNTED
from trainer.metrics import finite, last_step
from trainer.model import Llama, Rope
from trainer.parallel import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a model makes of a source's held-out documents; `tokens` are those predicted."""

    bits_per_byte: float
    nats_per_token: float
    documents: int
    bytes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one document's ids, and the number of its source."""

    source: int
    ids: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out documents of some sources, as windows of ids."""

    sources: tuple[str, ...]
    documents: tuple[int, ...]
    bytes: tuple[int, ...]
    windows: tuple[Window, ...]
    sequence_tokens: int

    @classmethod
    def open(cls, folder: str, vocabulary: Vocabulary, *, documents: int, sequence_tokens: int) -> Self:
        """At most so many documents of each source below the folder, a path or an fsspec address: the lowest ids'.

        They are looked for in as many files a source at most, drawn by their names: of a large corpus there are many
        thousands. Raises SettingsError where there is no document, or a file cannot be read.
        """
        try:
            files, root = fsspec.core.url_to_fs(folder)
            named = sorted(name for name in files.find(root, maxdepth=2) if name.endswith(".parquet"))
        except (OSError, ImportError, ValueError) as error:
            raise SettingsError(f"{folder} cannot be read: {error}") from error
        of_source: dict[str, list[str]] = {}
        for name in named:
            of_source.setdefault(name.split("/")[-2], []).append(name)
        texts = {source: found for source, names in of_source.items() if (found := _texts(files, names, documents))}
        if not texts:
            raise SettingsError(f"{folder} holds no SOURCE/*.parquet with a document: tokens.held_out_fraction")
        return cls(
            sources=tuple(texts),
            documents=tuple(len(found) for found in texts.values()),
            bytes=tuple(sum(len(text.encode()) for text in found) for found in texts.values()),
            windows=tuple(
                Window(number, ids)
                for number, found in enumerate(texts.values())
                for ids in _windows(found, vocabulary, sequence_tokens)
            ),
            sequence_tokens=sequence_tokens,
        )

    def batches(self, sequences: int, world: World) -> Iterator[MicroBatch]:
        """This process's share of the windows: as many batches for each process, all of as many rows.

        Rows without a window, and what a window leaves of its row, have no target that counts.
        """
        share = -(-len(self.windows) // world.data_ranks)
        mine = self.windows[world.data_rank :: world.data_ranks]
        for first in range(0, share, sequences):
            yield self._batch(mine[first : first + sequences], min(sequences, share), world.device)

    def figures(self, nats: Sequence[float]) -> dict[str, Figures]:
        """Of each source, from the nats of all its predictions."""
        tokens = [0] * len(self.sources)
        for window in self.windows:
            tokens[window.source] += len(window.ids) - 1
        return {
            name: Figures(
                bits_per_byte=total / math.log(2) / self.bytes[number],
                nats_per_token=total / tokens[number],
                documents=self.documents[number],
                bytes=self.bytes[number],
                tokens=tokens[number],
            )
            for number, (name, total) in enumerate(zip(self.sources, nats, strict=True))
        }

    def _batch(self, windows: Sequence[Window], rows: int, device: torch.device) -> MicroBatch:
        tokens_BT = np.zeros((rows, self.sequence_tokens), np.int64)
        targets_BT = np.full_like(tokens_BT, UNCOUNTED)
        sources_B = np.zeros(rows, np.int64)
        for row, window in enumerate(windows):
            tokens_BT[row, : len(window.ids)] = window.ids
            targets_BT[row, : len(window.ids) - 1] = window.ids[1:]
            sources_B[row] = window.source
        return MicroBatch(*(torch.from_numpy(array).to(device) for array in (tokens_BT, targets_BT, sources_B)))


def _texts(files: fsspec.AbstractFileSystem, names: Sequence[str], documents: int) -> list[str]:
    drawn = sorted(names, key=lambda name: hashlib.blake2b(name.rpartition("/")[2].encode()).digest())
    found: list[tuple[str, str]] = []
    for name in drawn[:documents]:
        try:
            with files.open(name) as stream, pq.ParquetFile(stream) as file:
                table = file.read(["doc_id", "text"])
                found += zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), strict=True)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise SettingsError(f"{name} holds no documents: {error}") from error
    # A takedown leaves the row of a document, and nothing to predict.
    return [text for _, text in sorted(pair for pair in found if pair[1])[:documents]]


def _windows(texts: Sequence[str], vocabulary: Vocabulary, sequence_tokens: int) -> Iterator[NDArray[np.int32]]:
    encoded = vocabulary.encode(pa.array(texts, pa.large_string()))
    bos, eos = [vocabulary.bos_id], [vocabulary.eos_id]
    for first, last in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True):
        ids = np.concatenate([bos, encoded.ids[first:last], eos]).astype(np.int32)
        for start in range(0, len(ids) - 1, sequence_tokens - 1):
            yield ids[start : start + sequence_tokens]


@torch.no_grad()
def evaluate(model: Llama, held_out: HeldOut, rope: Rope, *, sequences: int, world: World) -> dict[str, Figures]:
    """The figures of each source. Every process of the world gets all of them, and all have to call this.

    `sequences` windows go through the model together: as many as in training, so that nothing is compiled anew.
    """
    nats_S = torch.zeros(len(held_out.sources), dtype=torch.float64, device=world.device)
    rope = rope.first(held_out.sequence_tokens)
    for batch in held_out.batches(sequences, world):
        losses = model(batch.tokens_BT, batch.targets_BT, rope, scale=1.0)
        nats_S += batch.nats_by_source(losses.sequence_nats_B, len(nats_S))
    if isinstance(model, FSDPModule):
        model.reshard()  # Backward would: the next step is to find this process's part of weights, not all of them.
    return held_out.figures(world.sum(nats_S).tolist())


def is_due(path: Path, config: TrainerConfig, step: int) -> bool:
    """Whether figures after so many steps are wanted, and the file of figures has none: every `evaluation_steps`, and
    after the last one.
    """
    every = config.evaluation_steps
    wanted = every > 0 and step > 0 and (step % every == 0 or step == config.steps)
    return wanted and last_step(path, up_to=step) < step


def line_of(step: int, figures: Mapping[str, Figures]) -> dict[str, Any]:
    """A line of `evaluation.jsonl`: null for what is no number, as a model that has diverged gives."""
    return {"step": step, "sources": finite({name: asdict(some) for name, some in figures.items()})}
