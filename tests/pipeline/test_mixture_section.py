"""The mixture's phases follow from its changes, and what cannot be is said before any work."""

import pytest
from pydantic import ValidationError

from mixtures.llama1 import TABLE
from pipeline.mixture_section import Mixture
from pipeline.recipe import Recipe

HALVES = {"books": 0.5, "c4": 0.5}


def mixture(*changes, **settings):
    base = {"total_tokens": 1000, "sequence_tokens": 8, "weights": HALVES}
    return Mixture.model_validate(base | settings | {"changes": changes})


def lengths(phases):
    return [(phase.sequences if phase.until is None else phase.until, phase.sequence_tokens) for phase in phases]


def test_a_mixture_without_changes_is_one_phase():
    (phase,) = mixture().phases(4)
    assert (phase.sequences, phase.sequence_tokens, phase.until, dict(phase.weights)) == (125, 8, None, HALVES)


def test_weights_of_a_phase_are_in_the_papers_order():
    assert list(mixture().phases(4)[0].weights) == ["c4", "books"]


def test_steps_are_counted_in_batches():
    changes = {"from_step": 5, "weights": {"c4": 1.0}}, {"from_step": 6, "sequence_tokens": 16}
    for batch, expected in ((4, [(20, 8), (4, 8), (50, 16)]), (1, [(5, 8), (1, 8), (59, 16)])):
        assert lengths(mixture(*changes).phases(batch)) == expected


def test_what_a_change_leaves_out_stays():
    changes = {"from_step": 1, "sequence_tokens": 16}, {"from_step": 2, "weights": {"c4": 1.0}}
    found = [(phase.sequence_tokens, dict(phase.weights)) for phase in mixture(*changes).phases(4)]
    assert found == [(8, HALVES), (16, HALVES), (16, {"c4": 1.0})]


def test_a_phase_is_dealt_as_if_no_change_followed():
    alone, (first, _) = mixture().phases(4)[0], mixture({"from_step": 5, "weights": {"c4": 1.0}}).phases(4)
    assert (first.sequences, first.weights, first.until) == (alone.sequences, alone.weights, 20)


def test_the_last_phase_has_what_is_left_of_the_tokens():
    phases = mixture({"from_step": 5, "sequence_tokens": 24}, block_tokens=24).phases(4)
    assert lengths(phases) == [(20, 8), ((1000 - 160) // 24, 24)]


def test_a_source_may_enter_and_leave():
    changes = {"from_step": 1, "weights": {"arxiv": 1.0}}, {"from_step": 2, "weights": {"commoncrawl": 1.0}}
    assert mixture(*changes).sources == ("commoncrawl", "c4", "books", "arxiv")
    assert (
        Recipe(name="t", mixture=mixture(*changes), trainer={"batch_sequences": 4}).sources == mixture(*changes).sources
    )
    assert Recipe(name="t").sources == tuple(row.source for row in TABLE)


@pytest.mark.parametrize("block_tokens, width", [(0, 8), (8, 8), (16, 16), (4, 4)])
def test_a_block_is_a_sequence_unless_it_is_said(block_tokens, width):
    assert mixture(block_tokens=block_tokens).block_width == width


@pytest.mark.parametrize(
    "changes, settings, said",
    [
        ([{"from_step": 0, "weights": HALVES}], {}, "greater than or equal to 1"),
        ([{"from_step": 1}], {}, "must name weights or sequence_tokens, got neither"),
        ([{"from_step": 1, "weights": {"c4": 0.5}}], {}, "weights must sum to 1, got 0.5"),
        ([{"from_step": 1, "weights": {"d4": 1.0}}], {}, "weights.d4 is no source; did you mean c4?"),
        ([{"from_step": 1, "sequence_tokens": 7}], {}, "sequence_tokens must be 0 or at least 8, got 7"),
        (
            [{"from_step": 1, "sequence_tokens": 12}], {},
            "changes.0.sequence_tokens must divide block_tokens = 8 or be a multiple of it, got 12",
        ),
        ([], {"block_tokens": 12}, "sequence_tokens must divide block_tokens = 12 or be a multiple of it, got 8"),
        ([], {"block_tokens": 1 << 25}, "less than or equal to 16777216"),
        ([], {"total_tokens": 7}, "total_tokens must be at least one sequence of 8, got 7"),
        (
            [{"from_step": 5, "weights": HALVES}, {"from_step": 5, "weights": HALVES}], {},
            "changes.1.from_step must be above 5, that of the change before it, got 5",
        ),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_is_refused(changes, settings, said):
    with pytest.raises(ValidationError, match="1 validation error") as error:
        mixture(*changes, **settings)
    assert said in str(error.value)


@pytest.mark.parametrize("width, last", [(8, 31), (16, 30), (136, 27), (1000, 0)])
def test_a_change_lies_inside_the_stream(width, last):
    inside = mixture({"from_step": max(last, 1), "sequence_tokens": width})
    if last:
        assert lengths(inside.phases(4))[-1] == ((1000 - last * 32) // width, width)
    beyond = mixture({"from_step": last + 1, "sequence_tokens": width})
    said = f"mixture.changes.0.from_step must be at most {last}, where total_tokens = 1000 still pay .*, got {last + 1}"
    with pytest.raises(ValueError, match=said):
        beyond.phases(4)


def test_a_recipe_says_so_before_any_work():
    late = mixture({"from_step": 32, "weights": {"c4": 1.0}})
    with pytest.raises(ValidationError, match=r"changes\.0\.from_step must be at most 31"):
        Recipe(name="t", mixture=late, trainer={"batch_sequences": 4})
    assert len(Recipe(name="t", mixture=late, trainer={"batch_sequences": 3}).phases) == 2


def test_a_stream_too_long_to_be_dealt_is_refused():
    with pytest.raises(ValueError, match=r"mixture\.total_tokens must be at most 3037000499 sequences of 8, got 12"):
        mixture(total_tokens=10**13).phases(4)
