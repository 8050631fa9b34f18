"""The whole plan, through the engine; its output is looked at and left as it is."""

import json

import pytest

from pipeline.planning.plan import plan_run, summary
from pipeline.planning.record import PLAN
from pipeline.planning.sample_run import with_changes
from pipeline.planning.show import lines
from pipeline.run import Run


@pytest.fixture(scope="session")
def figures(planned):
    return summary(planned.whole, planned.found, planned.measured, planned.strata, (2, 16))


def test_all_that_is_foretold_is_json(figures):
    assert json.loads(json.dumps(figures)) == figures
    assert [wall["workers"] for wall in figures["wall"]] == [2, 16]
    assert figures["sample"]["bytes"] < figures["sample"]["of_bytes"]
    assert figures["cpu_seconds"]["stages"]["train-tokenizer"]["fixed"]
    assert not figures["cpu_seconds"]["stages"]["clean"]["fixed"]


def test_sums_are_of_their_parts(figures):
    for name, inner in (("output_bytes", "folders"), ("shuffle_bytes", "stages")):
        parts = figures[name][inner].values()
        values = [part["value"] if "value" in part else sum(row["value"] for row in part.values()) for part in parts]
        assert figures[name]["total"]["value"] == pytest.approx(sum(values))


def test_prices_make_costs_for_each_number_of_workers(planned, figures):
    assert figures["money"] == {}
    priced = Run(with_changes(planned.whole.recipe, {"prices": {"vcpu_hour": 3600.0}}), planned.whole.output)
    money = summary(priced, planned.found, planned.measured, planned.strata, (2,))["money"]
    assert money["2"]["total"] == money["2"]["vcpu"]
    assert money["2"]["vcpu"]["value"] == pytest.approx(2 * figures["wall"][0]["value"])


def test_people_read_each_figure(planned, figures):
    row = {"figure": "output", "unit": "bytes", "predicted": 3e6, "actual": 2e6, "error": 0.5}
    rest = {"seconds": 1, "models": {"a": "fitted"}, "notes": ["small"], "warnings": ["no room"], "last": [row]}
    said = "\n".join(lines(figures | rest))
    for text in (
        "Processor time: ",
        "Shuffled: ",
        "Memory of a worker at units",
        "Output: ",
        "With 16 workers: ",
        "  model a: fitted",
    ):
        assert text in said
    assert said.endswith("  output: 3 MB foretold, 2 MB seen, +50%")
    assert "note: small\nwarning: no room" in said  # fmt: skip


@pytest.mark.slow
def test_of_an_output_nothing_is_touched_but_the_plan(copied_run):
    run = copied_run.run()
    before = {path: path.stat().st_mtime_ns for path in copied_run.output.rglob("*") if path.is_file()}
    plan = plan_run(run, 0.001, (2,), run.output)
    after = {path: path.stat().st_mtime_ns for path in copied_run.output.rglob("*") if path.is_file()}
    assert set(after) - set(before) == {copied_run.output / PLAN}
    assert {path: at for path, at in after.items() if path in before} == before
    assert run.output.read_json(PLAN)["output_bytes"] == plan["output_bytes"]
    assert plan["engine_starts"] > 5
