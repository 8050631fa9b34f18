"""The manifest says what a run was made of; where it lies it is true, and what contradicts it is told."""

import json

import pytest

from pipeline.ledger import Tally
from pipeline.manifest import manifest_faults, manifest_of, write_manifest
from pipeline.version import code_digest


def test_the_manifest_names_recipe_code_inputs_and_outputs(small_run):
    manifest = json.loads((small_run.output / "manifest.json").read_text())
    run = small_run.run()
    units = [unit for source in run.recipe.sources for unit in run.units(source)]
    assert manifest["inputs"] == {name: digest for unit in units for name, digest in run.input_digests(unit).items()}
    assert {unit.input for unit in units} < set(manifest["inputs"])  # the indexes of Wikipedia's dumps as well
    assert manifest["code_digest"] == code_digest()
    assert "root" not in manifest["recipe"]["inputs"]
    assert {"stream/stream.json", "report.html", "training/metrics.jsonl"} <= set(manifest["outputs"])


def test_a_manifest_that_is_true_is_left_alone_and_another_recipe_changes_it(copied_run):
    path = copied_run.output / "manifest.json"
    before = (path.stat().st_mtime_ns, json.loads(path.read_text()))
    write_manifest(copied_run.run())
    assert path.stat().st_mtime_ns == before[0]
    write_manifest(copied_run.run("trainer.steps=21"))
    changed = json.loads(path.read_text())
    assert {key for key in changed if changed[key] != before[1][key]} == {"recipe", "recipe_digest", "manifest_digest"}


def test_the_manifest_goes_as_soon_as_anything_changes(token_run):
    token_run.run().record(Tally().entry("report", "models", "report", "", {}, {}))
    assert not (token_run.root / "manifest.json").exists()


def faults(token_run, change):
    """What is told of a manifest that was changed."""
    path = token_run.root / "manifest.json"
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    found = list(manifest_faults(token_run.run()))
    assert {(fault.name, fault.where) for fault in found} <= {("manifest_differs", "manifest.json")}
    return [fault.detail.split(" is ")[0] for fault in found]


def test_a_true_manifest_has_no_fault_and_none_is_no_fault_either(token_run):
    assert faults(token_run, lambda held: None) == []
    (token_run.root / "manifest.json").unlink()
    assert list(manifest_faults(token_run.run())) == []


@pytest.mark.parametrize(
    "key, told",
    [
        ("code_digest", ["manifest_digest"]),
        ("version", ["manifest_digest"]),
        ("recipe_digest", ["recipe_digest", "manifest_digest"]),
        ("digest", ["digest", "manifest_digest"]),
        ("manifest_digest", ["manifest_digest"]),
        ("recipe", ["recipe_digest", "manifest_digest"]),
    ],
)
def test_each_value_is_held_by_a_digest(token_run, key, told):
    assert faults(token_run, lambda held: held.update({key: "0"})) == told


def test_an_output_of_another_digest_is_told_by_name(token_run):
    told = faults(token_run, lambda held: held["outputs"].update({"stream/stream.json": "0"}))
    assert told == ["outputs: stream/stream.json", "digest", "manifest_digest"]


def test_an_output_less_is_told_too(token_run):
    told = faults(token_run, lambda held: held["outputs"].pop("stream/stream.json"))
    assert told[0] == "outputs: stream/stream.json"


def test_many_wrong_outputs_are_counted(token_run):
    told = faults(token_run, lambda held: held.update(outputs={str(i): "0" for i in range(30)}))
    assert len(told) == 20 + 1 + 2
    assert told[20].endswith("more differ")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 9000])
def test_a_manifest_that_is_no_object_is_told(token_run, content):
    (token_run.root / "manifest.json").write_text(content)
    assert [fault.detail for fault in manifest_faults(token_run.run())] == ["it is no JSON object"]


def test_another_recipe_than_that_of_the_manifest_is_no_fault(token_run):
    run = token_run.run()
    other = type(run)(run.recipe.model_copy(update={"name": "other"}), run.output)
    assert manifest_of(other) != manifest_of(run)
    assert list(manifest_faults(other)) == []
