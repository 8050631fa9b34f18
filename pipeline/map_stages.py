"""The table of all map stages by name."""

from pipeline.c4_chain import chain_models, chain_settings, english_filters, line_filters
from pipeline.commoncrawl_chain import (
    LANGUAGE_STAGE,
    PERPLEXITY_STAGE,
    REFERENCE_STAGE,
    SAMPLE_STAGE,
    SCORES_STAGE,
    SELECT_STAGE,
)
from pipeline.decontaminate import Decontaminate
from pipeline.stage_names import ENGLISH, LINES, SAMPLE_TOKENIZER
from pipeline.stages import Clean, FilterStage, SideStage, Stage, Tokenize
from pipeline.tokenizer_sample import COUNTS, sample, settings

CLEAN_STAGE = Clean()
LINES_STAGE = FilterStage(name=LINES, filters=line_filters, settings=chain_settings, uses=chain_models)
ENGLISH_STAGE = FilterStage(name=ENGLISH, filters=english_filters, settings=chain_settings, uses=chain_models)
SAMPLE_TOKENIZER_STAGE = SideStage(name=SAMPLE_TOKENIZER, counts=COUNTS, look=sample, settings=settings)
TOKENIZE_STAGE = Tokenize()
MAP_STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        *(CLEAN_STAGE, LANGUAGE_STAGE, PERPLEXITY_STAGE, SAMPLE_STAGE, REFERENCE_STAGE, SCORES_STAGE, SELECT_STAGE),
        *(LINES_STAGE, ENGLISH_STAGE, Decontaminate(), SAMPLE_TOKENIZER_STAGE, TOKENIZE_STAGE),
    )
}
