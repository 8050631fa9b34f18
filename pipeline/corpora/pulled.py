"""Turns a function that pushes into one that can be pulled from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")

AHEAD = 4
"""Items that wait to be pulled, at most."""

_PATIENCE_SECONDS = 0.1


class _StoppedError(Exception):
    """Nobody pulls any more."""


def pulled(push: Callable[[Callable[[Item], None]], None]) -> Iterator[Item]:
    """What `push` hands to its argument, in order; it runs in a thread of its own, a few items ahead.

    What it raises is raised here, behind the items before. Where no more is asked for, it ends at its next item.
    """
    waiting: Queue[Item] = Queue(maxsize=AHEAD)
    stopped = Event()

    def put(item: Item) -> None:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=_PATIENCE_SECONDS)
            except Full:
                continue
            return
        raise _StoppedError

    with ThreadPoolExecutor(max_workers=1) as executor:
        pushing = executor.submit(push, put)
        try:
            while not (pushing.done() and waiting.empty()):
                try:
                    yield waiting.get(timeout=_PATIENCE_SECONDS)
                except Empty:
                    continue
        finally:
            stopped.set()
    pushing.result()
