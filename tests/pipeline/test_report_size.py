"""The report's size is bounded whatever the corpus: by sums, by thinning, and by numbers of examples."""

import json

import numpy as np
import pyarrow as pa
import pytest
from test_score_grid import pages, rules

from filters.batch import document_batch
from pipeline.ledger import LedgerEntry
from pipeline.recipe import Recipe
from pipeline.report import write_report
from pipeline.score_grid import CountScores, ScoreGrid, cuts_of, write_grid
from pipeline.section import SOURCES
from pipeline.storage import Folder
from pipeline.units import UnitOutputs

MAX_BYTES = 5_000_000
CHAINS = dict.fromkeys(SOURCES, ("clean", "reference", "select", "tokenize"))
REASONS = [f"rule:reason_{number}" for number in range(40)]
LANGUAGES, DUMPS = [f"l{number}" for number in range(176)], [f"CC-MAIN-20{number}-05" for number in range(10, 22)]
HOSTILE = "\u202e<&\"'\x00" * 400
"""Each of its characters takes several to be shown."""
EDGES = cuts_of(rules())


def write_corpus(output, scale):
    """Units of all sources with all that a page may tell: rejects, languages, scores, texts; and a long training."""
    for source in SOURCES:
        for unit in range(scale):
            write_unit(output, source, unit)
    steps = ({"step": step, "loss": 9 / (1 + step), "learning_rate": 1e-3} for step in range(1, 3000 * scale))
    output.write_text("training/metrics.jsonl", "".join(json.dumps(step) + "\n" for step in steps))
    told = {name: {"bits_per_byte": 2.0, "documents": 5, "bytes": 9, "tokens": 3} for name in SOURCES}
    lines = ({"step": 10 * number, "sources": told} for number in range(300 * scale))
    output.write_text("training/evaluation.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def write_unit(output, source, unit):
    name = f"unit-{unit:04d}"
    rejected = {reason: {"documents": 10**8 + unit, "bytes": 10**11} for reason in REASONS}
    languages = {
        f"identify_language.language_{kind}:{dump}:{language}": 10**7 + unit
        for language in LANGUAGES for dump in DUMPS[: 3 + unit] for kind in ("documents", "bytes")
    }  # fmt: skip
    for stage in CHAINS[source]:
        counts = languages if stage == "reference" else {}
        entry = LedgerEntry(
            stage=stage, source=source, unit=name, key="k", rejected=rejected, counts=counts, documents_in=1
        )
        output.write_json(entry.name, entry.to_json())
    text = {"source": source, "origin": HOSTILE, "title": HOSTILE, "text": HOSTILE}
    with UnitOutputs(output, "clean", source, name, keep_rejected=True) as outputs:
        rows = [{"doc_id": f"{unit} {number}"} | text for number in range(4 * len(REASONS))]
        outputs.reject("rule", document_batch(rows), pa.array([reason.partition(":")[2] for reason in 4 * REASONS]))
    if source == "commoncrawl":
        scored = [row | text | {"doc_id": f"{unit} {row['doc_id']}"} for row in pages(seed=unit).to_pylist()]
        with UnitOutputs(output, "reference", source, name, keep_rejected=True) as outputs:
            outputs.keep(document_batch(scored))
        grid = ScoreGrid(EDGES)
        grid.documents[:], grid.sizes[:] = 10**7 + unit, np.int64(10**12)
        write_grid(output, source, name, (CountScores(grid),))


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """The report's bytes by how often the corpus is as large as the smallest."""
    found = {}
    for scale in (1, 4, 16):
        output = Folder(str(tmp_path_factory.mktemp(f"corpus-{scale}")))
        write_corpus(output, scale)
        found[scale] = write_report(output, Recipe(name="large"), CHAINS).bytes
    return found


def test_a_report_takes_no_more_than_five_megabytes_at_any_scale(sizes):
    assert max(sizes.values()) < MAX_BYTES


def test_sixteen_times_the_corpus_makes_the_report_hardly_larger(sizes):
    """What still grows from 4 to 16 times are digits, and tables of dumps up to their bound."""
    assert sizes[16] < 1.3 * sizes[4]
