"""From the longest on, a document goes where one that stays overlaps it; the filter applies that by name."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.batch import Filter
from filters.near_duplicates import VERDICT, DropNearDuplicates, which_stay


def verdicts(*doc_ids):
    rows = np.zeros(len(doc_ids), VERDICT)
    rows["doc_id"] = [doc_id.encode() for doc_id in doc_ids]
    return rows


@pytest.mark.parametrize("contained, reason", [(False, "near_duplicate"), (True, "contained_in_longer")])
def test_the_documents_of_the_verdict_go(documents, contained, reason):
    result = DropNearDuplicates(contained=contained, verdicts=verdicts("1")).apply(documents("a", "b", "c"))
    assert result.reason.to_pylist() == [None, reason, None]
    assert result.counts == {}


def test_an_empty_verdict_drops_nothing(documents):
    rule = DropNearDuplicates()
    assert isinstance(rule, Filter)
    assert rule.apply(documents("a", "")).reason.to_pylist() == [None, None]
    assert len(rule.apply(documents()).reason) == 0


def test_a_verdict_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="verdicts must be rows of VERDICT, got"):
        DropNearDuplicates(verdicts=np.zeros(1, np.uint64))


def stay(pairs, documents):
    longer, shorter = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    return np.flatnonzero(which_stay(longer, shorter, documents)).tolist()


@pytest.mark.parametrize(
    "pairs, documents, stays",
    [
        ([], 3, [0, 1, 2]),
        ([(0, 1)], 2, [0]),
        ([(0, 1), (1, 2)], 3, [0, 2]),  # The one in the middle is gone: nothing that stays overlaps the last.
        ([(0, 1), (1, 2), (0, 2)], 3, [0]),
        ([(2, 0), (0, 1)], 3, [1, 2]),
        ([(0, 3), (1, 3), (3, 2)], 4, [0, 1, 2]),
        ([(0, 1), (0, 1)], 2, [0]),
    ],
)
def test_a_document_goes_for_one_that_stays(pairs, documents, stays):
    assert stay(pairs, documents) == stays


def stay_in_python(pairs, documents):
    """The specification: from the longest, document 0, on."""
    stays = []
    for document in range(documents):
        if not any((longer, document) in pairs for longer in stays):
            stays.append(document)
    return stays


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.randoms())
def test_who_stays_is_the_same_in_any_order_of_pairs(drawn, chance):
    pairs = {(min(pair), max(pair)) for pair in drawn if pair[0] != pair[1]}
    shuffled = sorted(pairs)
    chance.shuffle(shuffled)
    assert stay(shuffled, 13) == stay_in_python(pairs, 13)


def test_a_long_row_and_a_large_star_take_time_in_proportion():
    count = 1_000_000
    row, star = np.arange(count, dtype=np.int32), np.zeros(count - 1, np.int32)
    start = time.perf_counter()
    assert which_stay(row[:-1], row[1:], count).sum() == count // 2
    assert which_stay(star, row[1:], count).sum() == 1
    assert time.perf_counter() - start < 5
