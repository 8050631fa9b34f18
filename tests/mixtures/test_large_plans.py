"""A plan of a million sequences is a bijection that holds the ratios everywhere; a plan of any size starts at once."""

import sys
import tracemalloc

import numpy as np
import pytest

from mixtures.llama1 import TABLE, TOTAL_TOKENS
from mixtures.mixture import Ratios, plan_of
from mixtures.plan import ABSENT

WEIGHTS = {row.source: row.weight for row in TABLE}
CODE = {"github": 0.5, "commoncrawl": 0.3, "arxiv": 0.1, "books": 0.1}
MILLION = 1_000_000


def ratios(weights, sequences, width=2048, until=None):
    return Ratios(sequences=sequences, sequence_tokens=width, weights=weights, until=until)


def plan(*phases, block_tokens=2048):
    """Sources are of Table 1's sizes beside each other, and so large that a million sequences are its epochs."""
    available = {row.source: int(MILLION * row.weight / row.epochs) * 2048 + 77 for row in TABLE}
    return plan_of(phases, available, block_tokens=block_tokens, seed=5)


ONE = [ratios(WEIGHTS, MILLION)]
SEVERAL = [
    ratios(WEIGHTS, MILLION, until=300_123),
    ratios(CODE, 699_877, until=99_999),
    ratios(CODE, 299_939, width=4096, until=100_000),
    ratios(WEIGHTS, 799_756, width=1024, until=400_001),
    ratios(WEIGHTS, 99_876),
]


@pytest.mark.parametrize("phases, block_tokens", [(ONE, 2048), (SEVERAL, 2048), (SEVERAL, 4096)])
def test_every_position_is_found_again(phases, block_tokens):
    made = plan(*phases, block_tokens=block_tokens)
    assert made.sequences == MILLION if phases is ONE else made.sequences == 999_999
    for phase in made.phases:
        positions = np.arange(phase.sequences)
        places = made.places(phase.first + positions)
        starts = phase.first_token + positions[:, None] * phase.sequence_tokens
        starts = starts + np.arange(phase.pieces) * phase.piece_tokens
        for source in range(len(made.names)):
            for epoch in made.epochs(phase, source):
                mine = (places.source == source)[:, None] & (places.epoch == epoch)
                blocks, within = np.divmod(places.token[mine], made.block_tokens)
                landed = made.landings(phase, source, epoch, blocks)
                assert (landed[np.arange(len(blocks)), within // phase.piece_tokens] == starts[mine]).all()
                starts[mine] = ABSENT
        assert (starts == ABSENT).all()


@pytest.mark.parametrize("phases", [ONE, SEVERAL])
def test_each_source_keeps_to_its_share_at_every_position_and_in_any_stretch(phases):
    made = plan(*phases)
    for phase in made.phases:
        sources = made.source_of(phase.first, phase.sequences)
        for number, whole in enumerate(phase.schedule.dealt):
            share = whole / sum(phase.schedule.dealt)
            drift = np.cumsum(sources == number) - share * np.arange(1, phase.sequences + 1)
            assert abs(drift).max() < 1
            assert max(drift.max(), 0) - min(drift.min(), 0) < 2


def test_budgets_of_a_million_are_those_of_the_table():
    counts = dict(zip(WEIGHTS, plan(*ONE).phases[0].schedule.counts, strict=True))
    assert counts == {source: round(weight * MILLION) for source, weight in WEIGHTS.items()}


def calls_and_bytes(work):
    """How many Python functions the work calls, and the most memory that it takes."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    tracemalloc.start()
    try:
        work()
        return calls, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def starting(sequences):
    """A plan made, and one position and one block asked for."""
    available = {row.source: int(row.unique_tokens * sequences * 2048 / TOTAL_TOKENS) for row in TABLE}
    halves = [ratios(WEIGHTS, sequences, until=sequences // 2), ratios(CODE, sequences // 2)]

    def work():
        made = plan_of(halves, available, block_tokens=2048, seed=0)
        made.places(np.array([made.sequences - 1]))
        made.landings(made.phases[0], 0, 0, np.array([1]))

    return work


def test_a_plan_of_all_of_llama_starts_as_fast_as_a_small_one():
    small, large = calls_and_bytes(starting(4_000)), calls_and_bytes(starting(TOTAL_TOKENS // 2048))
    # A permutation is walked until it lands inside its range, so one position may take some calls more than another.
    assert large[0] < small[0] + 200
    assert large[1] < 100_000
