"""The recipe: the paper's numbers, and a wrong setting in one line."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from mixtures.llama1 import TABLE
from pipeline.recipe import Recipe
from pipeline.recipe_file import load_recipe


def test_the_recipe_the_defaults_and_the_readme_have_the_weights_of_table_1():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shares = re.findall(r"^\| \w+ \| ([\d.]+)% \|", readme, flags=re.MULTILINE)
    table = [row.weight for row in TABLE]
    assert list(load_recipe("llama1").mixture.weights.values()) == table
    assert list(Recipe(name="x").mixture.weights) == [row.source for row in TABLE]
    assert [float(share) / 100 for share in shares] == pytest.approx(table)


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
