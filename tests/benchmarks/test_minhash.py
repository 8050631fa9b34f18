import builtins

import numpy as np
import pytest

from benchmarks.claims import DisagreementError, SkippedError
from benchmarks.minhash import agree, edition, minhash_datasketch, minhash_rensa, shingles


@pytest.mark.parametrize("measure", [minhash_datasketch, minhash_rensa])
def test_minhash_gives_figures(inputs, measure):
    if measure is minhash_rensa:
        pytest.importorskip("rensa")
    figures = measure(inputs)
    assert (figures.unit, figures.input_bytes > 1000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_without_rensa_its_claim_is_skipped(inputs, monkeypatch):
    original = builtins.__import__

    def missing(name, *rest):
        if name == "rensa":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SkippedError, match="rensa is not installed"):
        minhash_rensa(inputs)


@pytest.mark.parametrize(
    "text, expected",
    [("", [""]), ("One, two", ["one two"]), ("a b c d e f", ["a b c d e", "b c d e f"])],
)
def test_shingles_are_five_words_or_all(text, expected):
    assert shingles(text) == expected


@pytest.mark.parametrize("number, every", [(0, 10), (1, 47), (6, 42)])
def test_an_edition_lacks_a_word_in_so_many(number, every):
    words = [str(place) for place in range(100)]
    assert edition(" ".join(words), number).split() == [word for place, word in enumerate(words) if place % every]


def rows(alike, pairs=50):
    """Pairs of signatures that agree in so many places of a hundred and twenty-eight."""
    first = np.tile(np.arange(128), (pairs, 1))
    second = np.where(first < alike, first, -1)
    return np.stack((first, second), axis=1).reshape(-1, 128)


@pytest.mark.parametrize("theirs, passes", [(100, True), (104, True), (108, False), (92, False)])
def test_estimates_that_differ_by_more_than_chance_are_found_out(theirs, passes):
    if passes:
        agree(rows(100), rows(theirs))
    else:
        with pytest.raises(DisagreementError, match="estimates differ by"):
            agree(rows(100), rows(theirs))


def test_estimates_of_other_pairs_are_found_out():
    mixed = np.concatenate([rows(128, 25), rows(20, 25)])
    with pytest.raises(DisagreementError):
        agree(mixed, mixed[::-1])
