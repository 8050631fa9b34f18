"""Stage `sample-tokenizer`: of each unit the documents that the tokenizer may be trained on, or is measured by.

Every document has a rank, which follows from its id and the seed alone. Those with the lowest ranks are trained on,
those with the highest are held out. How many of each follows from how much text the sources have, as the ledger says;
a unit keeps the documents below a power of two, so that a little more text anywhere rarely draws all samples anew, and
the fit takes of them exactly what it wants.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import text_bytes
from pipeline.recipe import Recipe
from pipeline.run import Run, TextSize, documents_folder
from pipeline.samples import rank
from pipeline.stage_names import SAMPLE_TOKENIZER
from pipeline.storage import Output, ParquetSink, read_batches
from pipeline.units import Unit

HELD_OUT_BYTES = 4 << 20
"""About so much of each source is held out, or twice as much, but no more than one document in sixteen."""

MIN_DOCUMENTS = 64
"""So many of a source are drawn at least on average, however long they are; one of fewer has none to hold out."""

_ONE_IN_SIXTEEN = 4
_MIN_HELD_OUT_DOCUMENTS = 16

COUNTS = {
    "drawn": "documents in the sample",
    "drawn_bytes": "bytes of their text",
    "held_out": "of these, documents that the tokenizer is measured by",
    "held_out_bytes": "bytes of their text",
}
"""What is counted of a unit."""

COLUMNS = ("doc_id", "language", "text")
SCHEMA = pa.schema(
    [
        *(("doc_id", pa.string()), ("language", pa.string()), ("rank", pa.uint64()), ("size", pa.int64())),
        *(("held_out", pa.bool_()), ("text", pa.large_string())),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """One document of `1 << trained` may be trained on, one of `1 << held_out` is held out; None: not one."""

    trained: int | None
    held_out: int | None

    @property
    def highest_trained(self) -> int:
        """The rank up to which documents are trained on, unless they are held out; -1 where none is."""
        return -1 if self.trained is None else ((1 << 64) >> self.trained) - 1

    @property
    def lowest_held_out(self) -> int:
        """The rank from which on documents are held out; above all ranks where none is."""
        return (1 << 64) - (0 if self.held_out is None else (1 << 64) >> self.held_out)


def part_bytes(recipe: Recipe, sizes: Mapping[str, TextSize]) -> dict[str, int]:
    """Bytes of each source in the sample, at the mixture's ratios.

    Together they are `tokenizer.sample_bytes`, or as much as there is if that is less.
    """
    total = min(recipe.tokenizer.sample_bytes, sum(size.bytes for size in sizes.values()))
    return {source: int(total * ratio) for source, ratio in recipe.asked_shares.items()}


def shares(recipe: Recipe, sizes: Mapping[str, TextSize], source: str) -> Shares:
    """How much of a source is drawn: half as much again as its part, at least, so that chance does not spoil it."""
    size = sizes[source]
    held_out = min(_halvings(size.bytes, HELD_OUT_BYTES), _halvings(size.documents, _MIN_HELD_OUT_DOCUMENTS))
    if recipe.tokenizer.model:
        return Shares(trained=None, held_out=held_out)
    part = part_bytes(recipe, sizes)[source]
    trained = min(_halvings(2 * size.bytes, 3 * part), _halvings(size.documents, MIN_DOCUMENTS))
    can_spare = size.documents >= MIN_DOCUMENTS
    return Shares(trained=trained, held_out=max(_ONE_IN_SIXTEEN, held_out) if can_spare else None)


def _halvings(whole: int, part: int) -> int:
    """How often the whole can be halved and is no less than the part."""
    return max(0, (whole // max(1, part)).bit_length() - 1)


def draw(batches: Iterator[pa.RecordBatch], taken: Shares, seed: int) -> Iterator[pa.RecordBatch]:
    """The documents drawn, in their order, as batches of `SCHEMA`; none without text."""
    for batch in batches:
        ranks = np.array([rank(f"tokenizer {seed}", i) for i in batch.column("doc_id").to_pylist()], dtype=np.uint64)
        sizes = pc.fill_null(pc.binary_length(batch.column("text")), 0).cast(pa.int64())
        held_out = ranks >= taken.lowest_held_out
        trained = ranks <= taken.highest_trained
        columns = [batch.column("doc_id"), batch.column("language"), pa.array(ranks), sizes, pa.array(held_out)]
        whole = pa.RecordBatch.from_arrays([*columns, batch.column("text").cast(pa.large_string())], schema=SCHEMA)
        yield whole.filter(pa.array((held_out | trained) & (sizes.to_numpy() > 0)))


def settings(run: Run, unit: Unit) -> list[Any]:
    """What a unit's sample follows from, besides its documents."""
    taken = _shares(run, unit.source)
    return [run.recipe.seed, taken.trained, taken.held_out]


def sample(run: Run, unit: Unit, documents: str) -> tuple[Counter[str], dict[str, Output]]:
    """Write the sample of the unit whose documents lie under a name; gives counts of it and the file."""
    counts: Counter[str] = Counter()
    target = f"{documents_folder(SAMPLE_TOKENIZER, unit.source)}/{unit.name}.parquet"
    batches = read_batches(run.output, documents, columns=COLUMNS)
    with run.output.create(target) as pending:
        sink = ParquetSink(pending.path, SCHEMA)
        for batch in draw(batches, _shares(run, unit.source), run.recipe.seed):
            sink.write(batch)
            held = batch.filter(batch.column("held_out"))
            counts.update(drawn=batch.num_rows, drawn_bytes=text_bytes(batch))
            counts.update(held_out=held.num_rows, held_out_bytes=text_bytes(held))
        sink.close()
    assert pending.output is not None  # published: `create` would have raised
    return counts, {target: pending.output}


def _shares(run: Run, source: str) -> Shares:
    return shares(run.recipe, run.text_sizes(), source)
