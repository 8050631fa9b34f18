"""All corpora by source."""

from collections.abc import Mapping

from pipeline.corpora import arxiv, books, c4, commoncrawl, github, stackexchange, wikipedia
from pipeline.corpora.corpus import Corpus
from pipeline.recipe import Recipe
from pipeline.stage_names import DECONTAMINATE, NEAR_DEDUP, SAMPLE_TOKENIZER, TOKENIZE

CORPORA: dict[str, Corpus] = {
    module.CORPUS.source: module.CORPUS for module in (commoncrawl, c4, github, wikipedia, books, arxiv, stackexchange)
}


def document_stages(recipe: Recipe, source: str) -> tuple[str, ...]:
    """The stages that the source's documents go through, in order."""
    as_redpajama = source == "books" and recipe.books.mode == "faithful"  # which has near-duplicates of its own
    near = (NEAR_DEDUP,) if source in recipe.near_dedup.sources and not as_redpajama else ()
    last = (DECONTAMINATE,) if recipe.decontaminate.sets else ()
    return (*CORPORA[source].stages(recipe), *near, *last)


def chains(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The stages that each source goes through, tokens included."""
    return {source: (*document_stages(recipe, source), TOKENIZE) for source in CORPORA}


def side_stages(recipe: Recipe, source: str) -> Mapping[str, str]:
    """The stages beside the source's chain, each with the stage whose documents it looks at."""
    return {**CORPORA[source].side_stages, SAMPLE_TOKENIZER: document_stages(recipe, source)[-1]}


def stage_before(recipe: Recipe, source: str, stage: str) -> str:
    """The stage whose documents this stage of the source reads."""
    beside = side_stages(recipe, source)
    if stage in beside:
        return beside[stage]
    chain = chains(recipe)[source]
    return chain[chain.index(stage) - 1]


def has_stage(recipe: Recipe, source: str, stage: str) -> bool:
    """Whether the source goes through the stage, in its chain or beside it."""
    return stage in chains(recipe)[source] or stage in side_stages(recipe, source)
