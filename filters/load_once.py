"""Reads a model file once per process, however many threads and filters ask for it."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Model = TypeVar("Model")

_lock = threading.RLock()  # A model may be made of others that are loaded once.
_loaded: dict[tuple[Callable[..., Any], tuple[str, ...]], Any] = {}


def load_once(loader: Callable[..., Model], *paths: str) -> Model:
    """`loader(*paths)`, called once a process for each loader and paths.

    One lock for the whole process: `functools.cache` under eight threads loaded a model eight times.
    """
    with _lock:
        key = (loader, paths)
        if key not in _loaded:
            _loaded[key] = loader(*paths)
        model: Model = _loaded[key]
        return model
