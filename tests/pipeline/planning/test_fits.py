"""A fit takes as many times more as it reads more, and it reads no more than its bound."""

from dataclasses import replace

import pytest

from pipeline.planning.fits import Text, fit_times
from pipeline.planning.sample_run import with_changes


def times_of(planned, **changes):
    strata = {
        source: [part for part in planned.strata if part.source == source] for source in planned.whole.recipe.sources
    }
    return fit_times(with_changes(planned.whole.recipe, changes), planned.held.run, strata)  # fmt: skip


@pytest.mark.parametrize("most, read", [(1000, (10, 100)), (50, (10, 50)), (5, (5, 5))])
def test_what_is_read_is_bounded(most, read):
    assert Text(10, 100).bounded(most) == read
    assert Text(20, 200).bounded(most, share=0.5) == read


def test_a_fit_of_all_text_grows_with_it(planned):
    found, read = times_of(planned, tokenizer={"sample_bytes": 1 << 40})
    assert 1.1 < found["tokenizer"] < 5
    assert 500_000 < read < 40_000_000
    assert found["language_model"] >= 1


def test_a_fit_of_a_bounded_sample_takes_the_same(planned):
    found, read = times_of(planned, tokenizer={"sample_bytes": 1000}, language_model={"max_text_bytes": 1000})
    assert (found["tokenizer"], found["language_model"], read) == (1, 1, 1000)


def test_models_of_an_earlier_run_take_what_they_took_then(planned):
    assert planned.held.made == {"language", "language_model", "reference", "tokenizer"}
    assert {name: planned.found.fit_times[name] for name in planned.held.made} == dict.fromkeys(planned.held.made, 1.0)
    assert replace(planned.held.run, sample=None) != planned.held.run
