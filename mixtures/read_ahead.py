"""Goes through an iterator in a thread of its own, a bounded number of items ahead of who takes them."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

THREAD_NAME = "tokenmill-read-ahead"


class ReadAhead(Generic[T]):
    """`take` gives the iterator's items in order; at most `depth` of them wait, the one being made included.

    What the iterator raises is raised by `take`, in its place. The thread ends with `close`, after what the iterator
    raised, and when nobody holds this object any more; an item that is being made then is made to its end.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._items = items
        self._one_thread = ThreadPoolExecutor(1, THREAD_NAME)
        self._coming: deque[Future[T]] = deque(self._one_thread.submit(next, items) for _ in range(depth))

    @property
    def ready(self) -> int:
        """Items that wait to be taken."""
        return sum(item.done() for item in self._coming)

    def take(self) -> T:
        """The next item. Raises what the iterator raised, StopIteration at its end."""
        item = self._coming[0]
        try:
            found = item.result()
        except BaseException:
            self.close()
            raise
        self._coming.popleft()
        self._coming.append(self._one_thread.submit(next, self._items))
        return found

    def close(self) -> None:
        """Read no further ahead."""
        self._one_thread.shutdown(wait=False, cancel_futures=True)
        self._coming.clear()
