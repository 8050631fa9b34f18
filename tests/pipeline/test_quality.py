"""Rules about quality are off unless the recipe turns them on."""

import pytest

from pipeline.commoncrawl_chain import SELECT_STAGE
from pipeline.quality import quality_filters
from pipeline.recipe_file import load_recipe
from pipeline.web_sections import Quality


@pytest.mark.parametrize(
    "settings, names",
    [
        ({}, []),
        ({"gopher": True}, ["gopher_repetition", "gopher_quality"]),
        ({"fineweb": True}, ["fineweb_quality"]),
        ({"gopher": True, "fineweb": True}, ["gopher_repetition", "gopher_quality", "fineweb_quality"]),
    ],
)
def test_rules_are_those_that_are_turned_on(settings, names):
    assert [rule.name for rule in quality_filters(Quality(**settings))] == names


@pytest.mark.parametrize("name", ["llama1", "demo"])
def test_recipes_that_ship_have_none_of_them(name):
    assert load_recipe(name, ()).quality == Quality(gopher=False, fineweb=False)


def test_select_applies_them_last_and_its_key_follows_from_them(small_run):
    plain, strict = small_run.run(), small_run.run("quality.gopher=true")
    assert SELECT_STAGE.settings(plain) != SELECT_STAGE.settings(strict)
    names = [rule.name for rule in SELECT_STAGE.filters(strict)]
    assert names[: len(SELECT_STAGE.filters(plain))] == [rule.name for rule in SELECT_STAGE.filters(plain)]
    assert names[-2:] == ["gopher_repetition", "gopher_quality"]
