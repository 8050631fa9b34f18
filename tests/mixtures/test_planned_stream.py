"""A stream of one's own ratios over token shards, never written."""

import numpy as np
import pytest

from mixtures.mixture import Ratios
from mixtures.stream import Stream, Stretch, VirtualStream

FORMAT = {"vocabulary_size": 3000, "tokenizer_digest": "t"}
HALVES = {"a": 0.5, "b": 0.5}


def test_a_stream_can_be_planned_without_being_written(small_stream):
    run = small_stream()
    phases = [
        Ratios(sequences=40, sequence_tokens=4, weights=HALVES),
        Ratios(sequences=6, sequence_tokens=8, weights={"a": 1}),
    ]
    stream = VirtualStream.planned(run.tokens, phases, seed=5, **FORMAT)
    assert stream.stretches(0, 46) == [Stretch(0, 40, 4), Stretch(40, 6, 8)]
    assert np.bincount(stream.source_of(0, 40)).tolist() == [20, 20]
    rows = stream.read(0, 40)
    assert ((rows[:, 0] >= 2000) == stream.source_of(0, 40)).all()
    assert (np.diff(rows) == 1).all() and len(np.unique(rows[:, 0])) == 40


def test_a_planned_stream_is_opened_again_as_it_was_saved(small_stream, tmp_path):
    run, ratios = small_stream(), Ratios(sequences=40, sequence_tokens=4, weights=HALVES)
    stream = VirtualStream.planned(run.tokens, [ratios], **FORMAT)
    stream.save(tmp_path / "deep" / "mine")
    again = VirtualStream.open(tmp_path / "deep" / "mine", run.tokens, digest=stream.digest)
    assert again.read(0, 40).tolist() == stream.read(0, 40).tolist()
    assert [path.name for path in (tmp_path / "deep" / "mine").iterdir()] == ["stream.json"]


def test_a_saved_plan_is_not_taken_for_a_stream_with_files(small_stream, tmp_path):
    ratios = Ratios(sequences=40, sequence_tokens=4, weights=HALVES)
    VirtualStream.planned(small_stream().tokens, [ratios], **FORMAT).save(tmp_path / "mine")
    with pytest.raises(ValueError, match="the shards have 0 tokens, the plan 160"):
        Stream.open(tmp_path / "mine")


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"block_tokens": 2}, {"tokenizer_digest": "u"}, {"vocabulary_size": 4000}]
)
def test_another_plan_has_another_digest(small_stream, change):
    tokens, ratios = small_stream().tokens, [Ratios(sequences=40, sequence_tokens=4, weights=HALVES)]
    digest = VirtualStream.planned(tokens, ratios, **FORMAT).digest
    assert VirtualStream.planned(tokens, ratios, **FORMAT).digest == digest
    assert VirtualStream.planned(tokens, ratios, **(FORMAT | change)).digest != digest
    (tokens / "a" / "unit-1.bin").rename(tokens / "a" / "unit-7.bin")
    assert VirtualStream.planned(tokens, ratios, **FORMAT).digest != digest


@pytest.mark.parametrize(
    "phases, said",
    [
        ([], "at least one phase"),
        (
            [Ratios(sequences=1, sequence_tokens=999, weights={"a": 1})],
            "has a share of 1 sequences and not one to give",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_one_line(small_stream, phases, said):
    with pytest.raises(ValueError, match=said):
        VirtualStream.planned(small_stream().tokens, phases, **FORMAT)


def until(tokens, position, *phases, **change):
    """The digest of what comes before a position; a phase is (weights of a and b, where the next begins)."""
    ratios = [
        Ratios(sequences=40, sequence_tokens=4, weights=dict(zip("ab", ab, strict=True)), until=end)
        for ab, end in phases
    ]
    return VirtualStream.planned(tokens, ratios, **(FORMAT | change)).digest_until(position)


@pytest.mark.parametrize("position, same", [(0, True), (1, True), (20, True), (21, False), (40, False)])
def test_a_later_change_leaves_the_digest_of_what_comes_before_it(small_stream, position, same):
    tokens = small_stream().tokens
    plain = until(tokens, position, ((0.5, 0.5), None))
    changed = until(tokens, position, ((0.5, 0.5), 20), ((0.25, 0.75), None))
    assert (plain == changed) is same


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"block_tokens": 2}, {"tokenizer_digest": "u"}, {"vocabulary_size": 9000}]
)
def test_another_beginning_has_another_digest(small_stream, change):
    tokens, halves = small_stream().tokens, ((0.5, 0.5), None)
    assert until(tokens, 20, halves, **change) != until(tokens, 20, halves)


def test_other_token_shards_of_a_source_that_has_been_read_are_another_beginning(small_stream):
    tokens, halves = small_stream().tokens, [Ratios(sequences=40, sequence_tokens=4, weights=HALVES)]
    before = VirtualStream.planned(tokens, halves, **FORMAT)
    (tokens / "a" / "unit-1.bin").rename(tokens / "a" / "unit-7.bin")
    after = VirtualStream.planned(tokens, halves, **FORMAT)
    assert before.digest_until(0) == after.digest_until(0)
    assert before.digest_until(5) != after.digest_until(5)
