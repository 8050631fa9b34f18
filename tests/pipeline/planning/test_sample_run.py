"""The sample goes through the real stages; where it is too small for a setting, that is made smaller and said."""

from typing import ClassVar

import pytest

from pipeline.errors import FatalError
from pipeline.planning import sample_run
from pipeline.planning.sample_run import LEFT_OUT, for_sample, run_sample, with_changes
from pipeline.planning.sampled_inputs import Sample
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.stage_names import STAGES
from pipeline.storage import Folder


def test_the_stream_is_as_small_as_the_sample_and_no_limit_ends_the_run():
    recipe = for_sample(load_recipe("llama1"), 0.001, {})
    assert recipe.mixture.total_tokens == 1_400_000_000
    assert (recipe.limits.max_failed_fraction, recipe.near_dedup.most_lost("books")) == (1.0, 1.0)
    assert for_sample(load_recipe("demo"), 1e-9, {}).mixture.total_tokens == 64 * 128


def test_models_that_are_there_are_named_in_the_recipe():
    recipe = for_sample(load_recipe("demo"), 1.0, {"language_model": ("a.arpa", "p.model"), "tokenizer": ("t.model",)})
    assert (recipe.language_model.arpa, recipe.language_model.pieces) == ("a.arpa", "p.model")
    assert recipe.tokenizer.model == "t.model"


def test_each_stage_of_the_recipe_was_run_on_the_sample(planned):
    found = {piece.stage for piece in planned.measured.pieces}
    absent = {"lines", "english", "index-evals", "decontaminate"} | LEFT_OUT
    given = {"train-language", "train-lm", "train-reference"}
    assert set(STAGES) - absent - given <= found
    assert planned.held.models["language"].startswith("of an earlier run")
    assert planned.held.models["perplexity"] == "fitted on the sample"


def test_the_sample_is_a_part_of_the_input_and_the_run_left_nothing_elsewhere(planned, small_run):
    assert 0 < planned.held.share < 1
    assert not any("sample" in str(path) for path in (small_run.output / "logs").iterdir())


class FailsFirst:
    """A conductor that fails at a stage as often as it is told."""

    told: ClassVar[dict] = {}
    seen: ClassVar[list] = []

    def __init__(self, run, engine, reporter):
        self.run = run

    def stages(self, names):
        FailsFirst.seen.append((names, self.run.recipe))
        for name in names:
            if FailsFirst.told.get(name):
                raise FatalError(FailsFirst.told[name].pop())


@pytest.fixture
def fails(monkeypatch, tmp_path):
    def run(**told):
        monkeypatch.setattr(sample_run, "Conductor", FailsFirst)
        FailsFirst.told, FailsFirst.seen = {name.replace("_", "-"): said for name, said in told.items()}, []
        engine = type("Engine", (), {"output": Folder(str(tmp_path))})()
        return run_sample(load_recipe("demo"), Sample(units=frozenset(), files=frozenset()), [], engine, None)

    return run


def test_a_tokenizer_too_large_for_the_sample_is_halved_and_said(fails):
    held = fails(train_tokenizer=["x; see tokenizer.vocabulary_size"] * 2)
    assert held.run.recipe.tokenizer.vocabulary_size == 500
    assert held.notes == ["the sample's tokenizer has 500 pieces: it makes more tokens"]


def test_a_classifier_of_cited_pages_becomes_one_of_articles(fails):
    held = fails(train_reference=["no CommonCrawl document of the kept languages is cited"])
    assert held.run.recipe.reference.positives == "articles"
    assert "not of cited pages" in held.notes[0]


def test_a_sample_that_cannot_be_mixed_is_verified_neither(fails):
    held = fails(mix=["a source has not one sequence"])
    assert not held.mixes
    assert not any("verify" in names for names, _ in FailsFirst.seen)


def test_what_a_smaller_setting_does_not_mend_ends_the_plan(fails):
    with pytest.raises(FatalError, match="the sample cannot be run: no space; a larger --fraction may help"):
        fails(clean=["no space"])


def test_a_changed_recipe_is_checked_as_any_other():
    with pytest.raises(ValueError, match="vocabulary_size"):
        with_changes(load_recipe("demo"), {"tokenizer": {"vocabulary_size": 1}})


def test_a_run_without_a_sample_reads_all(planned, small_run):
    whole = Run(planned.whole.recipe, planned.whole.output)
    assert len(whole.units("books")) > len(planned.held.run.units("books"))
