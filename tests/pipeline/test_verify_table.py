"""What is counted is what lies there, at every position and in every phase; what was promised is held against it."""

import dataclasses

import numpy as np
import pytest

from mixtures.mixture import Ratios
from pipeline.verify_stream import StreamProof
from pipeline.verify_table import promised_drift, sum_reads, table_faults, table_lines


def test_all_phases_are_proven_and_counted(phased_token_run, proven):
    proof = proven(phased_token_run.run())
    assert proof.faults == ()
    phases = [(phase["first"], phase["sequences"], phase["sequence_tokens"]) for phase in proof.table["phases"]]
    assert phases == [(0, 50, 16), (50, 30, 32), (80, 35, 64)]
    assert sum(row["tokens"] for row in proof.table["sources"].values()) == 4000
    asked = [phase["sources"]["books"]["asked_tokens"] for phase in proof.table["phases"]]
    assert asked == [pytest.approx(0.25 * 800), pytest.approx(0.25 * 960), pytest.approx(0.6 * 2240)]


def test_parts_of_blocks_are_counted_where_sequences_are_shorter(phased_token_run, proven):
    table = proven(phased_token_run.run()).table
    for name, row in table["sources"].items():
        blocks = phased_token_run.plan.record["sources"][name]["blocks"]
        assert sum(row["blocks_read"].values()) == 2 * blocks
        assert sum(int(times) * count for times, count in row["blocks_read"].items()) * 16 == row["tokens"]


@pytest.mark.parametrize("fixture", ["finished_token_run", "phased_token_run"])
def test_how_far_sources_stray_is_what_a_look_at_every_position_finds(request, proven, fixture):
    run = request.getfixturevalue(fixture)
    table = proven(run.run()).table
    for phase, row in zip(run.plan.plan.phases, table["phases"], strict=True):
        source = run.plan.plan.source_of(phase.first, phase.sequences)
        for number, name in enumerate(run.plan.plan.names):
            share = phase.schedule.dealt[number] / sum(phase.schedule.dealt)
            away = np.cumsum(source == number) - share * np.arange(1, phase.sequences + 1)
            away = np.concatenate([[0], away])
            found = row["sources"][name]
            assert found["farthest_at_a_position"] == pytest.approx(np.abs(away).max(), abs=1e-6)
            assert found["farthest_over_a_stretch"] == pytest.approx(away.max() - away.min(), abs=1e-6)


def test_in_how_many_shards_the_stream_lies_does_not_show(finished_token_run, proven):
    run = finished_token_run.run()
    table = proven(run).table
    row = table["phases"][0]["sources"]["c4"]
    assert (row["farthest_at_a_position"], row["farthest_over_a_stretch"]) == (0.5, 0.5)


def test_what_is_promised_follows_from_how_the_sources_are_interleaved(finished_token_run):
    (phase,) = finished_token_run.plan.plan.phases
    near, far = promised_drift(phase)
    assert near == pytest.approx(phase.schedule.bound(), abs=1e-5)
    assert far == 2 * near < 2


def changed(table, name, **values):
    phases = [dict(phase) for phase in table["phases"]]
    phases[0]["sources"] = phases[0]["sources"] | {name: phases[0]["sources"][name] | values}
    return table | {"phases": phases}


@pytest.mark.parametrize(
    "values, told",
    [
        ({"farthest_at_a_position": 0.7, "farthest_over_a_stretch": 1.4, "off_sequences": 0.999}, []),
        ({"farthest_at_a_position": 1.0}, ["ratio_drifts"]),
        ({"farthest_over_a_stretch": 2.0}, ["ratio_drifts"]),
        ({"off_sequences": 1.0}, ["budget_missed"]),
        ({"off_sequences": -1.0}, ["budget_missed"]),
    ],
)
def test_what_was_promised_is_held_against_what_was_counted(finished_token_run, proven, values, told):
    table = proven(finished_token_run.run()).table
    reads = {name: {int(n): count for n, count in row["blocks_read"].items()} for name, row in table["sources"].items()}
    found = table_faults(changed(table, "c4", **values), finished_token_run.plan, reads)
    assert [fault.name for fault in found] == told


def test_blocks_that_are_read_more_often_than_the_stream_has_them_are_told(finished_token_run, proven):
    table = proven(finished_token_run.run()).table
    reads = {"c4": {1: 126}, "wikipedia": {7: 9}, "books": {0: 40, 1: 62}}
    (fault,) = table_faults(table, finished_token_run.plan, reads)
    assert (fault.name, fault.detail) == (
        "reads_differ",
        "c4: its blocks are read for 2016 tokens, the stream has 2000",
    )


def test_a_plan_that_leaves_positions_empty_is_told(finished_token_run, proven, monkeypatch):
    prove_shard = __import__("pipeline.verify_work", fromlist=["x"]).prove_stream_shard
    lost = lambda *given: dataclasses.replace(prove_shard(*given), unknown=1)  # noqa: E731
    monkeypatch.setattr("pipeline.verify_work.prove_stream_shard", lost)
    found = proven(finished_token_run.run()).faults
    assert [(fault.name, fault.detail) for fault in found] == [("plan_not_whole", "3 pieces have no source")]


def test_a_position_that_is_planned_twice_is_told(finished_token_run, proven, monkeypatch):
    prove_shard = __import__("pipeline.verify_work", fromlist=["x"]).prove_stream_shard
    twice = lambda *given: dataclasses.replace(prove_shard(*given), twice=2)  # noqa: E731
    monkeypatch.setattr("pipeline.verify_work.prove_stream_shard", twice)
    assert {fault.name for fault in proven(finished_token_run.run()).faults} == {"plan_not_whole"}


def test_reads_of_a_sources_shards_are_added_up():
    shards = [{"source": "c4", "reads": {"0": 1, "2": 3}}, {"source": "c4", "reads": {"2": 4}}]
    assert sum_reads([*shards, {"source": "books", "reads": {}}]) == {"c4": {0: 1, 2: 7}, "books": {}}


def test_the_table_is_a_line_a_source(finished_token_run, proven):
    head, *lines = table_lines(proven(finished_token_run.run()).table)
    assert head.split() == "source asked % got % tokens epochs off by Table 1 % read 0x 1x 2x 3x …".split()
    assert lines[0].split() == "c4 50.000 50.000 2,000 0.613 +0.000 15.0 79 125".split()
    assert lines[1].split() == "wikipedia 25.000 25.200 1,008 7.000 +0.500 4.5 0 0 0 0 0 0 0 9".split()
    assert len({line.index("c4") for line in lines[:1]}) == 1


def test_a_proof_survives_being_written_down():
    proof = StreamProof(size=3, digest="d", drift={"c4": (1, -2, 3)}, wrong=[(0, 1, 2, -1)], proven={"c4": 1})
    again = StreamProof(**proof.to_json())
    assert (again.size, again.proven) == (3, {"c4": 1})


def test_ratios_of_a_phase_name_what_its_sources_are_asked():
    ratios = Ratios(sequences=10, sequence_tokens=16, weights={"c4": 0.5, "books": 0.5})
    assert ratios.shares().sequences == {"c4": 5, "books": 5}
