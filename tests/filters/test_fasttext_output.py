"""From a mean row to labels: the tree, softmax, logistic regressions, and the order of the likeliest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.fasttext_file import HIERARCHICAL, NEGATIVE_SAMPLING, ONE_VS_ALL, SOFTMAX, Arguments, Dictionary
from filters.fasttext_file import FastTextFile as File
from filters.fasttext_output import build_output, huffman_tree, likeliest


def output(loss, rows, counts=None, scales=None):
    counts = np.array(counts or [9, 5, 2][: len(rows)] or [1], np.int64)
    dictionary = Dictionary(np.empty(0, np.uint8), np.empty((0, 2), np.int64), 0, counts, None)
    matrix = np.array(rows, np.float32)
    factors = np.array(scales or [1] * len(rows), np.float32)
    return build_output(File(Arguments(2, 1, loss, 0, 0, 0), dictionary, matrix, matrix, factors))


def ask(found, hidden=(1.0, 1.0), labels=3):
    scores, names = np.zeros(labels, np.float32), np.full(labels, -1, np.int32)
    held = likeliest(found, np.array(hidden, np.float32), scores, names)
    return names[:held].tolist(), scores[:held].tolist()


def test_the_rarest_labels_lie_deepest():
    assert huffman_tree(np.array([9, 5, 2, 1])).tolist()[4:] == [[3, 2], [4, 1], [5, 0]]
    assert huffman_tree(np.array([1])).tolist() == [[-1, -1]]
    assert huffman_tree(np.array([0, 0])).tolist()[2:] == [[1, 0]]


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_every_label_is_below_the_root_once(counts):
    children = huffman_tree(np.array(sorted(counts, reverse=True)))
    inner = children[len(counts) :]
    assert sorted(inner.ravel().tolist()) == list(range(2 * len(counts) - 2))
    assert (inner < np.arange(len(counts), len(children))[:, None]).all()


def test_the_tree_multiplies_its_nodes_chances():
    names, scores = ask(output(HIERARCHICAL, [[1, 0], [0, 2], [0, 0]], counts=[9, 5, 2]))
    low, root = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-2))
    assert names == [0, 1, 2]  # The root parts label 0 on its right from the node that parts 2 from 1 on its right.
    assert scores == pytest.approx([root, (1 - root) * low, (1 - root) * (1 - low)], abs=1e-4)


def test_softmax_shares_one_out():
    names, scores = ask(output(SOFTMAX, [[0, 0], [math.log(2), 0], [0, math.log(5)]]))
    assert names == [2, 1, 0]
    assert scores == pytest.approx([5 / 8, 2 / 8, 1 / 8], abs=2e-5)


@pytest.mark.parametrize("loss", [NEGATIVE_SAMPLING, ONE_VS_ALL])
def test_logistic_regressions_are_read_off_a_table(loss):
    names, scores = ask(output(loss, [[0, 0], [9, 0], [-9, 0]]))
    assert names == [1, 0, 2]
    assert scores == pytest.approx([1, 0.5, 1e-5], abs=2e-5)


def test_a_rows_scale_multiplies_what_it_gives():
    plain, scaled = output(SOFTMAX, [[0, 0], [2, 0]]), output(SOFTMAX, [[0, 0], [1, 0]], scales=[1, 2])
    assert ask(plain) == ask(scaled)


@pytest.mark.parametrize("labels, kept", [(1, [2]), (2, [2, 1]), (3, [2, 1, 0]), (4, [2, 1, 0])])
def test_of_labels_as_likely_the_later_one_is_first(labels, kept):
    assert ask(output(SOFTMAX, [[1, 0]] * 3), labels=labels)[0] == kept


def test_a_probability_is_never_above_one():
    assert ask(output(SOFTMAX, [[99, 0], [-99, 0]]), labels=1) == ([0], [1.0])
    assert ask(output(HIERARCHICAL, [[0, 0]], counts=[4]), labels=1) == ([0], [1.0])


@pytest.mark.parametrize("loss", [HIERARCHICAL, SOFTMAX, ONE_VS_ALL])
def test_what_is_no_number_names_no_label(loss):
    assert ask(output(loss, [[math.nan, 0]] * 3)) == ([], [])


@pytest.mark.parametrize("hidden", [(1, 1), (-1, -1), (-1, 1)])
@pytest.mark.parametrize("labels", [1, 2])
def test_the_tree_gives_the_likeliest_however_few_are_asked_for(labels, hidden):
    found = output(HIERARCHICAL, [[1, 0], [0, 2], [0, 0]], counts=[9, 5, 2])
    assert ask(found, hidden, labels)[0] == ask(found, hidden)[0][:labels]
