"""A handful of the demo's dumps, measured on for no time at all."""

from collections.abc import Iterator

import pytest

from benchmarks.inputs import REAL_DATA, Inputs, opened


@pytest.fixture(scope="session")
def inputs() -> Iterator[Inputs]:
    """Not to be written to, but for its folder `work`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(REAL_DATA, raising=False)
        with opened(fraction=0.02, seconds=0) as found:
            yield found
