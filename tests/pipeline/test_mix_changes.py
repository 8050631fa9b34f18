"""A change of the mixture from a step on leaves the stream before it, reads nothing twice, and mixes only the rest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mixed_run import make_run, mixed, recipe_with, stream_tokens, write_tokens

SIZES = {"c4": [3000, 1405], "books": [900, 7, 500], "arxiv": [640], "wikipedia": [2000]}
ENTERS = {"wikipedia": 0.4, "c4": 0.6}
CHANGES = [
    [{"from_step": 33, "weights": {"c4": 0.2, "books": 0.8}}],
    [{"from_step": 33, "weights": ENTERS}],
    [{"from_step": 33, "sequence_tokens": 16}],
    [{"from_step": 33, "weights": ENTERS, "sequence_tokens": 16}, {"from_step": 40, "sequence_tokens": 8}],
    [{"from_step": 99, "weights": {"arxiv": 1.0}}],
]


@pytest.fixture
def run(tmp_path, vocabulary_path):
    return make_run(tmp_path / "run", vocabulary_path, SIZES)


def changed(run, *changes, **mixture):
    return replace(run, recipe=recipe_with(changes=changes, **mixture))


@pytest.mark.parametrize("changes", CHANGES)
def test_a_change_leaves_all_bytes_before_it(run, tmp_path, changes):
    assert mixed(run, tmp_path / "a") == list(range(10))
    before = stream_tokens(run)
    after = changed(run, *changes)
    written = mixed(after, tmp_path / "b")
    kept = changes[0]["from_step"] * 10 * 8
    assert stream_tokens(after)[:kept].tolist() == before[:kept].tolist()
    assert stream_tokens(after).tolist() != before.tolist()
    assert written[0] == kept // 800
    assert mixed(after, tmp_path / "c") == []


@pytest.mark.parametrize("changes", CHANGES)
def test_shards_that_are_kept_make_the_stream_that_is_mixed_at_once(run, tmp_path, vocabulary_path, changes):
    mixed(run, tmp_path / "a")
    mixed(changed(run, *changes), tmp_path / "b")
    at_once = make_run(tmp_path / "other", vocabulary_path, SIZES, changes=changes)
    mixed(at_once, tmp_path / "c")
    assert at_once.output.list("stream") == run.output.list("stream")
    for name in at_once.output.list("stream"):
        assert at_once.output.digest(f"stream/{name}") == run.output.digest(f"stream/{name}")


def test_a_change_that_is_taken_back_gives_the_stream_of_before(run, tmp_path):
    mixed(run, tmp_path / "a")
    before = run.output.read_json("stream/stream.json")
    mixed(changed(run, *CHANGES[3]), tmp_path / "b")
    assert mixed(run, tmp_path / "c") == list(range(3, 10))
    assert run.output.read_json("stream/stream.json") == before


def test_a_second_change_leaves_what_the_first_one_made(run, tmp_path):
    first, second = {"from_step": 33, "weights": ENTERS}, {"from_step": 60, "sequence_tokens": 16}
    mixed(changed(run, first), tmp_path / "a")
    before = stream_tokens(run)
    assert min(mixed(changed(run, first, second), tmp_path / "b")) == 4 + (600 - 330) // 100
    assert stream_tokens(run)[: 600 * 8].tolist() == before[: 600 * 8].tolist()


def test_another_token_shard_of_a_source_mixes_only_what_has_tokens_of_it(run, tmp_path):
    after = changed(run, {"from_step": 50, "weights": ENTERS})
    mixed(after, tmp_path / "a")
    write_tokens(run, "wikipedia", [2000], first=30_000)
    assert mixed(after, tmp_path / "b") == [5, 6, 7, 8, 9]
    write_tokens(run, "books", [900], first=41_000)
    assert mixed(after, tmp_path / "c") == [0, 1, 2, 3, 4]


def test_only_sources_of_what_is_mixed_are_read(run, tmp_path, monkeypatch):
    mixed(run, tmp_path / "a")
    for name in ("books/s0", "arxiv/s0"):
        run.output.delete(f"tokens/{name}.bin")
    after = changed(run, {"from_step": 40, "weights": ENTERS})
    assert mixed(after, tmp_path / "b") == [4, 5, 6, 7, 8, 9]


LENGTHS = st.lists(st.sampled_from([8, 16, 32]), min_size=1, max_size=3)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    LENGTHS,
    st.sampled_from([8, 16, 32]),
    st.lists(st.integers(1, 700), min_size=1, max_size=4),
    st.integers(1, 60),
    st.sampled_from([37, 100, 1000]),
    st.integers(1, 20),
)
def test_nothing_is_read_twice_before_all_has_been_read(
    tmp_path_factory, vocabulary_path, lengths, block, shards, total, shard_sequences, step
):
    root = tmp_path_factory.mktemp("run")
    changes = [{"from_step": step * n, "sequence_tokens": width} for n, width in enumerate(lengths[1:], 1)]
    phases = sum(step * 10 * width for width in lengths[:-1]) + 10 * total * lengths[-1]
    whole = {
        "weights": {"c4": 1.0}, "sequence_tokens": lengths[0], "block_tokens": block, "total_tokens": phases,
        "changes": changes, "shard_sequences": shard_sequences,
    }  # fmt: skip
    run = make_run(root, vocabulary_path, {"c4": [32, *shards]}, **whole)
    mixed(run, root / "scratch")
    found, held = stream_tokens(run), sum([32, *shards]) // block * block
    assert (len(found), found.max() < held) == (phases, True)
    repeated = np.setdiff1d(np.arange(len(found)), np.unique(found, return_index=True)[1])
    if repeated.size:
        # Where the length changes within a block, what is left of that block is passed over.
        unread = held - np.unique(found[: repeated[0]]).size
        assert unread <= len(changes) * (block - 8)


def test_without_a_change_each_epoch_reads_every_token_once(tmp_path, vocabulary_path):
    run = make_run(tmp_path / "run", vocabulary_path, {"c4": [1000]}, weights={"c4": 1.0}, total_tokens=2456)
    mixed(run, tmp_path / "scratch")
    times = np.bincount(stream_tokens(run), minlength=1000)
    assert np.bincount(times).tolist() == [0, 0, 544, 456]
