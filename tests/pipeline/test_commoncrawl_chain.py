"""CommonCrawl's stages behind deduplication: the mode's way of scoring, the thresholds' documents."""

import json
from pathlib import Path

import pytest

from pipeline.commoncrawl_chain import LANGUAGE_STAGE, PERPLEXITY_STAGE, SELECT_STAGE
from pipeline.errors import FatalError
from pipeline.models import CUTOFFS
from pipeline.stages import done
from pipeline.storage import read_batches


def test_documents_that_the_thresholds_reject_are_kept_to_look_at(small_run):
    run = small_run.run()
    entries = [done(SELECT_STAGE, run, unit) for unit in run.units("commoncrawl")]
    rejected = sum(item["documents"] for entry in entries for item in entry.rejected.values())
    names = [f"rejected/select/commoncrawl/{unit.name}.parquet" for unit in run.units("commoncrawl")]
    found = [row for name in names for batch in read_batches(run.output, name) for row in batch.to_pylist()]
    assert len(found) == rejected > 0
    assert all(row["filter"] and row["reason"] and row["text"] for row in found)


def test_cutoffs_of_another_language_model_select_nothing(copied_run):
    run = copied_run.run()
    held = json.loads(Path(CUTOFFS.path(run, "cutoffs.json")).read_text())
    run.output.write_json("models/perplexity/cutoffs.json", held | {"language_model": "another"})
    with pytest.raises(FatalError, match="the cut-offs belong to the language model another, the perplexities to"):
        SELECT_STAGE.process(run, run.units("commoncrawl")[0])


@pytest.mark.parametrize("mode, glue, decimals", [("intended", (" ", False), None), ("faithful", ("", True), 2)])
def test_documents_are_scored_and_judged_as_the_mode_says(small_run, mode, glue, decimals):
    run = small_run.run(f"commoncrawl.mode={mode}")
    (rule,) = LANGUAGE_STAGE.filters(run)
    (scorer,) = PERPLEXITY_STAGE.filters(run)
    assert (rule.line_break, rule.verbatim) == glue
    assert (scorer.line_break, scorer.split_pieces_at_blanks) == glue
    assert scorer.decimals == (None if decimals is None else 1)
    assert SELECT_STAGE.filters(run)[1].score_decimals == decimals


def test_another_mode_scores_and_selects_again(small_run):
    unit = small_run.run().units("commoncrawl")[0]
    modes = [small_run.run(f"commoncrawl.mode={mode}") for mode in ("intended", "faithful")]
    for stage in (LANGUAGE_STAGE, PERPLEXITY_STAGE, SELECT_STAGE):
        assert len({stage.key(run, unit) for run in modes}) == 2
