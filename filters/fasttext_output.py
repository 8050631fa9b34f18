"""From a text's mean row to the likeliest labels: softmax, Huffman tree, or one logistic regression a label.

Source: facebookresearch/fastText, src/loss.cc. Sums, logarithms and roundings to single precision are in its order, so
that probabilities are its probabilities.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from filters.fasttext_file import HIERARCHICAL, SOFTMAX, FastTextFile
from tokenizer.kernels import compiled

Array = np.ndarray[Any, Any]

_SIGMOID_STEPS, _MAX_SIGMOID = 512, 8


class Output(NamedTuple):
    """The output matrix and what is made of it. `children` are those of each node of the tree, -1 for a label's."""

    matrix: Array
    scales: Array
    children: Array
    sigmoid: Array
    loss: int


_VECTOR = numba.float32[::1]
OUTPUT = numba.types.NamedTuple((numba.float32[:, ::1], _VECTOR, numba.int32[:, ::1], _VECTOR, numba.int64), Output)


def build_output(model: FastTextFile) -> Output:
    """The output layer of a model."""
    counts = model.dictionary.label_counts
    places = np.linspace(-_MAX_SIGMOID, _MAX_SIGMOID, _SIGMOID_STEPS + 1)
    return Output(
        matrix=np.array(model.outputs),
        scales=np.array(model.output_scales),
        children=huffman_tree(counts) if model.arguments.loss == HIERARCHICAL else np.empty((0, 2), np.int32),
        sigmoid=(1 / (1 + np.exp(-places).astype(np.float32).astype(np.float64))).astype(np.float32),
        loss=model.arguments.loss,
    )


def huffman_tree(counts: Array) -> Array:
    """The children of each node: labels come first, the root last; the rarest labels are to be the last."""
    labels = len(counts)
    weights = [*map(int, counts), *(0,) * (labels - 1)]
    children = np.full((2 * labels - 1, 2), -1, np.int32)
    leaf, node = labels - 1, labels
    for parent in range(labels, 2 * labels - 1):
        for side in range(2):
            if leaf >= 0 and (node >= parent or weights[leaf] < weights[node]):
                children[parent, side], leaf = leaf, leaf - 1
            else:
                children[parent, side], node = node, node + 1
        weights[parent] = sum(weights[child] for child in children[parent])
    return children


@compiled(numba.float32(OUTPUT, _VECTOR, numba.int64))
def _dot(output: Output, hidden: Array, row: int) -> Any:
    total = np.float32(0)
    for column in range(len(hidden)):
        total += output.matrix[row, column] * hidden[column]
    return total * output.scales[row]


@compiled(numba.float32(numba.float32))
def _log(value: Any) -> Any:
    return np.float32(math.log(np.float64(value) + 1e-5))


@compiled(numba.int64(_VECTOR, numba.int32[::1], numba.int64, numba.float32, numba.int64))
def _insert(scores: Array, labels: Array, held: int, score: Any, label: int) -> Any:
    """Put a label into its place among the likeliest, of equals the later one first; how many there are."""
    if math.isnan(score):
        return held
    if held == len(scores):
        if not score >= scores[held - 1]:
            return held
        held -= 1
    at = held
    while at > 0 and not scores[at - 1] > score:
        scores[at], labels[at] = scores[at - 1], labels[at - 1]
        at -= 1
    scores[at], labels[at] = score, label
    return held + 1


@compiled(numba.int64(OUTPUT, _VECTOR, _VECTOR, numba.int32[::1]))
def _walk_tree(output: Output, hidden: Array, scores: Array, labels: Array) -> Any:
    """Down the tree, left before right, but not below a node that is less likely than all that are held."""
    nodes = len(output.children)
    first_inner = (nodes + 1) // 2
    waiting, chances = np.empty(nodes + 1, np.int32), np.empty(nodes + 1, np.float32)
    waiting[0], chances[0] = nodes - 1, np.float32(0)
    left, held = 1, 0
    while left:
        left -= 1
        node, chance = waiting[left], chances[left]
        if held == len(scores) and chance < scores[held - 1]:
            continue
        if node < first_inner:
            held = _insert(scores, labels, held, chance, node)
            continue
        to_right = np.float32(1 / np.float64(np.float32(1) + math.exp(-_dot(output, hidden, node - first_inner))))
        waiting[left], chances[left] = output.children[node, 1], chance + _log(to_right)
        left += 1
        waiting[left], chances[left] = output.children[node, 0], chance + _log(np.float32(1.0 - np.float64(to_right)))
        left += 1
    return held


@compiled(numba.void(_VECTOR))
def _softmax(values: Array) -> None:
    most = values[0]
    for value in values:
        most = max(most, value)
    total = np.float32(0)
    for index in range(len(values)):
        values[index] = math.exp(values[index] - most)
        total += values[index]
    for index in range(len(values)):
        values[index] /= total


@compiled(numba.float32(numba.float32, _VECTOR))
def _sigmoid(value: Any, table: Array) -> Any:
    """From a table, as fastText looks it up."""
    if value < -_MAX_SIGMOID:
        return np.float32(0)
    if value > _MAX_SIGMOID:
        return np.float32(1)
    place = (value + np.float32(_MAX_SIGMOID)) * np.float32(_SIGMOID_STEPS) / np.float32(_MAX_SIGMOID) / np.float32(2)
    return value if math.isnan(place) else table[np.int64(place)]


@compiled(numba.int64(OUTPUT, _VECTOR, _VECTOR, numba.int32[::1]))
def likeliest(output: Output, hidden: Array, scores: Array, labels: Array) -> Any:
    """Write the likeliest labels, as many as there is room for, and their probabilities; how many they are."""
    held = 0
    if output.loss == HIERARCHICAL:
        held = _walk_tree(output, hidden, scores, labels)
    else:
        values = np.empty(len(output.matrix), np.float32)
        for label in range(len(values)):
            values[label] = _dot(output, hidden, label)
        if output.loss == SOFTMAX:
            _softmax(values)
        for label in range(len(values)):
            value = values[label] if output.loss == SOFTMAX else _sigmoid(values[label], output.sigmoid)
            held = _insert(scores, labels, held, _log(value), label)
    for index in range(held):
        # The logarithm is one of a little more than the probability.
        scores[index] = min(np.float32(1), math.exp(scores[index]))
    return held
