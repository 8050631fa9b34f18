"""Of books that overlap the longest stays, whatever the order of blocks."""

from collections import defaultdict
from random import Random

import numpy as np
import pytest

from filters.batch import document_batch
from filters.books import GutenbergWrapper, book_key
from pipeline import overlap
from pipeline.corpora.books import book
from pipeline.overlap import OverlapRounds, shared_pairs


def words(seed, count):
    rng = Random(seed)
    return [f"w{rng.randrange(5000)}" for _ in range(count)]


def text(*parts):
    return " ".join(word for part in parts for word in part)


def dropped(units, rounds=None, shuffle=None):
    """The doc_ids that the rounds drop, of units that are lists of {doc_id: text}."""
    rounds = rounds or OverlapRounds(partitions=3)
    batches = [[document_batch([{"doc_id": name, "text": body}]) for name, body in unit.items()] for unit in units]
    keyed = [pair for index, unit in enumerate(batches) for pair in rounds.sketch(index, unit)]
    for judge in rounds.judges:
        if shuffle:
            shuffle.shuffle(keyed)
        groups = defaultdict(list)
        for key, block in keyed:
            groups[key].append(block)
        keyed = [pair for key, blocks in groups.items() for pair in judge(key, blocks)]
    verdicts = defaultdict(list)
    for key, block in keyed:
        verdicts[key].append(block)
    return {
        name
        for index, unit in enumerate(batches)
        for batch in unit
        for (rule,) in [rounds.filters(verdicts[index])]
        for name, reason in zip(batch.column("doc_id").to_pylist(), rule.apply(batch).reason.to_pylist(), strict=True)
        if reason
    }


A, B, C = words(1, 8000), words(2, 8000), words(3, 8000)


@pytest.mark.parametrize("sizes", [(3,), (1, 2), (2, 1), (1, 1, 1)])
def test_a_sketch_does_not_depend_on_how_books_lie_in_batches(sizes):
    rows = [{"doc_id": name, "text": text(body)} for name, body in (("a", A), ("b", B[:900]), ("c", C[:70]))]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    batches = [document_batch(rows[at : at + size]) for at, size in zip(starts, sizes, strict=True)]
    rounds = OverlapRounds(partitions=3)
    alone = [document_batch([row]) for row in rows]
    assert list(rounds.sketch(4, batches)) == list(rounds.sketch(4, alone))


@pytest.mark.parametrize("count, level", [(40_000, 0), (3000, 1), (200, 5), (20, 7)])
def test_a_short_book_is_sampled_more_densely(count, level):
    batch = document_batch([{"doc_id": "a", "text": text(words(9, count))}])
    (facts,) = [block for key, block in OverlapRounds().sketch(0, [batch]) if block[:1] == overlap._BOOKS]
    (book_facts,) = np.frombuffer(facts[1:], overlap._BOOK)
    sizes = book_facts["sizes"]
    assert book_facts["level"] == level
    assert level == overlap.LEVELS - 1 or sizes[level] >= overlap.MIN_SAMPLE
    assert level == 0 or sizes[level - 1] < overlap.MIN_SAMPLE


def test_different_books_stay():
    assert dropped([{"a": text(A)}, {"b": text(B)}, {"c": text(C)}]) == set()


def test_of_identical_books_the_one_with_the_smallest_key_stays():
    names = ["x", "y", "z"]
    keeper = min(names, key=book_key)
    assert dropped([{name: text(A) for name in names}]) == set(names) - {keeper}


def test_book_within_a_volume_goes():
    assert dropped([{"a": text(A)}, {"volume": text(B, A, C)}]) == {"a"}


def test_longest_edition_stays():
    assert dropped([{"short": text(A[:7600])}, {"long": text(A)}]) == {"short"}


@pytest.mark.parametrize("share, gone", [(0.97, {"b"}), (0.8, set())])
def test_overlap_is_measured_against_the_limit(share, gone):
    kept = int(6000 * share)
    assert dropped([{"a": text(A)}, {"b": text(A[:kept], B[: 6000 - kept])}]) == gone


@pytest.mark.parametrize("max_overlap, gone", [(0.4, {"b"}), (1.0, set())])
def test_limit_is_the_settings(max_overlap, gone):
    units = [{"a": text(A)}, {"b": text(A[:3000], B[:3000])}]
    assert dropped(units, OverlapRounds(max_overlap=max_overlap)) == gone


def test_overlap_is_not_chained():
    """The middle one goes with the longest; the shortest is held by the middle one alone, and stays."""
    longest, middle, shortest = A + B[:800], A[1000:] + B[:1600], A[4000:] + B[:1600]
    rounds = OverlapRounds(max_overlap=0.89, shingle_sample=1)
    assert dropped([{"l": text(longest), "m": text(middle), "s": text(shortest)}], rounds) == {"m"}


@pytest.mark.parametrize("count", [60, 150, 1000, 3000])
def test_short_books_are_compared_too(count):
    assert dropped([{"a": text(A[:count], ["end"])}, {"b": text(A[:count])}, {"c": text(B[:count])}]) == {"b"}


def test_a_few_words_say_nothing():
    assert dropped([{"a": text(A[:12])}, {"b": text(A[:12])}, {"c": ""}]) == set()


def test_order_of_blocks_changes_nothing():
    units = [{"a": text(A), "a2": text(A[:7900])}, {"b": text(B)}, {"v": text(C, B)}, {"s": text(C[:500])}]
    verdicts = {frozenset(dropped(units, shuffle=Random(seed))) for seed in range(10)}
    assert verdicts == {frozenset({"a2", "b"})}


def test_number_of_partitions_changes_nothing():
    units = [{"a": text(A), "a2": text(A[:7900])}, {"b": text(B)}]
    assert {frozenset(dropped(units, OverlapRounds(partitions=n))) for n in (1, 2, 16)} == {frozenset({"a2"})}


def test_hot_shingle_is_paired_with_the_longest_books_only(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_LONGER", 2)
    records = np.zeros(50, overlap._HASH)
    records["hash"], records["book"], records["words"] = 7, range(50), range(50)
    pairs = shared_pairs(records)
    assert sorted(set(pairs["longer"].tolist())) == [48, 49]
    assert len(pairs) == 49 + 48


def test_shared_shingles_are_counted_by_pair():
    records = np.array([(5, 1, 9), (5, 2, 8), (6, 2, 8), (6, 1, 9), (7, 2, 8)], overlap._HASH)
    assert shared_pairs(records).tolist() == [(1, 2, 2)]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"max_overlap": 1.1}, "max_overlap must be from 0 to 1, got 1.1"),
        ({"shingle_words": 0}, "shingle_words must be at least 1, got 0"),
        ({"shingle_sample": 0}, "shingle_sample must be at least 1, got 0"),
        ({"partitions": 0}, "partitions must be at least 1, got 0"),
    ],
)
def test_wrong_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        OverlapRounds(**settings)


@pytest.mark.real
def test_of_all_real_editions_one_of_each_title_stays(real_data):
    folder = real_data / "books" / "gitenberg"
    units = []
    for path in sorted(folder.rglob("*.txt")):
        batch = document_batch(
            [{"doc_id": str(path.relative_to(folder)), "text": book("book", path.read_bytes()).text}]
        )
        units.append({str(path.relative_to(folder)): GutenbergWrapper().apply(batch).batch.column("text")[0].as_py()})
    gone = dropped(units)
    kept = [name.split("/")[0] for unit in units for name in unit if name not in gone]
    assert kept == sorted({name.split("/")[0] for unit in units for name in unit})
