"""The compiled counts of what repeats are those of plain Python."""

import re
import time
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import repetition_counts as module
from filters.repetition_counts import COUNTS, REPEATED_WORDS, TOP_WORDS, repetition_counts


def repeated(pieces):
    again = [piece for i, piece in enumerate(pieces) if piece in pieces[:i]]
    return len(pieces), len(again), sum(map(len, again))


def commonest(words, length):
    runs = Counter(" ".join(words[i : i + length]) for i in range(len(words) - length + 1))
    run, often = max(runs.items(), key=lambda item: item[1], default=("", 0))
    return len(run) * often if often > 1 else 0


def repeated_runs(words, length):
    seen, total, at = set(), 0, 0
    while at < len(words) - length + 1:
        run = tuple(words[at : at + length])
        again = run in seen
        seen.add(run)
        total += sum(map(len, run)) if again else 0
        at += length if again else 1
    return total


def specification(text):
    """The counts as plain Python has them."""
    words = text.split()
    lines = repeated([line for line in re.split("\n+", text) if line])
    paragraphs = repeated([part.strip("\n") for part in re.split("\n\n+", text) if part.strip("\n")])
    tops = [commonest(words, length) for length in TOP_WORDS]
    runs = [repeated_runs(words, length) for length in REPEATED_WORDS]
    return dict(zip(COUNTS, [len(text), *lines, *paragraphs, *tops, *runs], strict=True))


def counted(*texts):
    found = repetition_counts(pa.array(texts, pa.large_string()))
    return [{name: int(values[i]) for name, values in found.items()} for i in range(len(texts))]


TEXTS = [
    "",
    "a",
    "\n\n\n",
    "one\ntwo\n\none\ntwo\n\n\nthree\none\n",
    "a b a b a b a",
    "x y z x y z y z",
    "word " * 40,
    "é ü é ü 語 語 語 語",
    " ".join("abcdefghij" * 3),
    "long line\nlong line\n\nlong line\nlong line",
]


@pytest.mark.parametrize("text", TEXTS)
def test_counts_are_those_of_plain_python(text):
    assert counted(text) == [specification(text)]


@given(st.lists(st.text(st.sampled_from("ab \n"), max_size=80), max_size=4))
def test_any_texts_counts_are_those_of_plain_python(texts):
    assert counted(*texts) == [specification(text) for text in texts]


@given(st.lists(st.sampled_from("one two three é\n \n\n".split(" ")), max_size=120))
def test_any_words_counts_are_those_of_plain_python(words):
    text = " ".join(words)
    assert counted(text) == [specification(text)]


def test_of_equally_common_runs_the_first_counts():
    assert counted("long long b b c long long b b")[0]["top_2_word_chars"] == 2 * len("long long")


def test_words_of_a_repeated_run_are_counted_once():
    assert counted("a a a a a a a a a a a a")[0]["repeated_5_word_chars"] == 10


def test_only_so_many_pieces_are_looked_at():
    rows = module._count(
        *module.text_buffers(pa.array(["a\n" * 10 + "b b b"], pa.large_string())), module.kinds(), 4, 10
    )
    found = dict(zip(COUNTS, rows[0].tolist(), strict=True))
    assert (found["chars"], found["lines"], found["repeated_lines"]) == (25, 4, 3)


def test_longer_runs_than_asked_for_are_not_looked_for():
    text = pa.array(["a b a b a b a b a b a b a b"], pa.large_string())
    all_runs, few = repetition_counts(text), repetition_counts(text, longest_run=3)
    assert (few["top_3_word_chars"], few["top_4_word_chars"]) == (all_runs["top_3_word_chars"], [0])


def test_time_grows_with_the_text_alone():
    def seconds(text):
        started = time.perf_counter()
        repetition_counts(pa.array([text], pa.large_string()))
        return time.perf_counter() - started

    plain = " ".join(map(str, range(40_000)))
    hostile = ("a " * (len(plain) // 2), "a\n" * (len(plain) // 2), "ab" * (len(plain) // 2))
    base = min(seconds(plain) for _ in range(3))
    assert all(min(seconds(text) for _ in range(3)) < 20 * base for text in hostile)
