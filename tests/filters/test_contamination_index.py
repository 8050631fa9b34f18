"""Passages become n-grams: long ones every window, short ones whole, template and numbers none."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.contamination_index import PASSAGES_SCHEMA, build_index, count_words, load_index, write_passages


def passages(*texts, names=None):
    rows = [
        {"set": names[i] if names else "x", "item": f"f#{i + 1}", "field": "q", "text": text, "items": [i]}
        for i, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, PASSAGES_SCHEMA)


def ngrams(index):
    return sorted(index.ngram(number) for number in range(len(index.ngrams.keys)))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", []),
        ("a", ["a"]),
        ("a b", ["a b"]),
        ("A, b - C!", ["a b c"]),
        ("a b c d", ["a b c", "b c d"]),
        ("a b a b a", ["a b a", "b a b"]),
        ("中文字句", ["中 文 字", "文 字 句"]),
        ("1 2 3", []),
        ("1 2 x 3", ["1 2 x", "2 x 3"]),
    ],
)
def test_a_passage_gives_every_window_or_itself_as_a_whole(text, expected):
    index = build_index(passages(text), ngram_words=3, max_passages=10)
    assert ngrams(index) == expected
    assert index.ngrams.passage_ngrams.tolist() == [len(expected)]


def test_an_ngram_of_more_passages_than_may_share_one_is_template():
    texts = ("read this and a", "read this and b", "read this and c", "a word of its own")
    index = build_index(passages(*texts), ngram_words=3, max_passages=2)
    assert "read this and" not in ngrams(index)
    assert (index.template_ngrams, index.ngrams.passage_ngrams.tolist()) == ((1,), [1, 1, 1, 3])
    kept = build_index(passages(*texts), ngram_words=3, max_passages=3)
    assert "read this and" in ngrams(kept)
    assert kept.template_ngrams == (0,)


def test_what_other_sets_share_is_no_template_and_numbers_are_counted_by_set():
    names = ["x", "x", "y"]
    index = build_index(passages("a b c", "1 2 3 4", "a b c", names=names), ngram_words=3, max_passages=1)
    assert ngrams(index) == ["a b c"]
    assert (index.sets, index.template_ngrams, index.number_ngrams) == (("x", "y"), (0, 0), (2, 0))
    assert index.ngrams.passages.tolist() == [0, 2]


def test_an_index_is_read_as_it_was_written(tmp_path):
    table = passages("a b c d", "é F g", "z")
    write_passages(str(tmp_path / "p.parquet"), table, ngram_words=3, max_passages=7)
    write_passages(str(tmp_path / "again.parquet"), table, ngram_words=3, max_passages=7)
    read = load_index(str(tmp_path / "p.parquet"))
    made = build_index(table, ngram_words=3, max_passages=7)
    for one, other in zip(read.ngrams, made.ngrams, strict=True):
        assert np.array_equal(one, other)
    assert read.passages.equals(table)
    assert (tmp_path / "p.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "p.parquet").metadata[b"max_passages"] == b"7"


def test_no_passages_give_an_index_of_nothing():
    index = build_index(passages(), ngram_words=3, max_passages=10)
    assert (index.sets, len(index.ngrams.keys), index.template_ngrams) == ((), 0, ())


@pytest.mark.parametrize("text, words", [("", 0), (" . ", 0), ("a", 1), ("Don't!", 2), ("中文", 2), ("a\nb\tc", 3)])
def test_words_are_counted(text, words):
    assert count_words(pa.array(["before", text, "x y"], pa.large_string()))[1] == words


def test_every_key_is_told_by_the_bitmap_and_found_in_its_bucket():
    table = passages(" ".join(f"w{number}" for number in range(5000)))
    held = build_index(table, ngram_words=3, max_passages=10).ngrams
    bits = held.keys >> np.uint64(held.bit_shift)
    assert np.all(held.bits[bits >> np.uint64(6)] >> (bits & np.uint64(63)) & np.uint64(1))
    prefix = (held.keys >> np.uint64(held.bucket_shift)).astype(np.int64)
    places = np.arange(len(held.keys))
    assert np.all((held.buckets[prefix] <= places) & (places < held.buckets[prefix + 1]))
    set_bits = sum(int(word).bit_count() for word in held.bits)
    assert set_bits <= len(held.keys) <= len(held.bits) * 64 / 16


def test_counters_are_of_the_index_s_size():
    tallies = build_index(passages("a b c d", "z"), ngram_words=3, max_passages=9).tallies()
    sizes = [len(array) for array in tallies]
    assert sizes == [2, 3, 1, 2, 2, 2, 2, 2, 3, 3, 1, 1]
