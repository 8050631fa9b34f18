"""A bounded number of items ahead, errors in their place, and a thread that ends."""

import gc
import threading
import time
import weakref

import pytest

from mixtures.read_ahead import THREAD_NAME, ReadAhead


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


def ended():
    for thread in threads():
        thread.join(10)
    return not threads()


def test_items_come_in_order_and_then_the_end():
    ahead = ReadAhead(iter(range(5)), 2)
    assert [ahead.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(StopIteration):
        ahead.take()
    assert ended()


def test_an_error_is_raised_where_its_item_would_be():
    def items():
        yield 1
        raise KeyError("two")

    ahead = ReadAhead(items(), 3)
    assert ahead.take() == 1
    with pytest.raises(KeyError, match="two"):
        ahead.take()
    assert ended()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_than_so_many_items_are_made_before_one_is_taken(depth):
    made = []
    ahead = ReadAhead((made.append(i) or i for i in range(100)), depth)
    for taken in range(3):
        deadline = time.monotonic() + 10
        while ahead.ready < depth and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)
        assert len(made) == taken + depth == taken + ahead.ready
        assert ahead.take() == taken
    ahead.close()
    assert ended()


def test_a_depth_of_none_is_refused():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        ReadAhead(iter([]), 0)


def test_closing_twice_is_closing():
    ahead = ReadAhead(iter(range(5)), 1)
    ahead.close()
    ahead.close()
    assert ended()


def test_closing_does_not_wait_for_an_item_that_is_being_made():
    begun, gate = threading.Event(), threading.Event()
    assert ended()  # Those of tests before this one.
    ahead = ReadAhead((begun.set() or gate.wait(10) for _ in range(1)), 1)
    assert begun.wait(10)
    ahead.close()
    assert len(threads()) == 1
    gate.set()
    assert ended()


def test_a_thread_ends_when_nobody_holds_what_it_works_for():
    ahead = ReadAhead(iter(range(100)), 2)
    assert ahead.take() == 0
    gone = weakref.ref(ahead)
    del ahead
    gc.collect()
    assert gone() is None and ended()


def test_what_was_given_out_is_not_held():
    class Item:
        pass

    ahead = ReadAhead((Item() for _ in range(3)), 1)
    item = weakref.ref(ahead.take())
    gc.collect()
    assert item() is None
    ahead.close()
