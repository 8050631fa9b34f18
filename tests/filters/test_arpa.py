"""Lines of ARPA, whatever the words and the numbers."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import arpa
from filters.arpa import ArpaWriter, write_logarithm

SPELLINGS = [b"<unk>", b"<s>", b"</s>", "é".encode(), b"bb"]


def logarithm(value):
    buffer = np.zeros(64, dtype=np.uint8)
    return buffer[: write_logarithm(value, buffer, 0)].tobytes().decode()


def written(order, keys, words, probabilities, backoffs, order_of_model=3):
    file = io.BytesIO()
    writer = ArpaWriter(file, [5] * order_of_model, SPELLINGS)
    file.truncate(0), file.seek(0)
    floats = [None if column is None else np.array(column, np.float32) for column in (probabilities, backoffs)]
    writer.write(order, np.array(keys, np.uint64).reshape(-1, 2), np.array(words, np.uint32), *floats)
    return file.getvalue().decode()


@pytest.mark.parametrize(
    "value, text",
    [
        (1.0, "0"),
        (1.0000001, "0"),
        (0.0, "-inf"),
        (0.1, "-1"),
        (0.5, "-0.30103"),
        (0.25, "-0.60206"),
        (1e-10, "-10"),
        (10**-0.0000001, "-0.0000001"),
        (10**-0.00000004, "0"),
        (10**-9.99999999, "-10"),
    ],
)
def test_a_logarithm_has_seven_digits_and_is_never_above_0(value, text):
    assert logarithm(value) == text


@given(st.floats(1e-30, 1.0))
def test_a_logarithm_reads_back(value):
    assert float(logarithm(value)) == pytest.approx(math.log10(value), abs=6e-8)


def test_words_stand_from_the_oldest_to_the_newest():
    # Three bits a word: 3 before 4, in a key of three words, nearest first; the lowest is whatever followed first.
    key = (0, 3 << 6 | 1 << 3 | 7)
    assert written(2, [key, key], [4, 2], [0.5, 0.25], [0.5, 1]) == "-0.30103\té bb\t-0.30103\n-0.60206\té </s>\t0\n"
    assert written(3, [key], [4], [0.5], None) == "-0.30103\t<s> é bb\n"
    assert written(1, [(0, 0)], [3], [0.5], [1.0]) == "-0.30103\té\t0\n"


def test_no_ngram_gives_no_line():
    assert written(2, [], [], [], []) == ""


def test_a_buffer_that_is_full_is_written_and_filled_again(monkeypatch):
    monkeypatch.setattr(arpa, "_BUFFER_BYTES", 1)
    lines = written(1, [(0, 0)] * 100, [3, 4] * 50, [0.5] * 100, None, order_of_model=1)
    assert lines == "-0.30103\té\n-0.30103\tbb\n" * 50


def test_head_sections_and_end():
    file = io.BytesIO()
    writer = ArpaWriter(file, [5, 0], SPELLINGS)
    writer.begin(2)
    writer.end()
    assert file.getvalue() == b"\\data\\\nngram 1=5\nngram 2=0\n\n\\2-grams:\n\n\\end\\\n"
