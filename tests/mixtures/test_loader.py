"""The same order for any number of ranks and any size of batch, from one integer; and an end that is clear."""

import gc
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.loader import Loader
from mixtures.read_ahead import THREAD_NAME
from mixtures.stream import Stretch


class Numbered:
    """A stream of 100 sequences; each is its position twice. It can be told to break or to wait."""

    sequences, vocabulary_size, dtype = 100, 1000, np.dtype("<u2")

    def __init__(self):
        self.reads, self.breaks_at, self.gate = 0, None, threading.Event()
        self.gate.set()

    def stretches(self, start, count):
        return [Stretch(start, count, 2)]

    def read(self, start, count, dtype):
        self.gate.wait(10)
        self.reads += 1
        if self.breaks_at is not None and start <= self.breaks_at < start + count:
            raise OSError(f"no sequence {self.breaks_at}")
        return np.repeat(np.arange(start, start + count, dtype=dtype), 2).reshape(count, 2)

    def source_of(self, start, count):
        return np.arange(start, start + count) % 3


def positions(batches):
    return [position for batch in batches for position in batch.tokens[:, 0].tolist()]


def until(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


def threads():
    return sum(thread.name.startswith(THREAD_NAME) for thread in threading.enumerate())


@pytest.fixture
def no_threads_of_others():
    """A thread ends a moment after its loader: those of earlier tests may still be at it."""
    gc.collect()
    assert until(lambda: threads() == 0)


@pytest.mark.parametrize("prefetch", [0, 1, 2, 5, 100])
def test_batches_come_in_the_streams_order_however_many_are_read_ahead(prefetch):
    loader = Loader(Numbered(), batch_sequences=10, prefetch=prefetch)
    assert positions(loader) == list(range(100))
    assert until(lambda: threads() == 0)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_the_state_is_what_was_given_out_not_what_was_read_ahead(prefetch):
    with Loader(Numbered(), batch_sequences=10, prefetch=prefetch) as loader:
        assert loader.consumed == 0
        for number, batch in enumerate(loader, start=1):
            assert loader.consumed == batch.consumed == 10 * number


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 8])
def test_ranks_share_each_batch_and_together_read_all_of_it_in_order(ranks):
    loaders = [Loader(Numbered(), batch_sequences=24, rank=rank, ranks=ranks) for rank in range(ranks)]
    for number, parts in enumerate(zip(*loaders, strict=True)):
        assert [len(part.tokens) for part in parts] == [24 // ranks] * ranks
        assert positions(parts) == list(range(24 * number, 24 * number + 24))
        assert {part.consumed for part in parts} == {24 * number + 24}
    assert {loader.consumed for loader in loaders} == {96}


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 3), st.integers(0, 3)), max_size=6))
def test_other_ranks_and_other_sizes_of_batch_neither_repeat_nor_skip(runs):
    """Each run goes on from the last one's integer with its own ranks, sequences a rank, and number of batches."""
    consumed, seen = 0, []
    for ranks, each, batches in runs:
        loaders = [
            Loader(Numbered(), batch_sequences=ranks * each, consumed=consumed, rank=rank, ranks=ranks, prefetch=0)
            for rank in range(ranks)
        ]
        for _, *parts in zip(range(batches), *loaders, strict=False):
            seen += positions(parts)
            consumed = parts[0].consumed
    assert seen == list(range(consumed))


def test_a_batch_says_where_it_begins_and_what_its_sequences_are_of():
    batch = next(Loader(Numbered(), batch_sequences=8, consumed=20, rank=1, ranks=2))
    assert (batch.first, batch.consumed, batch.sources.tolist()) == (24, 28, [0, 1, 2, 0])


@pytest.mark.parametrize(
    "consumed, end, batches, left", [(0, None, 8, 4), (4, None, 8, 0), (0, 13, 1, 1), (95, 100, 0, 5)]
)
def test_it_ends_before_a_batch_that_is_not_whole_and_says_what_is_left(consumed, end, batches, left):
    loader = Loader(Numbered(), batch_sequences=12, consumed=consumed, end=end)
    assert (len(loader), loader.left_over) == (batches, left)
    assert len(positions(loader)) == 12 * batches
    assert (loader.consumed, len(loader), loader.left_over) == (consumed + 12 * batches, 0, left)


def test_at_the_end_it_stays_at_the_end():
    loader = Loader(Numbered(), batch_sequences=50)
    assert len(list(loader)) == 2
    assert list(loader) == []
    with pytest.raises(StopIteration):
        next(loader)
    assert loader.consumed == 100


@pytest.mark.parametrize("dtype, expected", [(None, "<u2"), (np.int64, "<i8"), ("int32", "<i4"), (np.uint16, "<u2")])
def test_ids_are_given_as_they_are_stored_or_as_asked(dtype, expected):
    assert next(Loader(Numbered(), batch_sequences=4, dtype=dtype)).tokens.dtype == np.dtype(expected)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"batch_sequences": 0}, "batch_sequences must be at least 1, got 0"),
        ({"ranks": 3}, "batch_sequences must be a multiple of ranks = 3, got 10"),
        ({"rank": 2, "ranks": 2}, "rank must be at least 0 and below ranks = 2, got 2"),
        ({"rank": -1}, "rank must be at least 0 and below ranks = 1, got -1"),
        ({"ranks": 0}, "rank must be at least 0 and below ranks = 0, got 0"),
        ({"prefetch": -1}, "prefetch must be at least 0, got -1"),
        ({"end": 101}, "end must lie in 0 … 100, the stream's sequences, got 101"),
        ({"consumed": 101}, "consumed must lie in 0 … 100, where the loader ends, got 101"),
        ({"consumed": -1}, "consumed must lie in 0 … 100, where the loader ends, got -1"),
        ({"dtype": np.uint8}, "dtype must hold whole numbers up to 999, got uint8"),
        ({"dtype": np.float32}, "dtype must hold whole numbers up to 999, got float32"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line(settings, said):
    with pytest.raises(ValueError) as error:
        Loader(Numbered(), **({"batch_sequences": 10} | settings))
    assert str(error.value) == said


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_an_error_of_the_stream_comes_in_its_place_and_the_same_batch_can_be_asked_for_again(prefetch):
    stream = Numbered()
    stream.breaks_at = 25
    loader = Loader(stream, batch_sequences=10, prefetch=prefetch)
    assert positions([next(loader), next(loader)]) == list(range(20))
    for _ in range(2):
        with pytest.raises(OSError, match=r"^no sequence 25$"):
            next(loader)
        assert loader.consumed == 20
    stream.breaks_at = None
    assert positions(loader) == list(range(20, 100))


@pytest.mark.parametrize("prefetch", [1, 4])
def test_no_more_is_read_ahead_than_asked_for(prefetch):
    stream = Numbered()
    with Loader(stream, batch_sequences=5, prefetch=prefetch) as loader:
        next(loader)
        assert until(lambda: loader.ready == prefetch)
        time.sleep(0.05)
        assert (stream.reads, loader.ready) == (prefetch + 1, prefetch)
    assert loader.ready == 0 and until(lambda: threads() == 0)


def test_a_loader_that_was_closed_goes_on_where_it_stands():
    loader = Loader(Numbered(), batch_sequences=10)
    with loader:
        first = [next(loader), next(loader)]
    assert positions([*first, *loader]) == list(range(100))


@pytest.mark.usefixtures("no_threads_of_others")
def test_a_loader_that_is_forgotten_leaves_no_thread():
    loader = Loader(Numbered(), batch_sequences=10)
    next(loader)
    assert threads() == 1
    del loader
    gc.collect()
    assert until(lambda: threads() == 0)


@pytest.mark.usefixtures("no_threads_of_others")
def test_no_thread_runs_before_the_first_batch():
    """A process that forks in between has its own."""
    loader = Loader(Numbered(), batch_sequences=10)
    assert (threads(), loader.ready) == (0, 0)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_it_tells_how_long_was_waited(prefetch):
    stream = Numbered()
    stream.gate.clear()
    with Loader(stream, batch_sequences=10, prefetch=prefetch) as loader:
        assert loader.waited_seconds == 0
        threading.Timer(0.3, stream.gate.set).start()
        next(loader)
        assert 0.05 < loader.waited_seconds < 10


def test_files_and_sources_give_the_same_batches(small_stream):
    run = small_stream()
    loaders = [Loader(stream, batch_sequences=6) for stream in (run.open(), run.virtual())]
    for ours, theirs in zip(*loaders, strict=True):
        assert ours.tokens.tolist() == theirs.tokens.tolist() == run.rows[ours.first : ours.consumed]
        assert ours.sources.tolist() == theirs.sources.tolist() == [row[0] // 1000 - 1 for row in ours.tokens.tolist()]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_each_batch_has_the_length_of_its_phase(long_then_short, ranks):
    run = long_then_short
    loaders = [Loader(run.open(), batch_sequences=12, rank=rank, ranks=ranks) for rank in range(ranks)]
    steps = list(zip(*loaders, strict=True))
    assert [parts[0].tokens.shape[1] for parts in steps] == [4, 4, 8, 2, 2, 2, 2]
    assert [row for parts in steps for part in parts for row in part.tokens.tolist()] == run.rows


@pytest.mark.parametrize(
    "consumed, size, count, first", [(0, 5, 24, 0), (0, 8, 12, 24), (20, 3, 4, 20), (24, 8, 12, 24)]
)
def test_a_batch_that_would_span_two_lengths_is_refused_at_once(long_then_short, consumed, size, count, first):
    with pytest.raises(ValueError) as error:
        Loader(long_then_short.open(), batch_sequences=size, consumed=consumed)
    assert str(error.value) == (
        f"batch_sequences must divide {count}, the sequences from {first} to where their length changes, got {size}"
    )


def test_only_the_lengths_up_to_the_end_have_to_fit(long_then_short):
    loader = Loader(long_then_short.open(), batch_sequences=8, end=24)
    assert [batch.consumed for batch in loader] == [8, 16, 24]
    assert len(Loader(long_then_short.open(), batch_sequences=10, consumed=36)) == 4
