"""The compiled counts of lines, letters and data are those of plain Python."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.code_counts import MIN_ENCODED_CHARS, alphanumeric_counts, data_counts, line_counts

TEXTS = [
    "",
    "a",
    "a\n",
    "a\n\nbc",
    "a\r\nbc\r\n",
    "a\rbc",
    "\n",
    "\r\n\n\r",
    "é\u2028ü\x85𝒳\x0b\x0c\x1c\x1d\x1e\u2029",
    "٣ 語 _-",
    "0xFF, 12, 0b1 1.5e3 x1 1x 255u 0xffUL 3px é1 1é",
    "A" * 63 + " " + "B" * 64 + "\n" + "9" * 64 + " " + "a/+=" * 20,
]
NEWLINE = re.compile("\r\n|\r|\n")
PYTHON_NEWLINE = re.compile("\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


def lines(text, newline):
    found = newline.split(text)
    return found if found[-1] else found[:-1]


def line_specification(text, newline):
    lengths = [len(line) for line in lines(text, newline)]
    return [len(text), len(lengths), sum(lengths), max(lengths, default=0)]


def data_specification(text):
    runs = re.findall(r"[A-Za-z0-9+/=]+", text)
    numbers = [run for run in runs if re.fullmatch(r"[0-9][0-9a-fA-FxXuUlL]*", run)]
    encoded = [run for run in runs if run not in numbers and len(run) >= MIN_ENCODED_CHARS]
    marks = len(re.sub(r"[\t-\r\x1c-\x1f ]", "", text))
    longest = max((len(run) for run in runs if len(run) >= MIN_ENCODED_CHARS), default=0)
    return [marks, sum(map(len, numbers)), sum(map(len, encoded)), longest]


def array(*texts):
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize("text", TEXTS)
def test_counts_are_those_of_plain_python(text):
    assert line_counts(array(text)).tolist() == [line_specification(text, NEWLINE)]
    assert line_counts(array(text), split_as_python=True).tolist() == [line_specification(text, PYTHON_NEWLINE)]
    assert alphanumeric_counts(array(text)).tolist() == [sum(map(str.isalnum, text))]
    assert data_counts(array(text)).tolist() == [data_specification(text)]


@pytest.mark.parametrize("text", TEXTS)
def test_pythons_lines_are_those_of_splitlines(text):
    assert lines(text, PYTHON_NEWLINE) == text.splitlines()


@given(st.lists(st.text(st.sampled_from("a0xF9 \t\r\n\v\x1c\x1f\x85\u2028é語𝒳٣+/=-_\u3000"), max_size=90), max_size=4))
def test_any_texts_counts_are_those_of_plain_python(texts):
    batch = array(*texts)
    assert line_counts(batch).tolist() == [line_specification(text, NEWLINE) for text in texts]
    assert line_counts(batch, split_as_python=True).tolist() == [
        line_specification(text, PYTHON_NEWLINE) for text in texts
    ]
    assert alphanumeric_counts(batch).tolist() == [sum(map(str.isalnum, text)) for text in texts]
    assert data_counts(batch).tolist() == [data_specification(text) for text in texts]


@given(st.integers(60, 68), st.sampled_from("aF9/"), st.sampled_from(["", " ", "é", "1"]))
def test_a_runs_length_decides_whether_it_is_encoded(size, letter, end):
    text = f"x = '{letter * size}{end}'"
    assert data_counts(array(text)).tolist() == [data_specification(text)]


def test_a_slice_counts_its_own_texts_alone():
    batch = array("aaa\n", "b 12\nc", "ddd").slice(1, 1)
    assert line_counts(batch).tolist() == [[6, 2, 5, 4]]
    assert alphanumeric_counts(batch).tolist() == [4]
    assert data_counts(batch).tolist() == [[4, 2, 0, 0]]


def test_no_texts_have_no_counts():
    assert [f(array()).shape for f in (line_counts, alphanumeric_counts, data_counts)] == [(0, 4), (0,), (0, 4)]


def test_a_line_of_a_hundred_megabytes_takes_no_memory_of_its_own():
    text = array("a" * 100_000_000)
    assert np.array_equal(line_counts(text), [[100_000_000, 1, 100_000_000, 100_000_000]])
    assert data_counts(text).tolist() == [[100_000_000, 0, 100_000_000, 100_000_000]]
