"""Every map stage is in the table under its name, and has a place in the order of stages."""

import pytest

from pipeline.corpora.registry import CORPORA, has_stage
from pipeline.map_stages import MAP_STAGES
from pipeline.recipe import Recipe
from pipeline.stage_names import STAGES

WET = Recipe(name="t", c4={"form": "wet", "mode": "faithful"}, decontaminate={"sets": {"quiz": "quiz.jsonl"}})


@pytest.mark.parametrize("name", MAP_STAGES)
def test_a_stage_is_found_by_its_name_and_belongs_to_some_source(name):
    assert MAP_STAGES[name].name == name
    assert name in STAGES
    assert any(has_stage(WET, source, name) for source in CORPORA)


def test_c4_asks_the_run_s_language_model_only_where_no_other_tells_english():
    asked = [[model.name for model in MAP_STAGES["lines"].models(recipe)] for recipe in (WET, made_with("fasttext"))]
    assert asked == [[], ["language"]]


def made_with(detector):
    return Recipe(name="t", c4={"form": "wet", "language_detector": detector})
