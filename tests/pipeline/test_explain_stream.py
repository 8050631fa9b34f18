"""The stream as a map, both ways, over phases and epochs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FatalError, SettingError
from pipeline.explain_stream import StreamMap, steps_done, steps_skipped
from pipeline.run import Run
from pipeline.storage import Folder


@pytest.fixture(scope="module")
def stream(finished_provenance_run):
    return StreamMap(finished_provenance_run)


@given(st.integers(0, 10**6))
def test_what_lies_at_a_position_lands_there(stream, position):
    position %= stream.plan.sequences
    source, pieces = stream.pieces(position)
    first = 0
    for piece in pieces:
        (landing,) = [
            each
            for each in stream.landings(source, piece.token, piece.tokens)
            if (each.position, each.epoch, each.first) == (position, piece.epoch, first)
        ]
        assert (landing.source_token, landing.tokens) == (piece.token, piece.tokens)
        first += piece.tokens
    assert first == stream.phase(position).sequence_tokens


@given(st.integers(0, 900), st.integers(1, 60))
def test_tokens_land_as_often_as_their_block_is_read(stream, start, count):
    plan = stream.plan
    landed = list(stream.landings("c4", start, count))
    assert all(start <= each.source_token and each.source_token + each.tokens <= start + count for each in landed)
    blocks = {each.source_token // plan.block_tokens for each in landed}
    read = sum(min(start + count, (b + 1) * 16) - max(start, b * 16) for b in blocks)
    whole = {each.epoch for each in landed if each.epoch == 0}
    assert sum(each.tokens for each in landed if each.epoch == 0) == (read if whole else 0)


def test_what_no_block_holds_lands_nowhere(stream):
    number = stream.plan.names.index("c4")
    used = stream.plan.blocks[number] * stream.plan.block_tokens
    assert list(stream.landings("c4", used, stream.source("c4").tokens - used)) == []


def test_a_token_of_the_stream_is_in_the_shard_whose_bytes_hold_it(stream):
    sizes = [shard["bytes"] // 2 for shard in stream.record["shards"]]
    assert stream.shard_of(0) == (0, 0)
    assert stream.shard_of(sizes[0] - 1) == (0, sizes[0] - 1)
    assert stream.shard_of(sizes[0]) == (1, 0)


@pytest.mark.parametrize("position, step", [(0, 1), (3, 1), (4, 2), (120, 31)])
def test_steps_are_counted_as_in_the_metrics(stream, position, step):
    assert stream.step_of(position) == step


@pytest.mark.parametrize("position", [-1, 10**9])
def test_a_position_beyond_the_stream_is_refused(stream, position):
    with pytest.raises(SettingError, match=r"position must be 0 … \d+, got"):
        stream.pieces(position)


def test_a_run_without_a_stream_says_which_command_makes_one(finished_provenance_run, tmp_path):
    with pytest.raises(FatalError, match="run `tokenmill mix` first"):
        StreamMap(Run(finished_provenance_run.recipe, Folder(str(tmp_path))))


@pytest.mark.parametrize(
    "metrics, steps",
    [
        ("", set()),
        ('{"step": 1, "skipped": true}\n{"step": 2, "skipped": false}\n{"step": 3, "skipped": true}\n', {1, 3}),
    ],
)
def test_steps_that_changed_nothing_are_known(finished_provenance_run, tmp_path, metrics, steps):
    run = Run(finished_provenance_run.recipe, Folder(str(tmp_path)))
    assert steps_skipped(run) == set()
    run.output.write_text("training/metrics.jsonl", metrics)
    assert steps_skipped(run) == steps


@pytest.mark.parametrize(
    "metrics, steps",
    [("", 0), ('{"step": 1}\n', 1), ('{"step": 1}\n{"step": 2}\n', 2), ('{"step": 1}\n{"st', 1), ("broken\n", 0)],
)
def test_steps_done_are_those_with_a_whole_line(finished_provenance_run, tmp_path, metrics, steps):
    run = Run(finished_provenance_run.recipe, Folder(str(tmp_path)))
    assert steps_done(run) == 0
    run.output.write_text("training/metrics.jsonl", metrics)
    assert steps_done(run) == steps
