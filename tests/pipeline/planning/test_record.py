"""A prediction is held against the run, if it was of the same recipe and inputs."""

import pytest

from pipeline.planning.plan import summary
from pipeline.planning.record import PLAN, errors_of_last, recipe_digest, write_plan
from pipeline.planning.sample_run import with_changes
from pipeline.run import Run


@pytest.fixture
def told(planned, copied_run):
    """A run in whose logs the plan of it lies."""
    run = Run(planned.whole.recipe, copied_run.run().output)
    write_plan(run.output, summary(planned.whole, planned.found, planned.measured, planned.strata, (2,)))
    return run


def inputs_of(run):
    return run.output.read_json(PLAN)["inputs"]


def test_each_figure_that_the_run_has_is_compared(told):
    rows = {row["figure"]: row for row in errors_of_last(told, inputs_of(told))}
    assert {
        "processor time of clean",
        "processor time",
        "shuffled",
        "memory of a worker",
        "output",
        "output in tokens",
    } <= set(rows)
    assert all(row["error"] == pytest.approx(row["predicted"] / row["actual"] - 1) for row in rows.values())
    assert abs(rows["output in tokens"]["error"]) < 0.4
    assert rows["time with 2 workers"]["actual"] > 0  # fmt: skip


def test_another_recipe_or_other_inputs_are_not_compared(told):
    inputs = inputs_of(told)
    other = with_changes(told.recipe, {"tokenizer": {"vocabulary_size": 700}})
    assert errors_of_last(Run(other, told.output), inputs) == []
    assert errors_of_last(told, inputs | {"c4": {}}) == []


def test_prices_are_no_part_of_what_was_foretold(told):
    assert recipe_digest(with_changes(told.recipe, {"prices": {"vcpu_hour": 1.0}})) == recipe_digest(told.recipe)
    assert recipe_digest(with_changes(told.recipe, {"tokenizer": {"vocabulary_size": 700}})) != recipe_digest(
        told.recipe
    )


def test_without_a_plan_nothing_is_compared(told):
    inputs = inputs_of(told)
    told.output.delete(PLAN)
    assert errors_of_last(told, inputs) == []
