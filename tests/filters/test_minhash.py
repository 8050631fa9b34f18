"""Signatures are those of plain Python, and say of two texts what their shingles say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.minhash import NO_SHINGLE, Bands, band_keys, choose_bands, constants, estimate, signatures
from filters.shingles import shingle_sets
from tests.filters.overlaps import jaccard

LETTERS = st.text(st.sampled_from("ab c中é.\n"), max_size=80)


def texts_of(*texts):
    return pa.array(texts, pa.large_string())


def signature_in_python(text, words, permutations):
    """The specification: of each permutation the least value."""
    hashes, _ = shingle_sets(texts_of(text), words)
    factors, terms = (array.tolist() for array in constants(permutations))
    return [
        min([((value >> 32) * factor + term) % 2**32 for value in hashes.tolist()], default=NO_SHINGLE)
        for factor, term in zip(factors, terms, strict=True)
    ]


@given(st.lists(LETTERS, max_size=4), st.integers(1, 3), st.sampled_from([1, 7, 8, 33]))
@example(["a b c " * 700, "", " ".join(map(str, range(1056)))], 2, 3)
def test_signatures_are_those_of_the_specification(texts, words, permutations):
    rows = signatures(texts_of(*texts), words=words, permutations=permutations)
    assert rows.tolist() == [signature_in_python(text, words, permutations) for text in texts]


def test_a_signature_has_128_places_of_32_bits():
    rows = signatures(texts_of("a b c"), words=2)
    assert (rows.shape, rows.dtype) == ((1, 128), np.uint32)


def test_signatures_are_the_same_on_every_machine_and_for_ever():
    rows = signatures(texts_of("The quick brown fox jumps over the lazy dog."), words=5, permutations=4)
    assert rows.tolist() == [[565909785, 525740201, 104727430, 815905171]]


def test_each_permutation_is_one():
    factors, terms = constants(256)
    assert (factors % 2).all()
    assert len(set(factors.tolist())) == len(set(terms.tolist())) == 256
    assert constants(8)[0].tolist() == factors[:8].tolist()


@pytest.mark.parametrize("setting", ["words", "permutations"])
def test_nothing_of_which_there_is_none_is_asked_for(setting):
    with pytest.raises(ValueError, match=f"{setting} must be at least 1, got 0"):
        signatures(texts_of("a"), **({"words": 1} | {setting: 0}))


def overlapping(chance, size, share):
    """Two texts of so many words, of which they have about that share in common."""
    words = chance.integers(0, 1 << 62, size=3 * size)
    common = int(size * share)
    first, second = words[:size], np.concatenate((words[:common], words[size : 2 * size - common]))
    return " ".join(map(str, first)), " ".join(map(str, second))


@pytest.mark.parametrize("size", [10, 100, 2000])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_estimates_miss_by_no_more_than_chance(size, share):
    chance, pairs = np.random.default_rng(1), 400
    texts = [text for _ in range(pairs) for text in overlapping(chance, size, share)]
    rows = signatures(texts_of(*texts), words=1)
    hashes, offsets = shingle_sets(texts_of(*texts), 1)
    true = jaccard(hashes, offsets, np.arange(2 * pairs).reshape(-1, 2))
    errors = estimate(rows[::2], rows[1::2]) - true
    variance = float(np.mean(true * (1 - true))) / 128
    assert abs(errors.mean()) < 4 * (variance / pairs) ** 0.5
    assert 0.75 * variance < errors.var() < 1.3 * variance


@pytest.mark.parametrize(
    "one, other, expected", [("a b", "a b", 1.0), ("a b", "c d", 0.0), ("", "", 1.0), ("", "a b", 0.0)]
)
def test_estimate_of_equal_and_of_different_texts(one, other, expected):
    rows = signatures(texts_of(one, other), words=2)
    assert estimate(rows[0], rows[1]) == expected


@pytest.mark.parametrize("permutations", [64, 128])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("missed", [0.5, 0.9])
def test_bands_are_datasketchs_choice(threshold, permutations, missed):
    lsh = pytest.importorskip("datasketch").MinHashLSH(threshold, permutations, weights=(1 - missed, missed))
    assert choose_bands(threshold, permutations, false_negative_weight=missed) == Bands(lsh.b, lsh.r)


@pytest.mark.parametrize("threshold, bands", [(0.0, Bands(16, 1)), (1.0, Bands(1, 16))])
def test_bands_at_the_ends(threshold, bands):
    assert choose_bands(threshold, 16) == bands


@pytest.mark.parametrize("name, value", [("threshold", 1.01), ("threshold", -0.1), ("false_negative_weight", 2)])
def test_bands_are_refused_beyond_the_ends(name, value):
    settings = {"threshold": 0.5, "permutations": 16} | {name: value}
    with pytest.raises(ValueError, match=f"{name} must be from 0 to 1, got {value}"):
        choose_bands(**settings)


@pytest.mark.parametrize("similarity", [0.0, 0.3, 0.8, 1.0])
def test_the_chance_of_a_candidate_is_that_of_one_equal_band(similarity):
    missed = 1.0
    for _ in range(9):
        missed *= 1 - similarity**13
    assert Bands(9, 13).chance(similarity) == pytest.approx(1 - missed)


def test_texts_become_candidates_as_often_as_the_bands_say():
    chance, pairs, bands = np.random.default_rng(2), 1000, Bands(16, 8)
    texts = [text for _ in range(pairs) for text in overlapping(chance, 60, 0.8)]
    rows = signatures(texts_of(*texts), words=1)
    keys = band_keys(rows, bands)
    found = np.mean((keys[::2] == keys[1::2]).any(axis=1))
    assert found == pytest.approx(bands.chance(48 / 72), abs=4 * 0.5 / pairs**0.5)


def test_keys_are_equal_where_all_rows_of_a_band_are_and_nowhere_else():
    rows = np.array([[1, 2, 3, 4, 5], [1, 2, 3, 9, 9], [1, 2, 1, 2, 7], [2, 1, 3, 4, 5]], np.uint32)
    keys = band_keys(rows, Bands(2, 2))
    assert (keys.shape, keys.dtype) == ((4, 2), np.uint64)
    same = {(i, j, band) for i in range(4) for j in range(i) for band in range(2) if keys[i, band] == keys[j, band]}
    assert same == {(1, 0, 0), (2, 0, 0), (2, 1, 0), (3, 0, 1)}
    assert not set(keys[:, 0].tolist()) & set(keys[:, 1].tolist())


def test_more_bands_than_a_signature_has_are_refused():
    with pytest.raises(ValueError, match="needs 6 permutations, got 5"):
        band_keys(np.zeros((1, 5), np.uint32), Bands(2, 3))


def test_no_texts_have_no_keys():
    assert band_keys(signatures(texts_of(), words=3), Bands(2, 3)).shape == (0, 2)
