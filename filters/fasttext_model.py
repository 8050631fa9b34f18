"""Asks a fastText model of many texts at once: the answers of `fasttext.predict`, without a call a text."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.fasttext_file import read_fasttext_file
from filters.fasttext_lexicon import LABEL, LEXICON, Lexicon, build_lexicon
from filters.fasttext_output import OUTPUT, Output, build_output, likeliest
from filters.fasttext_words import MATRIX, MEMORY, ROWS_HELD, WORDS_AT_ONCE, Memory, empty_memory, sum_rows
from tokenizer.kernels import BYTES, OFFSETS, compiled, text_buffers

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class FastTextModel:
    """A supervised model, quantised or not, with what it has learnt about the words of its texts.

    Not to be asked by two threads that do not share Python's lock.
    """

    labels: tuple[str, ...]
    lexicon: Lexicon
    matrix: Array
    output: Output
    memory: Memory

    @classmethod
    def load(cls, path: str) -> "FastTextModel":
        """The model of a file; raises FileNotFoundError or ValueError naming the path."""
        file = read_fasttext_file(path)
        try:
            lexicon = build_lexicon(file.arguments, file.dictionary)
        except ValueError as error:
            raise ValueError(f"{path} is no fastText model: {error}") from error
        labels = tuple(label.removeprefix(LABEL.decode()) for label in file.dictionary.labels)
        return cls(labels, lexicon, file.inputs, build_output(file), empty_memory())

    def predict(
        self, texts: pa.Array, labels: int = 1, *, line_break: str = " ", verbatim: bool = False
    ) -> tuple[Array, Array]:
        """The likeliest labels of each text, as numbers into `labels` or -1, and their probabilities.

        Both have a row a text and `labels` columns, likeliest first. A line feed is read as `line_break`. A word
        `</s>` is passed over, and a text without a word has no label; `verbatim` reads both as fastText does: that
        word ends the text, and where there is nothing before the end the model is asked what it makes of the end.
        """
        if line_break == "":
            texts = pc.replace_substring(texts, "\n", "")
        values, offsets = text_buffers(texts)
        found = np.full((len(texts), min(labels, len(self.labels))), -1, np.int32)
        scores = np.zeros(found.shape, np.float32)
        _predict(self.lexicon, self.memory, self.matrix, self.output, values, offsets, verbatim, found, scores)
        return found, scores


@compiled(
    numba.void(
        LEXICON, MEMORY, MATRIX, OUTPUT, BYTES, OFFSETS, numba.boolean, numba.int32[:, ::1], numba.float32[:, ::1]
    )
)
def _predict(
    lexicon: Lexicon,
    memory: Memory,
    matrix: Array,
    output: Output,
    values: Array,
    offsets: Array,
    verbatim: bool,
    found: Array,
    scores: Array,
) -> None:
    longest = np.int64(0)
    for text in range(len(found)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    words = np.empty((WORDS_AT_ONCE, 3), np.int64)
    word = np.empty(longest + 2, np.uint8)
    rows = np.empty(ROWS_HELD, np.int32)
    hashes = np.empty(longest // 2 + 2 if lexicon.word_ngrams > 1 else 0, np.int32)
    hidden = np.empty(matrix.shape[1], np.float32)
    for text in range(len(found)):
        hidden[:] = 0
        added = sum_rows(
            lexicon,
            memory,
            values,
            offsets[text],
            offsets[text + 1],
            verbatim,
            matrix,
            words,
            word,
            rows,
            hashes,
            hidden,
        )
        if added:
            share = np.float32(1.0 / added)
            for column in range(len(hidden)):
                hidden[column] *= share
            likeliest(output, hidden, scores[text], found[text])
