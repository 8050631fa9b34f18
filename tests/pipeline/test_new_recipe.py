"""A new recipe has the sections of its sources, and says of each key what is known of it."""

import math
import tomllib

import pytest

from pipeline.new_recipe import recipe_text, shares
from pipeline.recipe_file import load_recipe
from pipeline.section import SOURCES

LLAMA1, DEMO = load_recipe("llama1"), load_recipe("demo")


def written(tmp_path, base, sources, **more):
    text = recipe_text(base, sources, **{"name": "mine", "root": "/data/dumps"} | more)
    (tmp_path / "mine.toml").write_text(text)
    return text, load_recipe(str(tmp_path / "mine.toml"))


def test_weights_are_those_of_the_paper_among_the_chosen():
    assert shares(["books", "wikipedia"]) == {"wikipedia": 0.5, "books": 0.5}
    assert shares(["stackexchange", "c4"]) == {"c4": 0.882353, "stackexchange": 0.117647}
    assert shares(SOURCES) == LLAMA1.mixture.weights


@pytest.mark.parametrize("count", range(1, 8))
def test_weights_sum_to_one_closely_enough_for_a_recipe(count):
    assert math.fsum(shares(SOURCES[-count:]).values()) == pytest.approx(1, abs=1e-12)


def test_only_sections_of_chosen_sources_are_written(tmp_path):
    text, _ = written(tmp_path, LLAMA1, ["github"])
    tables = tomllib.loads(text)
    assert list(tables) == [
        "name", "seed", "inputs", "dedup", "github", "tokenizer", "tokens", "mixture", "trainer", "limits", "rejected"
    ]  # fmt: skip
    assert list(tables["inputs"]) == ["root", "github"]


@pytest.mark.parametrize("base", [LLAMA1, DEMO], ids=lambda base: base.name)
def test_a_recipe_of_all_sources_is_the_one_that_it_is_like(tmp_path, base):
    _, recipe = written(tmp_path, base, SOURCES)
    same = {"name": "mine", "inputs": base.inputs.model_copy(update={"root": "/data/dumps"})}
    assert recipe == base.model_copy(update=same)


def test_a_section_says_what_it_is_for_and_a_key_what_it_may_hold(tmp_path):
    text, _ = written(tmp_path, LLAMA1, ["wikipedia", "commoncrawl"])
    lines = text.splitlines()
    assert lines[lines.index("[wikipedia]") - 1] == "# Wikipedia dumps of twenty languages in Latin or Cyrillic script."
    assert "max_page_bytes = 8_388_608           # int ≥ 1" in lines
    assert max(map(len, lines)) <= 120


def test_what_llama1_says_of_a_number_is_said_of_that_number_alone(tmp_path):
    reason = "min_chars = 1_000                    # of both classes; RedPajama cut the positives alone"
    assert reason in written(tmp_path, LLAMA1, ["commoncrawl"])[0].splitlines()
    other = written(tmp_path, DEMO, ["commoncrawl"])[0].splitlines()
    assert "min_chars = 200                      # int ≥ 0" in other


def test_tokens_of_ones_own_shorten_the_training_to_them(tmp_path):
    _, recipe = written(tmp_path, DEMO, ["books"], tokens=10_240)
    assert (recipe.mixture.total_tokens, recipe.trainer.steps, recipe.trainer.warmup_steps) == (10_240, 10, 10)
    _, recipe = written(tmp_path, LLAMA1, ["books"], tokens=2048 * 2048 * 3)
    assert (recipe.trainer.preset, recipe.trainer.steps, recipe.trainer.dimension) == ("7b", 3, 4096)


def test_near_duplicates_are_looked_for_in_chosen_sources_alone(tmp_path):
    base = load_recipe("demo", ['near_dedup.sources=["books","github"]'])
    _, recipe = written(tmp_path, base, ["books", "wikipedia"])
    assert (recipe.near_dedup.sources, set(recipe.near_dedup.max_lost_fraction)) == (("books",), {"books", "wikipedia"})
