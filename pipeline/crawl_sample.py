"""Stage `sample`: the few pages of each CommonCrawl unit that the fits may want, so that no fit reads a dump.

A fit wants the pages with the lowest ranks of the whole dump, some hundred thousand. Of each unit are kept twice its
mean share of them and a margin for chance, so that they are all there unless a unit holds more than about twice as
many pages as the others; such a unit then has fewer pages in the sample than its share, and nothing else happens.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import DOCUMENT_SCHEMA, with_column
from pipeline.document_rows import language_rule
from pipeline.recipe import Recipe
from pipeline.samples import rank
from pipeline.storage import Folder, Output, ParquetSink, read_batches

CUTOFFS, POSITIVES, NEGATIVES = "cutoffs", "positives", "negatives"
"""What pages are drawn for: percentiles of their perplexity, and the two classes of the reference classifier."""

COUNTS = {
    CUTOFFS: "pages with a perplexity in a language that is kept: what those for `cutoffs` are drawn from",
    POSITIVES: "of the long enough, those that Wikipedia cites: what examples for `train-reference` are drawn from",
    NEGATIVES: "of the long enough, those that it does not cite: what the counterexamples are drawn from",
    "sampled": "pages that were drawn for any of these",
}
"""What is counted of a unit."""

Batches = Callable[[], Iterator[pa.RecordBatch]]
"""A fresh iterator over a unit's documents."""

Mask = npt.NDArray[np.bool_]


def purpose(name: str, recipe: Recipe) -> str:
    """What the ranks of a draw follow from."""
    return f"{name} {recipe.seed}"


def populations(batch: pa.RecordBatch, recipe: Recipe) -> Mapping[str, Mask]:
    """Which pages are drawn from: surely in a kept language, and of the same least length for both classes."""
    kept = language_rule(recipe).keeps(batch)
    long = pc.and_(kept, pc.greater_equal(pc.utf8_length(batch.column("text")), max(1, recipe.reference.min_chars)))
    cited = pc.fill_null(batch.column("cited"), False)
    found = {
        CUTOFFS: pc.and_(kept, pc.is_valid(batch.column("perplexity"))),
        POSITIVES: pc.and_(long, cited),
        NEGATIVES: pc.and_not(long, cited),
    }
    return {name: mask.to_numpy(zero_copy_only=False) for name, mask in found.items()}


def documents_a_unit(max_documents: int, units: int) -> int:
    """How many of one unit's lowest ranks hold what it has of the dump's lowest `max_documents`, but for bad luck.

    Goes by the power of two at or below the number of units, so that one more file rarely draws all samples anew.
    """
    share = max_documents / (1 << (max(1, units).bit_length() - 1))
    return min(max_documents, math.ceil(2 * share + 4 * math.sqrt(share)) + 4)


def bounds(recipe: Recipe, units: int) -> Mapping[str, int]:
    """How many pages of a unit are kept for each purpose; none for a model that the recipe names."""
    given = recipe.perplexity.head_cutoff or recipe.perplexity.cutoffs == "ccnet"
    for_cutoffs = 0 if given else recipe.perplexity.max_documents
    for_reference = 0 if recipe.reference.model else recipe.reference.max_documents
    wanted = {CUTOFFS: for_cutoffs, POSITIVES: for_reference, NEGATIVES: for_reference}
    return {name: documents_a_unit(most, units) if most else 0 for name, most in wanted.items()}


def sample_unit(batches: Batches, recipe: Recipe, units: int) -> Iterator[tuple[pa.RecordBatch, Mapping[str, int]]]:
    """The unit's sample, batch by batch, with how many pages it was drawn from by purpose.

    A page that is wanted for its perplexity alone comes without its text.
    """
    highest = _highest_ranks(batches, recipe, bounds(recipe, units))
    for batch in batches():
        masks = populations(batch, recipe)
        drawn = {name: mask & (_ranks(name, batch, mask, recipe) <= highest[name]) for name, mask in masks.items()}
        with_text = drawn[POSITIVES] | drawn[NEGATIVES]
        text = pc.if_else(pa.array(with_text), batch.column("text"), pa.scalar("", pa.large_string()))
        rows = pa.array(with_text | drawn[CUTOFFS])
        counts = {name: int(mask.sum()) for name, mask in masks.items()}
        yield with_column(batch, "text", text).filter(rows), counts


def _highest_ranks(batches: Batches, recipe: Recipe, most: Mapping[str, int]) -> dict[str, int]:
    """For each purpose the rank up to which the unit's pages are drawn; -1 where none is."""
    ranks: dict[str, list[npt.NDArray[np.uint64]]] = {name: [] for name in most}
    for batch in batches():
        for name, mask in populations(batch, recipe).items():
            if most[name]:
                ranks[name].append(_ranks(name, batch, mask, recipe)[mask])
    found = {name: np.sort(np.concatenate([np.zeros(0, np.uint64), *held])) for name, held in ranks.items()}
    return {name: int(held[: most[name]][-1]) if len(held) else -1 for name, held in found.items()}


def _ranks(name: str, batch: pa.RecordBatch, mask: Mask, recipe: Recipe) -> npt.NDArray[np.uint64]:
    """Ranks of the pages that the mask names; the others' mean nothing."""
    ids = batch.column("doc_id").to_pylist()
    drawn_for = purpose(name, recipe)
    return np.array([rank(drawn_for, i) if named else 0 for i, named in zip(ids, mask, strict=True)], dtype=np.uint64)


def write_sample(
    output: Folder, documents: str, target: str, recipe: Recipe, units: int
) -> tuple[Counter[str], Output]:
    """Write the sample of the unit whose documents lie under a name; gives what it was drawn from and the file."""
    counts: Counter[str] = Counter()
    with output.create(target) as pending:
        sink = ParquetSink(pending.path, DOCUMENT_SCHEMA)
        for batch, drawn_from in sample_unit(lambda: read_batches(output, documents), recipe, units):
            sink.write(batch)
            counts.update(drawn_from)
        sink.close()
    assert pending.output is not None  # published: `create` would have raised
    return counts + Counter(sampled=sink.rows), pending.output
