"""A training that a run has started ends with the run, however that ends: nobody reads what it says any more.

The next run goes on from the newest checkpoint, and two trainings in one folder would write over each other.
"""

import os
import sys
import threading

ENDS_WITH_INPUT = "TOKENMILL_ENDS_WITH_INPUT"
"""Set by who starts the training and holds its standard input: the system closes it when that process is gone."""


def end_with_starter() -> None:
    """From now on, end at once when standard input is closed, if whoever started the training has asked for that."""
    if os.environ.get(ENDS_WITH_INPUT):
        threading.Thread(target=_wait, daemon=True, name="starter").start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 1 << 16):
        pass
    os._exit(1)  # As if killed, which checkpoints are made for.
