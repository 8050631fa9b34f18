"""A little prose that is the same everywhere, for tests of what the demo's sources make of it."""

from random import Random

import pytest

from pipeline.demo.prose import Passage, PassagePool


@pytest.fixture
def rng():
    return Random(7)


@pytest.fixture
def pool():
    """Sixty passages of three paragraphs; passage N says N in each of them."""
    words = "The reader of number {0} opens stream {1} and closes it again when nothing is left that could be read."
    passages = [
        Passage(title=f"Title {n}", package="tool_kit", paragraphs=tuple(words.format(n, k) for k in range(3)))
        for n in range(60)
    ]
    return PassagePool(passages, Random(1))
