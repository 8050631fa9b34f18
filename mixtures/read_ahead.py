"""Goes through an iterator in a thread of its own, a bounded number of items ahead of who takes them."""

import queue
import threading
import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

CLOSE_SECONDS = 5.0
"""How long `close` waits for an item that is being made; the thread keeps no process from ending."""


class ReadAhead(Generic[T]):
    """`take` gives the iterator's items in order; at most `depth` of them wait, the one being made included.

    What the iterator raises is raised by `take`, in its place. The thread ends with the iterator, with `close`, and
    when nobody holds this object any more.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._done: queue.SimpleQueue[T | _Raised] = queue.SimpleQueue()
        self._room = threading.Semaphore(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_run, args=(items, self._done, self._room, self._stop), name="tokenmill-read-ahead", daemon=True
        )
        # The thread knows nothing of this object, so that it can be forgotten.
        self._abandon = weakref.finalize(self, _abandon, self._stop, self._room)
        self._thread.start()

    @property
    def ready(self) -> int:
        """Items that wait to be taken."""
        return self._done.qsize()

    def take(self) -> T:
        """The next item. Raises what the iterator raised, StopIteration at its end."""
        item = self._done.get()
        if isinstance(item, _Raised):
            self.close()
            raise item.error
        self._room.release()
        return item

    def close(self) -> None:
        """Stop reading ahead, and wait for the thread to notice."""
        self._abandon()
        self._thread.join(CLOSE_SECONDS)


class _Raised:
    """What ended the iterator."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _abandon(stop: threading.Event, room: threading.Semaphore) -> None:
    stop.set()
    room.release()


def _run(
    items: Iterator[T], done: "queue.SimpleQueue[T | _Raised]", room: threading.Semaphore, stop: threading.Event
) -> None:
    while True:
        room.acquire()
        if stop.is_set():
            return
        try:
            item = next(items)
        except BaseException as error:  # noqa: BLE001 - raised again, where it can be seen
            done.put(_Raised(error))
            return
        done.put(item)
        del item
