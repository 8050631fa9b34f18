"""The stream's shards cover it once, each within a phase, and are found from either side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures import stream_shards
from mixtures.plan import Plan, Shares
from mixtures.stream_shards import StreamShards

PHASES = st.lists(st.tuples(st.sampled_from([4, 8, 16]), st.integers(1, 30)), min_size=1, max_size=4)


def plan(*phases):
    shares = [Shares(sequence_tokens=width, sequences={"a": count}) for width, count in phases]
    return Plan({"a": 9}, shares, block_tokens=8, seed=0)


def bounds(shards):
    return [(shard.first, shard.end) for shard in shards]


@given(PHASES, st.integers(1, 9))
def test_shards_cover_the_stream_once_and_never_two_phases(phases, sequences):
    made = plan(*phases)
    shards = StreamShards(made, sequences)
    assert [position for first, end in bounds(shards) for position in range(first, end)] == list(range(made.sequences))
    assert [shard.first_token for shard in shards] == np.cumsum([0, *(s.tokens for s in shards)])[:-1].tolist()
    for phase in made.phases:
        assert all(shards[index].phase is phase for index in shards.of_phase(phase))


@given(PHASES, st.integers(1, 9))
def test_each_token_is_in_the_shard_that_holds_it(phases, sequences):
    made = plan(*phases)
    shards = StreamShards(made, sequences)
    for phase in made.phases:
        tokens = np.arange(phase.first_token, phase.first_token + phase.tokens)
        found = [shards[index] for index in shards.holding(phase, tokens).tolist()]
        assert all(s.first_token <= t < s.first_token + s.tokens for s, t in zip(found, tokens, strict=True))


def test_shards_of_other_lengths_have_as_many_tokens():
    shards = StreamShards(plan((8, 10), (16, 10), (4, 10)), 4)
    assert bounds(shards) == [
        (0, 4),
        (4, 8),
        (8, 10),
        (10, 12),
        (12, 14),
        (14, 16),
        (16, 18),
        (18, 20),
        (20, 28),
        (28, 30),
    ]
    assert [len(shards), {shard.tokens for shard in shards}] == [10, {32, 16, 8}]


def test_a_sequence_longer_than_a_shard_is_a_shard():
    assert bounds(StreamShards(plan((4, 2), (16, 2)), 2)) == [(0, 2), (2, 3), (3, 4)]


def test_a_later_end_of_a_phase_changes_its_last_shard_alone():
    short, long = StreamShards(plan((8, 10), (16, 4)), 4), StreamShards(plan((8, 30)), 4)
    assert bounds(short)[:2] == bounds(long)[:2]


def test_a_shard_fits_memory(monkeypatch):
    monkeypatch.setattr(stream_shards, "MAX_SHARD_TOKENS", 24)
    assert {shard.tokens for shard in StreamShards(plan((8, 9)), 1000)} == {24}


@pytest.mark.parametrize("index", [-1, 3])
def test_a_shard_that_is_not_there_is_refused(index):
    with pytest.raises(IndexError, match=f"stream shards are 0 … 2, got {index}"):
        StreamShards(plan((8, 9)), 3)[index]


def test_a_shard_of_a_hundred_thousand_is_worked_out_alone():
    made = Plan({"a": 10**9}, [Shares(sequence_tokens=2048, sequences={"a": 10**9})], block_tokens=2048, seed=0)
    shards = StreamShards(made, 10_000)
    assert (len(shards), shards[99_999].end, len(shards._firsts)) == (100_000, 10**9, 2)
