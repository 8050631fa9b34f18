"""The stream holds what the plan says, whatever the units, the shards and the order of blocks."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import mix
from pipeline.errors import FatalError
from pipeline.mix import MixPlan, plan_mix, read_blocks, send_blocks, stream_record, write_shard
from pipeline.recipe import Recipe

WIDTH = 8


def recipe(weights, total_tokens=80):
    mixture = {"weights": weights, "total_tokens": total_tokens, "sequence_tokens": WIDTH, "shard_sequences": 5}
    return Recipe.model_validate({"name": "t", "mixture": mixture})


def plan_of(sizes, total_tokens=160, weights=None):
    shards = {source: [(f"s{i}", size) for i, size in enumerate(tokens)] for source, tokens in sizes.items()}
    weights = weights or dict.fromkeys(sizes, 1 / len(sizes))
    made = recipe(weights, total_tokens)
    return plan_mix(shards, made, vocabulary_size=70_000, tokenizer_digest="t")


def opener(plan):
    """Token shards whose ids count up through each source, from 0."""

    def open_shard(source, name):
        sizes = dict(plan.shards[source])
        before = sum(size for other, size in sizes.items() if other < name)
        return io.BytesIO(np.arange(before, before + sizes[name], dtype="<u4").tobytes())

    return open_shard


def blocks_of(plan):
    found = {}
    for source, shards in plan.shards.items():
        for unit in range(len(shards)):
            for index, block in send_blocks(plan, source, unit, opener(plan)):
                found.setdefault(index, []).append(block)
    return found


def written(plan, reverse=False):
    """All sequences of the stream, as it is written shard by shard."""
    parts = []
    for index, blocks in sorted(blocks_of(plan).items()):
        sink = io.BytesIO()
        write_shard(plan, index, reversed(blocks) if reverse else blocks, sink)
        parts.append(np.frombuffer(sink.getvalue(), "<u4").reshape(-1, WIDTH))
    return np.concatenate(parts)


def test_the_plan_counts_what_is_there_and_what_is_asked():
    plan = plan_of({"c4": [30, 5], "books": [17]}, weights={"c4": 0.75, "books": 0.25})
    assert plan.record["sources"]["c4"] == {
        "sequences": 15, "blocks": 4, "available_tokens": 35, "unused_tokens": 3, "epochs": 3.75, "tokens": 120,
        "readings": {"3": 1, "4": 3},
    }  # fmt: skip
    assert (plan.record["sequences"], plan.record["dtype"], len(plan.stream_shards)) == (20, "uint32", 4)


@pytest.mark.parametrize("sizes", [[35], [30, 5], [5, 30], [8, 8, 8, 11], [1] * 35, [0, 35], [16, 2, 2, 2, 13]])
def test_windows_run_across_the_shards_of_a_source(sizes):
    plan = plan_of({"c4": sizes})
    found = [window for unit in range(len(sizes)) for window in read_blocks(plan, "c4", unit, opener(plan))]
    tokens = np.concatenate([rows.ravel() for _, rows in found])
    assert tokens.tolist() == list(range(32))
    assert [first for first, _ in found] == np.cumsum([0, *(len(rows) for _, rows in found)])[:-1].tolist()


@pytest.mark.parametrize("chunk_bytes", [1, 32, 33, 1000])
def test_the_size_of_a_chunk_does_not_show(monkeypatch, chunk_bytes):
    plan = plan_of({"c4": [20, 50, 3], "books": [40]})
    whole = written(plan)
    monkeypatch.setattr(mix, "CHUNK_BYTES", chunk_bytes)
    assert written(plan).tolist() == whole.tolist()


def test_every_sequence_lies_where_the_order_says():
    plan = plan_of({"c4": [50, 23], "books": [9, 9]})
    expected = plan.plan.places(np.arange(20)).token + np.arange(WIDTH)
    assert written(plan).tolist() == expected.tolist()


def test_blocks_may_come_in_any_order():
    plan = plan_of({"c4": [50, 23], "books": [9, 9]})
    assert written(plan, reverse=True).tolist() == written(plan).tolist()


def test_the_last_shard_holds_the_rest():
    plan = plan_of({"c4": [80]}, total_tokens=7 * WIDTH)
    assert [(shard.first, shard.end) for shard in plan.stream_shards] == [(0, 5), (5, 7)]
    assert len(written(plan)) == 7


def test_a_shard_shorter_than_planned_is_an_error():
    plan = plan_of({"c4": [40]})
    with pytest.raises(ValueError, match="c4: token shard s0 is shorter than the plan says"):
        list(read_blocks(plan, "c4", 0, lambda *_: io.BytesIO(bytes(100))))


def test_a_missing_sequence_is_an_error():
    plan = plan_of({"c4": [80]}, total_tokens=5 * WIDTH)
    with pytest.raises(ValueError, match="stream shard 0 lacks 5 of 5 sequences"):
        write_shard(plan, 0, [], io.BytesIO())


def test_a_sequence_sent_twice_is_an_error():
    plan = plan_of({"c4": [80]}, total_tokens=5 * WIDTH)
    (blocks,) = blocks_of(plan).values()
    with pytest.raises(ValueError, match="stream shard 0 was sent a sequence twice"):
        write_shard(plan, 0, blocks * 2, io.BytesIO())


@pytest.mark.parametrize("index, other", [(0, 1), (1, 0)])
def test_a_sequence_of_another_shard_is_an_error(index, other):
    plan = plan_of({"c4": [80]}, total_tokens=10 * WIDTH)
    with pytest.raises(ValueError, match=f"stream shard {index} was sent a sequence of another shard"):
        write_shard(plan, index, blocks_of(plan)[other], io.BytesIO())


def test_a_source_without_one_whole_sequence_stops_the_run():
    with pytest.raises(FatalError, match="mixture: books has a share of 10 sequences and not one to give"):
        plan_of({"c4": [80], "books": [7]})


def test_shards_are_laid_end_to_end_in_name_order():
    plan = plan_mix({"c4": [("b", 9), ("a", 8)]}, recipe({"c4": 1.0}), vocabulary_size=600, tokenizer_digest="t")
    assert plan.shards == {"c4": [("a", 8), ("b", 9)]}
    assert [plan.blocks_of("c4", unit) for unit in (0, 1)] == [(0, 1), (1, 2)]


def test_a_plan_survives_json():
    plan = plan_of({"c4": [50, 23], "books": [9, 9]})
    again = MixPlan(
        shards={k: [list(s) for s in v] for k, v in plan.shards.items()}, record=plan.record, shard_sequences=5
    )
    assert written(again).tolist() == written(plan).tolist()


def test_the_record_lists_the_shards_that_were_written():
    plan = plan_of({"c4": [80]}, total_tokens=7 * WIDTH)
    record = stream_record(plan, [{"bytes": 160, "digest": "a"}, {"bytes": 64, "digest": "b"}])
    assert record["shards"][1] == {"name": "stream-00001.bin", "sequences": 2, "bytes": 64, "digest": "b"}
    assert (
        record["digest"] != stream_record(plan, [{"bytes": 160, "digest": "a"}, {"bytes": 64, "digest": "c"}])["digest"]
    )


def test_the_stream_on_disk_is_what_the_plan_names(finished_token_run):
    run = finished_token_run
    files = sorted((run.root / "stream").glob("*.bin"))
    rows = np.concatenate([np.fromfile(file, "<u2") for file in files]).reshape(250, 16)
    places = run.plan.plan.places(np.arange(250))
    held = {
        name: np.concatenate([np.fromfile(run.root / f"tokens/{name}/{shard}.bin", "<u2") for shard, _ in shards])
        for name, shards in run.plan.shards.items()
    }
    for row, source, token in zip(rows, places.source.tolist(), places.token[:, 0].tolist(), strict=True):
        name = run.plan.plan.names[source]
        assert row.tolist() == held[name][token : token + 16].tolist()


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=5), min_size=1, max_size=3),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_however_sources_are_cut_the_stream_is_the_order(sizes, sequences, seed):
    sizes = {source: [WIDTH, *parts] for source, parts in zip(("c4", "books", "arxiv"), sizes, strict=False)}
    plan = plan_of(sizes, total_tokens=sequences * WIDTH)
    plan = MixPlan(shards=plan.shards, record=dict(plan.record) | {"seed": seed}, shard_sequences=7)
    places = plan.plan.places(np.arange(sequences))
    assert (written(plan)[:, :1] == places.token).all()
    assert (written(plan) == written(plan)[:, :1] + np.arange(WIDTH)).all()


LENGTHS = st.sampled_from([8, 16, 32])
SHARES = st.sampled_from([{"c4": 1.0}, {"c4": 0.5, "books": 0.5}, {"books": 0.3, "arxiv": 0.7}])


@settings(max_examples=40, deadline=None)
@given(
    LENGTHS,
    st.lists(st.tuples(st.integers(1, 9), SHARES, LENGTHS), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 90), min_size=1, max_size=4), min_size=3, max_size=3),
    st.integers(1, 9),
)
def test_a_stream_of_any_phases_is_what_its_plan_says(block, phases, sizes, shard_sequences):
    step, changes = 0, []
    for steps, weights, width in phases[1:]:
        step += steps
        changes.append({"from_step": step, "weights": weights, "sequence_tokens": width})
    mixture = {
        "weights": phases[0][1], "sequence_tokens": phases[0][2], "block_tokens": block, "changes": tuple(changes),
        "total_tokens": (step + 2) * 3 * 32, "shard_sequences": shard_sequences,
    }  # fmt: skip
    made = Recipe.model_validate({"name": "t", "mixture": mixture, "trainer": {"batch_sequences": 3}})
    shards = {
        source: [(f"s{i}", size) for i, size in enumerate([32, *parts])]
        for source, parts in zip(("c4", "books", "arxiv"), sizes, strict=True)
    }
    plan = plan_mix(shards, made, vocabulary_size=70_000, tokenizer_digest="t")
    sinks = []
    for index, blocks in sorted(blocks_of(plan).items()):
        sinks.append(io.BytesIO())
        write_shard(plan, index, blocks, sinks[-1])
    expected = [
        (plan.plan.places(np.arange(phase.first, phase.end)).token[:, :, None] + np.arange(phase.piece_tokens)).ravel()
        for phase in plan.plan.phases
    ]
    assert (
        np.frombuffer(b"".join(sink.getvalue() for sink in sinks), "<u4").tolist() == np.concatenate(expected).tolist()
    )


def test_a_sketch_for_some_shards_is_that_part_of_the_whole():
    plan = plan_of({"c4": [50, 23], "books": [9, 9]})
    for source, unit in (("c4", 0), ("c4", 1), ("books", 0)):
        whole = list(send_blocks(plan, source, unit, opener(plan)))
        some = list(send_blocks(plan, source, unit, opener(plan), wanted=[1, 3]))
        assert some == [(shard, pack) for shard, pack in whole if shard in (1, 3)]


def test_the_way_a_source_is_cut_into_shards_does_not_show():
    one, two = plan_of({"c4": [73], "books": [40]}), plan_of({"c4": [20, 50, 3], "books": [1, 39]})
    assert written(one).tolist() == written(two).tolist()
    assert one.record == two.record


def test_a_sketch_is_the_same_on_every_run():
    plan = plan_of({"c4": [50, 23], "books": [9, 9]})
    assert blocks_of(plan) == blocks_of(plan)
