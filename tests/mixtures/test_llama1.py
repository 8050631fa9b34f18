"""Table 1 of the paper, and the columns that follow from it."""

import pytest

from mixtures.llama1 import TABLE, TOTAL_TOKENS
from mixtures.mixture import Ratios, describe_sources, plan_of


@pytest.mark.parametrize(
    "source, sampled_billions, unique_billions, bytes_per_token",
    [
        ("commoncrawl", 938, 853, 3.87),
        ("c4", 210, 198, 3.95),
        ("github", 63, 98, 3.33),
        ("wikipedia", 63, 25.7, 3.23),
        ("books", 63, 28.3, 3.01),
        ("arxiv", 35, 33.0, 2.79),
        ("stackexchange", 28, 27.2, 2.87),
    ],
)
def test_derived_columns_are_those_of_the_paper(source, sampled_billions, unique_billions, bytes_per_token):
    row = next(row for row in TABLE if row.source == source)
    assert row.sampled_tokens == pytest.approx(sampled_billions * 1e9, rel=0.001)
    assert row.unique_tokens == pytest.approx(unique_billions * 1e9, rel=0.006)
    assert row.bytes_per_token == pytest.approx(bytes_per_token, abs=0.006)


def test_weights_sum_to_one_hundred_percent():
    assert round(sum(1000 * row.weight for row in TABLE), 9) == 1000


def test_there_are_fewer_unique_tokens_than_the_budget():
    assert sum(row.unique_tokens for row in TABLE) == pytest.approx(1.263e12, rel=0.001)


def test_a_mixture_of_the_table_gives_the_epochs_of_the_table():
    weights = {row.source: row.weight for row in TABLE}
    available = {row.source: round(row.unique_tokens) for row in TABLE}
    ratios = Ratios(sequences=TOTAL_TOKENS // 2048, sequence_tokens=2048, weights=weights)
    figures = describe_sources(plan_of([ratios], available, block_tokens=2048, seed=0), available)
    assert {name: round(of["epochs"], 2) for name, of in figures.items()} == {r.source: r.epochs for r in TABLE}


def test_only_github_is_read_less_than_once():
    assert [row.source for row in TABLE if row.epochs < 1] == ["github"]
