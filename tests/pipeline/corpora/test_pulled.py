"""What is pushed can be pulled, in order, with its error behind it, and stops when nobody pulls."""

import threading

import pytest

from pipeline.corpora.pulled import AHEAD, pulled


def test_items_come_in_order():
    assert list(pulled(lambda put: [put(number) for number in range(100)])) == list(range(100))


def test_nothing_pushed_is_nothing_pulled():
    assert list(pulled(lambda put: None)) == []


def test_an_error_comes_behind_the_items_before_it():
    def push(put):
        put(1)
        raise OSError("no more")

    items = pulled(push)
    assert next(items) == 1
    with pytest.raises(OSError, match="no more"):
        next(items)


def test_no_more_is_pushed_than_a_few_ahead():
    pushed = []

    def push(put):
        for number in range(100):
            put(number)
            pushed.append(number)

    items = pulled(push)
    next(items)
    assert len(pushed) <= AHEAD + 2
    items.close()


def test_where_no_more_is_pulled_the_thread_ends():
    before = threading.active_count()
    items = pulled(lambda put: [put(number) for number in range(1_000_000)])
    next(items)
    items.close()
    assert threading.active_count() == before
