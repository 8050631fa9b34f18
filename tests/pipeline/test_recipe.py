"""The recipe: the paper's numbers, and a wrong setting in one line."""

import pytest
from pydantic import ValidationError

from mixtures.llama1 import TABLE
from pipeline.recipe import Recipe
from pipeline.recipe_file import load_recipe


def test_llama1_has_the_numbers_of_table_1():
    weights = load_recipe("llama1").mixture.weights
    assert dict(weights) == {
        "commoncrawl": 0.67,
        "c4": 0.15,
        "github": 0.045,
        "wikipedia": 0.045,
        "books": 0.045,
        "arxiv": 0.025,
        "stackexchange": 0.02,
    }


def test_llama1_has_the_numbers_of_the_release():
    recipe = load_recipe("llama1")
    assert (recipe.tokenizer.vocabulary_size, recipe.mixture.sequence_tokens) == (32000, 2048)
    assert len(recipe.wikipedia.languages) == 20
    assert set(recipe.sources) == {row.source for row in TABLE}


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValidationError):
        load_recipe("llama1").seed = 2  # type: ignore[misc]


def test_equal_recipes_are_equal():
    assert Recipe(name="x") == Recipe(name="x")
    assert Recipe(name="x") != Recipe(name="y")
