"""The figures behind rate and time left."""

from pipeline.fetch.tally import Tally
from pipeline.fetch.wanted import Wanted


def tally(**sizes):
    return Tally.of(Wanted(name=name, urls=("https://host",), size=size) for name, size in sizes.items())


def test_listed_sizes_are_to_come():
    assert (tally(a=10, b=20).all_bytes(), tally(a=10).came_bytes(), tally().all_bytes()) == (30, 0, 0)


def test_unknown_sizes_count_as_the_mean_of_the_known():
    assert tally(a=10, b=20, c=None, d=None).all_bytes() == 60
    assert tally(a=None).all_bytes() == 0


def test_what_came_is_added_up():
    counts = tally(a=10, b=None)
    counts.add("a", 4)
    counts.add("b", 5)
    assert counts.came_bytes() == 9


def test_a_file_that_goes_on_has_only_its_rest_to_come():
    counts = tally(a=10)
    counts.expect("a", 3)
    assert counts.all_bytes() == 3
    counts.add("a", 1)
    counts.expect("a", 10)
    assert counts.all_bytes() == 11


def test_a_size_that_stays_unknown_stays_as_it_was():
    counts = tally(a=10)
    counts.expect("a", None)
    assert counts.all_bytes() == 10


def test_an_ended_file_has_nothing_to_come():
    counts = tally(a=10, b=10)
    counts.add("a", 2)
    counts.end("a")
    assert counts.all_bytes() == 12
