"""CommonCrawl's map stages behind deduplication: language, perplexity, sample, reference, scores, select."""

from collections import Counter
from pathlib import Path
from typing import Any

from filters.batch import Filter
from filters.language import IdentifyLanguage
from filters.perplexity import ScorePerplexity
from filters.reference import ScoreReference
from filters.select import PerplexityBucketIs, ReferenceScoreAtLeast
from pipeline import stage_names
from pipeline.crawl_sample import COUNTS as SAMPLE_COUNTS
from pipeline.crawl_sample import bounds, write_sample
from pipeline.document_rows import language_rule
from pipeline.fit_cutoffs import read_cutoffs
from pipeline.fit_threshold import read_threshold
from pipeline.models import (
    CUTOFFS,
    LANGUAGE,
    LANGUAGE_MODEL,
    REFERENCE,
    THRESHOLD,
    language_model_path,
)
from pipeline.quality import quality_filters
from pipeline.run import Run
from pipeline.score_counts import COLUMNS, count_scores
from pipeline.score_counts import COUNTS as SCORE_COUNTS
from pipeline.score_grid import CountScores, ScoreGrid, cuts_of, write_grid
from pipeline.stages import FilterStage, SideStage
from pipeline.storage import Output, read_batches
from pipeline.units import Unit


def _identify_language(run: Run) -> tuple[Filter, ...]:
    model_path, faithful = LANGUAGE.path(run, "language.bin"), run.recipe.commoncrawl.mode == "faithful"
    return (IdentifyLanguage(model_path=model_path, line_break="" if faithful else " ", verbatim=faithful),)


def _score_perplexity(run: Run) -> tuple[Filter, ...]:
    faithful = run.recipe.commoncrawl.mode == "faithful"
    rule = ScorePerplexity(
        arpa_path=language_model_path(run),
        pieces_path=LANGUAGE_MODEL.path(run, "pieces.model"),
        languages=(run.recipe.language_model.language,),
        line_break="" if faithful else " ",
        split_pieces_at_blanks=faithful,
        decimals=1 if faithful else None,
    )
    return (rule,)


def _language_and_perplexity(run: Run) -> tuple[Filter, ...]:
    recipe = run.recipe
    head, middle = read_cutoffs(Path(CUTOFFS.path(run, "cutoffs.json")), LANGUAGE_MODEL.digest(run))
    return (
        language_rule(recipe),
        PerplexityBucketIs(keep=recipe.perplexity.keep, head=head, middle=middle),
    )


def _select(run: Run) -> tuple[Filter, ...]:
    min_score = read_threshold(Path(THRESHOLD.path(run, "threshold.json")))
    scores = (*_language_and_perplexity(run), ReferenceScoreAtLeast(min_score=min_score))
    return (CountScores(ScoreGrid(cuts_of(scores))), *scores, *quality_filters(run.recipe.quality))


def _before_the_threshold(run: Run) -> list[Any]:
    recipe = run.recipe
    return [recipe.commoncrawl.mode, recipe.language.keep, recipe.language.min_score, recipe.perplexity.keep]


def _sample(run: Run, unit: Unit, documents: str) -> tuple[Counter[str], dict[str, Output]]:
    target = f"samples/{unit.source}/{unit.name}.parquet"
    counts, written = write_sample(run.output, documents, target, run.recipe, run.unit_count(unit.source))
    return counts, {target: written}


def _count_scores(run: Run, unit: Unit, documents: str) -> tuple[Counter[str], dict[str, Output]]:
    return count_scores(read_batches(run.output, documents, columns=COLUMNS), _language_and_perplexity(run)), {}


LANGUAGE_STAGE = FilterStage(
    name=stage_names.LANGUAGE,
    filters=_identify_language,
    settings=lambda run: [run.recipe.commoncrawl.mode],
    uses=lambda _: (LANGUAGE,),
)
PERPLEXITY_STAGE = FilterStage(
    name=stage_names.PERPLEXITY,
    filters=_score_perplexity,
    settings=lambda run: [run.recipe.commoncrawl.mode, run.recipe.language_model.language],
    uses=lambda _: (LANGUAGE_MODEL,),
)
REFERENCE_STAGE = FilterStage(
    name=stage_names.REFERENCE,
    filters=lambda run: (ScoreReference(model_path=REFERENCE.path(run, "reference.bin")),),
    settings=lambda _: [],
    uses=lambda _: (REFERENCE,),
)
SAMPLE_STAGE = SideStage(
    name=stage_names.SAMPLE,
    counts=SAMPLE_COUNTS,
    look=_sample,
    settings=lambda run, unit: [
        run.recipe.seed,
        run.recipe.language.keep,
        run.recipe.language.min_score,
        run.recipe.reference.min_chars,
        bounds(run.recipe, run.unit_count(unit.source)),
    ],
)
SCORES_STAGE = SideStage(
    name=stage_names.SCORES,
    counts=SCORE_COUNTS,
    look=_count_scores,
    settings=lambda run, _: _before_the_threshold(run),
    uses=lambda _: (CUTOFFS,),
)
SELECT_STAGE = FilterStage(
    name=stage_names.SELECT,
    filters=_select,
    settings=lambda run: [
        *_before_the_threshold(run),
        run.recipe.reference.min_score,
        run.recipe.reference.token_budget,
        run.recipe.quality.model_dump(mode="json"),
    ],
    uses=lambda _: (CUTOFFS, THRESHOLD),
    leaves=lambda output, unit, filters: write_grid(output, unit.source, unit.name, filters),
)
