"""A model is trained from the run's documents or taken from the recipe, and its digest is what stages follow from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from pipeline.errors import FatalError, SettingError
from pipeline.models import (
    ALL_MODELS,
    CONTAMINATION_INDEX,
    CUTOFFS,
    LANGUAGE,
    LANGUAGE_MODEL,
    REFERENCE,
    TOKENIZER,
    check_models,
    external_path,
    language_model_path,
)
from pipeline.recipe import Recipe
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder

EXTERNAL = (
    (LANGUAGE, ("language.model",)),
    (LANGUAGE_MODEL, ("language_model.arpa", "language_model.pieces")),
    (REFERENCE, ("reference.model",)),
)


OF_THE_DEMO = [model for model in ALL_MODELS if model is not CONTAMINATION_INDEX]


@pytest.mark.parametrize("model", OF_THE_DEMO, ids=lambda model: model.name)
def test_a_trained_model_is_current_with_its_files_and_report(small_run, model):
    run = small_run.run()
    assert model.is_current(run)
    assert all(Path(model.path(run, file)).stat().st_size for file in model.files)
    assert run.output.read_json(f"models/{model.name}/report.json")


@pytest.mark.parametrize("model", [CUTOFFS, TOKENIZER], ids=lambda model: model.name)
def test_a_model_trained_anew_is_the_same(copied_run, model):
    run = copied_run.run()
    before = model.digest(run)
    shutil.rmtree(copied_run.output / "models" / model.name)
    assert not model.is_current(run)
    model.train(run)
    assert model.is_current(run)
    assert model.digest(run) == before


@pytest.mark.parametrize(
    "override, changed",
    [
        ("language.min_score=0.7", {"perplexity", "reference"}),
        ("reference.min_score=0.7", {"reference", "threshold"}),
        ("reference.token_budget=1000", {"threshold"}),
        ("reference.bytes_per_token=4.0", {"threshold"}),
        ('perplexity.keep=["head"]', {"perplexity"}),
        ("language_model.order=4", {"language_model"}),
        ("mixture.total_tokens=32768", set()),
        ("tokenizer.character_coverage=0.99", {"tokenizer"}),
        ("seed=2", {"language", "language_model", "perplexity", "reference", "threshold", "tokenizer"}),
    ],
)
def test_a_model_follows_from_the_settings_that_its_fit_reads(small_run, override, changed):
    run = small_run.run(override)
    assert {model.name for model in OF_THE_DEMO if not model.is_current(run)} == changed


def test_a_report_that_changes_changes_no_digest(copied_run):
    run = copied_run.run()
    before = REFERENCE.digest(run)
    name = "ledger/train-reference/models/reference.json"
    held = run.output.read_json(name)
    held["outputs"]["models/reference/report.json"]["digest"] = "other"
    run.output.write_json(name, held)
    assert REFERENCE.digest(run) == before
    held["outputs"]["models/reference/reference.bin"]["digest"] = "other"
    run.output.write_json(name, held)
    assert REFERENCE.digest(run) != before


def test_a_model_that_is_not_there_has_no_digest(small_run, tmp_path):
    run = small_run.__class__(small_run.dumps, tmp_path).run()
    assert [model.digest(run) for model in ALL_MODELS] == [""] * len(ALL_MODELS)


@pytest.mark.parametrize("model, keys", EXTERNAL, ids=lambda item: getattr(item, "name", ""))
def test_a_model_that_the_recipe_names_is_used_and_digested_and_not_trained(small_run, tmp_path, model, keys):
    paths = [tmp_path / file for file in model.files]
    for path in paths:
        path.write_bytes(path.name.encode())
    run = small_run.run(*(f"{key}={path}" for key, path in zip(keys, paths, strict=True)))
    assert model.is_external(run.recipe)
    assert not model.is_trained(run.recipe)
    assert [model.path(run, file) for file in model.files] == [str(path) for path in paths]
    assert model.digest(run) not in ("", model.digest(small_run.run()))


def test_the_digest_of_a_named_model_is_of_its_content(small_run, tmp_path):
    found = set()
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        found.add(LANGUAGE.digest(small_run.run(f"language.model={tmp_path / name}")))
    assert len(found) == 2


def test_a_signed_address_is_an_input_without_its_signature(tmp_path):
    fsspec.filesystem("memory").pipe("/tokenizer.model?sig=hunter22", b"pieces")
    given = {"reads": lambda _: {}, "given": lambda _: "memory://tokenizer.model?sig=hunter22"}
    model = replace(TOKENIZER, reads_sizes=False, given_data=lambda _: (), **given)
    assert list(model.inputs(Run(load_recipe("demo"), Folder(str(tmp_path))))) == [
        "memory://tokenizer.model?sig=[hidden]"
    ]


def test_a_given_tokenizer_is_an_input_of_its_stage(small_run, vocabulary_path):
    given = small_run.run(f"tokenizer.model={vocabulary_path}")
    assert set(TOKENIZER.inputs(given)) - set(TOKENIZER.inputs(small_run.run())) == {str(vocabulary_path)}
    assert not TOKENIZER.is_current(given)


@pytest.mark.parametrize("key, name", [("language.model", "language"), ("tokenizer.model", "tokenizer")])
def test_a_named_model_that_is_not_there_is_a_wrong_setting(key, name):
    with pytest.raises(SettingError, match=f"{name}: no model at /nowhere/model"):
        check_models(load_recipe("demo", [f"{key}=/nowhere/model"]), ())


def recipe_of(*sources, **sections):
    weights = dict.fromkeys(sources, 1 / len(sources))
    return Recipe.model_validate({"name": "t", "mixture": {"weights": weights}} | sections)


def test_commoncrawl_without_wikipedia_needs_models():
    with pytest.raises(SettingError, match=r"train-language needs the source wikipedia: add it to mixture\.weights"):
        check_models(recipe_of("commoncrawl"), ["train-language"])
    check_models(recipe_of("commoncrawl", "wikipedia"), ["train-language"])


def test_a_stage_that_needs_no_model_asks_for_none():
    check_models(recipe_of("commoncrawl"), ["clean", "dedup"])


def test_a_binary_that_cannot_be_made_is_a_wrong_setting_before_any_work(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    recipe = recipe_of("commoncrawl", "wikipedia", language_model={"binary": True})
    check_models(recipe, ["perplexity"])
    with pytest.raises(SettingError, match=r"language_model\.binary must be false where KenLM's build_binary"):
        check_models(recipe, ["train-lm"])


@pytest.mark.parametrize("stage", ["cutoffs", "perplexity"])
def test_ccnets_cutoffs_without_ccnets_models_are_a_wrong_setting(stage):
    recipe = recipe_of("commoncrawl", "wikipedia", perplexity={"cutoffs": "ccnet"})
    check_models(recipe, ["clean"])
    with pytest.raises(SettingError, match=r"language_model\.arpa must be CCNet's en\.arpa\.bin"):
        check_models(recipe, [stage])


def test_cutoffs_are_taken_anew_for_another_language_model(copied_run):
    run = copied_run.run()
    held = json.loads(Path(CUTOFFS.path(run, "cutoffs.json")).read_text())
    assert held["language_model"] == LANGUAGE_MODEL.digest(run)
    entry = run.output.read_json("ledger/train-lm/models/language_model.json")
    entry["outputs"]["models/language_model/lm.arpa"]["digest"] = "another"
    run.output.write_json("ledger/train-lm/models/language_model.json", entry)
    assert not CUTOFFS.is_current(run)


def test_perplexity_asks_the_binary_that_the_run_has_made(small_run, tmp_path):
    folder = small_run.output / "models" / "language_model"
    assert language_model_path(small_run.run()) == str(folder / "lm.arpa")
    assert language_model_path(small_run.run("language_model.binary=true")) == str(folder / "lm.binary")
    paths = [f"language_model.{key}={tmp_path / key}" for key in ("arpa", "pieces")]
    assert language_model_path(small_run.run(*paths)) == str(tmp_path / "arpa")


def test_memory_trains_no_model_anew(small_run):
    assert LANGUAGE_MODEL.is_current(small_run.run("language_model.memory_bytes=33554432"))


def test_evaluation_sets_have_to_be_there_and_are_what_the_index_follows_from(small_run, tmp_path):
    setting = f'decontaminate.sets={{quiz = "{tmp_path}/*.jsonl"}}'
    with pytest.raises(SettingError, match=r"decontaminate\.sets\.quiz: no file matches"):
        check_models(small_run.run(setting).recipe, ["index-evals"])
    (tmp_path / "quiz.jsonl").write_text("{}")
    run = small_run.run(setting)
    check_models(run.recipe, ["index-evals"])
    assert list(CONTAMINATION_INDEX.inputs(run)) == [f"{tmp_path}/quiz.jsonl"]
    assert not CONTAMINATION_INDEX.is_trained(small_run.run().recipe)


def test_models_of_commoncrawl_are_not_trained_without_it():
    recipe = recipe_of("c4", "books")
    check_models(recipe, [model.stage for model in ALL_MODELS])
    assert [model.name for model in ALL_MODELS if model.is_trained(recipe)] == ["tokenizer"]
    assert TOKENIZER.reads(recipe) == {"c4": "sample-tokenizer", "books": "sample-tokenizer"}


def test_nothing_to_train_on_ends_the_run_with_one_line(small_run, tmp_path):
    run = small_run.__class__(small_run.dumps, tmp_path).run()
    with pytest.raises(FatalError, match="language identification needs Wikipedias of two languages or more"):
        LANGUAGE.train(run)
    assert not (tmp_path / "models").exists()


def test_a_model_that_is_trained_on_fewer_files_loses_what_it_had_more(copied_run):
    run = copied_run.run()
    entry = run.output.read_json("ledger/cutoffs/models/perplexity.json")
    run.output.write_json("models/perplexity/old.json", {})
    entry["outputs"]["models/perplexity/old.json"] = {"bytes": 3, "digest": ""}
    run.output.write_json("ledger/cutoffs/models/perplexity.json", entry)
    CUTOFFS.train(run)
    assert sorted(run.output.list("models/perplexity")) == ["cutoffs.json", "report.json"]
    assert json.loads(Path(CUTOFFS.path(run, "cutoffs.json")).read_text())


def test_an_address_is_fetched_once_and_a_path_is_taken_as_it_is():
    import fsspec

    with fsspec.open("memory://models/lid.bin", "wb") as stream:
        stream.write(b"model")
    assert Path(external_path("memory://models/lid.bin")).read_bytes() == b"model"
    assert external_path("models/lid.bin") == "models/lid.bin"
