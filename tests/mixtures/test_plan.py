"""A plan is a bijection between what sources give and what the stream holds, in one phase or several."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.plan import ABSENT, Plan, Shares


def plan(blocks, *phases, block_tokens=8, seed=0):
    """`phases` are (sequence_tokens, {source: sequences})."""
    shares = [Shares(sequence_tokens=width, sequences=counts) for width, counts in phases]
    return Plan(blocks, shares, block_tokens=block_tokens, seed=seed)


def source_tokens(made):
    """(source, epoch, token) of every token of the stream, sequence by sequence."""
    found = []
    for phase in made.phases:
        places = made.places(np.arange(phase.first, phase.end))
        tokens = places.token[:, :, None] + np.arange(phase.piece_tokens)
        epochs = np.broadcast_to(places.epoch[:, :, None], tokens.shape)
        sources = np.broadcast_to(places.source[:, None, None], tokens.shape)
        found.append(np.stack([sources.ravel(), epochs.ravel(), tokens.ravel()], axis=1))
    return np.concatenate(found)


def landed(made):
    """The same, from the other side: each block of each epoch put where it lands."""
    found = np.full((made.tokens, 3), -7)
    for phase in made.phases:
        for source in range(len(made.names)):
            for epoch in made.epochs(phase, source):
                blocks = np.arange(made.blocks[source])
                starts = made.landings(phase, source, epoch, blocks)
                for block, part in np.argwhere(starts != ABSENT).tolist():
                    width = phase.piece_tokens
                    tokens = block * made.block_tokens + part * width + np.arange(width)
                    at = starts[block, part] + np.arange(width)
                    assert (found[at] == -7).all()
                    found[at] = np.stack([np.full(width, source), np.full(width, epoch), tokens], axis=1)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.lists(
        st.tuples(st.sampled_from([2, 4, 8, 16, 24]), st.lists(st.integers(0, 9), min_size=3, max_size=3)),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 2**64),
)
def test_both_ways_say_the_same_of_every_token(sizes, phases, seed):
    names = "abc"[: len(sizes)]
    counted = [(width, dict(zip(names, counts, strict=False))) for width, counts in phases]
    counted = [(width, counts) for width, counts in counted if any(counts.values())]
    if counted:
        made = plan(dict(zip(names, sizes, strict=True)), *counted, seed=seed)
        assert source_tokens(made).tolist() == landed(made).tolist()


def test_two_and_a_half_epochs_are_every_sequence_twice_and_the_rest_of_them_thrice():
    made = plan({"a": 100, "b": 9}, (8, {"a": 245, "b": 1}))
    tokens = source_tokens(made)
    times = np.bincount(tokens[tokens[:, 0] == 0, 2], minlength=800)
    assert np.bincount(times).tolist() == [0, 0, 55 * 8, 45 * 8]
    assert list(made.epochs(made.phases[0], 0)) == [0, 1, 2]
    assert (made.readings(0), made.readings(1)) == ({2: 55, 3: 45}, {0: 8, 1: 1})


@pytest.mark.parametrize("count, readings", [(0, {0: 10}), (4, {0: 6, 1: 4}), (10, {1: 10}), (20, {2: 10})])
def test_readings_are_of_all_blocks(count, readings):
    assert plan({"a": 10, "b": 9}, (8, {"a": count, "b": 1})).readings(0) == readings


def test_a_source_without_a_block_has_no_readings():
    assert plan({"a": 0, "b": 9}, (8, {"b": 1})).readings(0) == {}


def test_a_block_that_is_begun_counts_as_read():
    made = plan({"a": 10}, (2, {"a": 5}), (8, {"a": 3}))
    assert made.readings(0) == {0: 5, 1: 5}
    assert [phase.end_blocks for phase in made.phases] == [(2,), (5,)]


def test_which_sequences_are_read_a_third_time_is_chosen_by_the_seed():
    chosen = [set(source_tokens(plan({"a": 100}, (8, {"a": 64}), seed=seed))[:, 2].tolist()) for seed in (1, 2)]
    assert [len(each) for each in chosen] == [64 * 8, 64 * 8]
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize("width, then", [(8, 8), (8, 16), (8, 4), (4, 8), (16, 8), (24, 4)])
def test_a_later_phase_repeats_nothing_before_all_has_been_read(width, then):
    made = plan({"a": 40}, (width, {"a": 100 // width}), (then, {"a": 160 // then}))
    assert np.bincount(source_tokens(made)[:, 2]).max() == 1


def test_a_change_of_the_shares_changes_nothing_before_it():
    blocks = {"a": 5, "b": 9}
    before = source_tokens(plan(blocks, (8, {"a": 6, "b": 6})))
    after = source_tokens(plan(blocks, (8, {"a": 6, "b": 6}), (8, {"a": 9, "b": 3})))
    assert after[: len(before)].tolist() == before.tolist()


@pytest.mark.parametrize("until", [1, 7, 12, 19])
def test_a_phase_that_is_cut_short_is_the_beginning_of_the_whole_one(until):
    blocks, counts = {"a": 5, "b": 9}, {"a": 13, "b": 7}
    whole = source_tokens(plan(blocks, (8, counts)))
    cut = Shares(sequence_tokens=8, sequences=counts, until=until)
    made = Plan(blocks, [cut, Shares(sequence_tokens=16, sequences={"b": 3})], block_tokens=8, seed=0)
    assert source_tokens(made)[: until * 8].tolist() == whole[: until * 8].tolist()
    assert made.sequences == until + 3
    assert source_tokens(made).tolist() == landed(made).tolist()
    record = made.to_record() | {"sources": {name: {"blocks": count} for name, count in blocks.items()}}
    assert source_tokens(Plan.from_record(record)).tolist() == source_tokens(made).tolist()
    assert record["phases"][0]["dealt"] == counts
    assert "dealt" not in record["phases"][1]


def test_without_a_change_two_phases_read_the_sources_as_one_does():
    one = plan({"a": 7, "b": 5}, (8, {"a": 10, "b": 20}))
    two = plan({"a": 7, "b": 5}, (8, {"a": 4, "b": 8}), (8, {"a": 6, "b": 12}))
    for source in (0, 1):
        read = [found[found[:, 0] == source].tolist() for found in map(source_tokens, (one, two))]
        assert read[0] == read[1]


def test_runs_are_cut_where_phases_end():
    made = plan({"a": 9}, (8, {"a": 5}), (16, {"a": 3}))
    assert [(first, count) for _, first, count in made.runs(3, 4)] == [(3, 2), (5, 2)]
    assert (made.sequences, made.tokens, made.phase_of(5).first_token) == (8, 88, 40)
    assert made.source_of(3, 4).tolist() == [0, 0, 0, 0]


def test_places_of_two_phases_are_refused():
    made = plan({"a": 9}, (8, {"a": 5}), (16, {"a": 3}))
    with pytest.raises(ValueError, match="positions 4 and 5 are not of one phase"):
        made.places(np.array([5, 4]))


@pytest.mark.parametrize("start, count", [(-1, 1), (0, 9), (8, 1), (3, -1)])
def test_positions_outside_the_stream_are_refused(start, count):
    with pytest.raises(ValueError, match=r"not within 0 … 8"):
        plan({"a": 9}, (8, {"a": 8})).source_of(start, count)


@pytest.mark.parametrize("block", [-1, 9])
def test_blocks_that_are_not_there_are_refused(block):
    made = plan({"a": 9}, (8, {"a": 8}))
    with pytest.raises(ValueError, match=r"a: blocks must lie in 0 … 8"):
        made.landings(made.phases[0], 0, 0, np.array([block]))


@pytest.mark.parametrize("width", [3, 12, 20])
def test_a_length_that_does_not_fit_the_blocks_is_refused(width):
    with pytest.raises(ValueError, match=f"must divide block_tokens = 8 or be a multiple of it, got {width}"):
        plan({"a": 9}, (width, {"a": 1}))


def test_a_share_of_a_source_without_a_block_is_refused():
    with pytest.raises(ValueError, match="a has a share of 2 sequences and not one to give"):
        plan({"a": 0}, (8, {"a": 2}))


def test_a_stream_has_a_phase():
    with pytest.raises(ValueError, match="a stream has at least one phase"):
        plan({"a": 1})


def test_a_plan_survives_json():
    made = plan({"a": 7, "b": 5}, (8, {"a": 4, "b": 8}), (4, {"a": 6}), seed=3)
    again = Plan.from_record(made.to_record() | {"sources": {"a": {"blocks": 7}, "b": {"blocks": 5}}})
    assert source_tokens(again).tolist() == source_tokens(made).tolist()
