"""A run knows its units, and what each follows from."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import SettingError
from pipeline.ledger import LedgerEntry
from pipeline.recipe import Recipe
from pipeline.recipe_file import load_recipe
from pipeline.run import Run, TextSize, documents_folder, external_digest, on_this_machine
from pipeline.storage import Folder


@pytest.fixture
def run(tmp_path):
    recipe = load_recipe("llama1", [f'inputs.root="{tmp_path / "dumps"}"'])
    return Run(recipe, Folder(str(tmp_path / "out")))


def dump(tmp_path, name, content=b"x"):
    path = tmp_path / "dumps" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_units_are_the_files_that_match_in_order(run, tmp_path):
    for name in ("c4/b.json.gz", "c4/a/x.json.gz", "c4/readme.txt"):
        dump(tmp_path, name)
    units = run.units("c4")
    assert [(unit.input, unit.size) for unit in units] == [("c4/a/x.json.gz", 1), ("c4/b.json.gz", 1)]
    assert len({unit.name for unit in units}) == 2


def test_a_large_dump_is_several_units_that_share_its_bytes(tmp_path):
    dump(tmp_path, "wikipedia/enwiki.xml", b"x" * 1001)
    dump(tmp_path, "wikipedia/dewiki.xml", b"x" * 400)
    recipe = load_recipe("llama1", [f'inputs.root="{tmp_path / "dumps"}"', "wikipedia.part_bytes=400"])
    small, *parts = Run(recipe, Folder(str(tmp_path / "out"))).units("wikipedia")
    assert (small.name, small.part, small.parts, small.size) == ("dewiki.xml", 1, 1, 400)
    assert [(unit.input, unit.part, unit.parts) for unit in parts] == [
        ("wikipedia/enwiki.xml", n, 3) for n in (1, 2, 3)
    ]
    assert sum(unit.size for unit in parts) == 1001
    assert len({unit.name for unit in parts}) == 3


def test_the_index_of_a_dump_is_an_input_too_and_the_parts_have_one_digest(run, tmp_path):
    stem = "wikipedia/enwiki-20220720-pages-articles-multistream"
    dump(tmp_path, f"{stem}.xml.bz2")
    dump(tmp_path, f"{stem}-index.txt")
    (unit,) = run.units("wikipedia")
    digests = run.input_digests(unit)
    assert list(digests) == [f"{stem}.xml.bz2", f"{stem}-index.txt"]
    assert run.input_digests(replace(unit, name="other", part=2, parts=3)) == digests
    assert len(run.output.list("logs/inputs/wikipedia")) == 2


def test_units_are_counted_or_known_to_be_so_many(run, tmp_path):
    dump(tmp_path, "c4/b.json.gz")
    assert run.unit_count("c4") == 1
    assert replace(run, unit_counts=(("c4", 7),)).unit_count("c4") == 7


def test_what_a_stage_counted_is_summed_over_units(run):
    for unit, counts in (("a", {"x": 1, "y": 2}), ("b", {"y": 3})):
        run.record(LedgerEntry(stage="scores", source="c4", unit=unit, key="k", counts=counts))
    assert run.counts("scores", "c4") == {"x": 1, "y": 5}
    assert run.counts("scores", "books") == {}


def test_a_source_without_files_is_a_wrong_setting(run):
    with pytest.raises(SettingError, match=r"inputs.root = .*/dumps: no such folder"):
        run.units("c4")
    dumps = run.inputs.folder.local_path()
    dumps.mkdir()
    with pytest.raises(SettingError, match=r"inputs.root = .*/dumps: the folder is empty"):
        run.units("c4")
    (dumps / "other").touch()
    with pytest.raises(SettingError, match=r"inputs.c4: no file below .* matches c4/\*\*/\*.json.gz"):
        run.units("c4")


def test_a_key_changes_with_settings_and_inputs(run):
    keys = {
        run.key("clean", "c4", "u", settings, inputs) for settings in (1, 2) for inputs in ({}, {"a": "1"}, {"a": "2"})
    }
    assert len(keys) == 6
    assert run.key("clean", "c4", "u", 1, {}) == run.key("clean", "c4", "u", 1, {})


def record(run, key="k", size=3):
    run.output.local_path("d").parent.mkdir(parents=True, exist_ok=True)
    run.output.local_path("d").write_bytes(b"abc")
    outputs = {"d": {"bytes": size, "digest": "x"}}
    return run.record(LedgerEntry(stage="clean", source="c4", unit="u", key=key, outputs=outputs))


def test_a_unit_is_current_when_key_and_outputs_are(run):
    entry = record(run)
    assert run.current("clean", "c4", "u", "k") == entry


@pytest.mark.parametrize("key, size", [("other", 3), ("k", 4)])
def test_a_unit_with_another_key_or_a_cut_output_is_not_current(run, key, size):
    record(run, key, size)
    assert run.current("clean", "c4", "u", "k") is None


def test_a_unit_whose_output_is_gone_is_not_current(run):
    record(run)
    run.output.delete("d")
    assert run.current("clean", "c4", "u", "k") is None


def test_an_inputs_digest_is_remembered_until_the_file_changes(run, tmp_path, monkeypatch):
    dump(tmp_path, "c4/a.json.gz", b"1")
    (unit,) = run.units("c4")
    first = run.input_digests(unit)["c4/a.json.gz"]
    monkeypatch.setattr("pipeline.inputs.digest_of_stream", lambda _: "read again")
    assert run.input_digests(unit)["c4/a.json.gz"] == first
    dump(tmp_path, "c4/a.json.gz", b"22")
    assert run.input_digests(unit)["c4/a.json.gz"] == "read again"


def test_a_run_travels_to_workers(run):
    assert pickle.loads(pickle.dumps(run)) == run


def test_an_external_digest_is_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert external_digest(str(tmp_path / "a")) == external_digest(str(tmp_path / "b"))


def test_a_remote_model_is_fetched_once(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = Folder("memory://models")
    with folder.create("m.bin") as pending:
        pending.path.write_bytes(b"model")
    path = on_this_machine(folder, "m.bin")
    assert path.endswith("m.bin")
    with Path(path).open("rb") as stream:
        assert stream.read() == b"model"
    assert on_this_machine(folder, "m.bin") == path


def test_a_local_model_stays_where_it_is(tmp_path):
    assert on_this_machine(Folder(str(tmp_path)), "m") == str(tmp_path / "m")


def test_only_the_mixtures_sources_are_run():
    assert Recipe(name="x").sources[0] == "commoncrawl"
    assert load_recipe("llama1", ["mixture.weights={books=1.0}"]).sources == ("books",)


def test_only_the_dumps_of_the_recipe_are_read(run, tmp_path):
    for name in ("commoncrawl/CC-MAIN-2019-35/a.wet.gz", "commoncrawl/CC-MAIN-2021-04/b.wet.gz"):
        dump(tmp_path, name)
    chosen = load_recipe("llama1", [f'inputs.root="{tmp_path / "dumps"}"', 'commoncrawl.dumps=["2019-35"]'])
    assert len(run.units("commoncrawl")) == 2
    assert [unit.input for unit in Run(chosen, run.output).units("commoncrawl")] == [
        "commoncrawl/CC-MAIN-2019-35/a.wet.gz"
    ]


def kept(run, stage, source, unit, documents, size):
    figures = {"documents_in": documents, "documents_kept": documents, "bytes_in": size, "bytes_kept": size}
    entry = LedgerEntry(stage=stage, source=source, unit=unit, key="k", inputs={}, outputs={}, **figures)
    run.output.write_json(entry.name, entry.to_json())


def test_how_much_text_goes_into_the_tokens_is_in_the_ledger(run):
    kept(run, "dedup", "c4", "a", 2, 70)
    kept(run, "dedup", "c4", "b", 1, 30)
    kept(run, "clean", "c4", "a", 9, 900)
    sizes = run.text_sizes()
    assert list(sizes) == list(run.recipe.sources)
    assert (sizes["c4"], sizes["books"]) == (TextSize(3, 100), TextSize(0, 0))


def test_text_that_has_been_summed_is_not_summed_again(run):
    told = replace(run, known_sizes=tuple(run.text_sizes().items()))
    kept(run, "dedup", "c4", "a", 2, 70)
    assert (told.text_sizes()["c4"], run.text_sizes()["c4"]) == (TextSize(0, 0), TextSize(2, 70))


@pytest.mark.parametrize(
    "stage, folder",
    [
        ("clean", "documents/clean/c4"),
        ("sample", "samples/c4"),
        ("sample-tokenizer", "samples/tokenizer/c4"),
    ],
)
def test_documents_of_a_stage_lie_in_its_folder_and_samples_beside(stage, folder):
    assert documents_folder(stage, "c4") == folder


def test_a_token_shard_is_opened_by_its_source_and_name(run):
    run.output.write_text("tokens/c4/shard.bin", "ids")
    with run.open_token_shard("c4", "shard") as stream:
        assert stream.read() == b"ids"


def test_what_is_forgotten_goes_with_its_files_and_the_manifest_that_names_them(run):
    record(run)
    run.output.write_json("manifest.json", {})
    run.forget("clean", "c4", "another")
    assert run.output.exists("manifest.json")
    run.forget("clean", "c4", "u")
    assert not run.output.exists("manifest.json")
    assert run.current("clean", "c4", "u", "k") is None
    assert not run.output.exists("d")
