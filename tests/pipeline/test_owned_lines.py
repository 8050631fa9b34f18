"""Every line of a kept page survives exactly once, in whatever order blocks arrive."""

import collections
import hashlib
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shuffled import verdicts_of

from filters.batch import document_batch
from pipeline.owned_lines import OwnedLineRounds

LINES = st.sampled_from([f"{letter} line." for letter in "ABCDEFGHab"] + ["Two here. Of it.", "Ah. Oh. Uh. Eh."])
TEXTS = st.lists(LINES, min_size=1, max_size=6).map("\n".join)
UNITS = st.lists(st.lists(TEXTS, max_size=5), max_size=4)
SENTENCES = {"two here. of it.": 2, "ah. oh. uh. eh.": 3}


def url_of(unit, row):
    return f"http://{unit}.example/{row}"


def batches_of(unit, texts, size=2):
    rows = [
        {"doc_id": f"{unit}-{row}", "source": "c4", "origin": "", "text": text, "url": url_of(unit, row)}
        for row, text in enumerate(texts)
    ]
    return [document_batch(rows[at : at + size]) for at in range(0, len(rows), size)]


def decide(units, seed=0, sizes=None, counts=None, **ways):
    """The texts that stay, None where a page goes; blocks are shuffled wherever they are grouped."""
    rounds = OwnedLineRounds(**({"partitions": 3} | ways))
    documents = [batches_of(unit, texts) for unit, texts in enumerate(units)]
    verdicts = verdicts_of(rounds, documents, seed, sizes)
    return [run(rounds.filters(told), batches, counts) for told, batches in zip(verdicts, documents, strict=True)]


def run(filters, batches, counts):
    (rule,) = filters
    left = []
    for batch in batches:
        result = rule.apply(batch)
        pairs = zip(result.batch.column("text").to_pylist(), result.reason.to_pylist(), strict=True)
        left += [None if reason else text for text, reason in pairs]
        if counts is not None:
            counts.update(result.counts)
    return left


def in_order(units):
    """(unit, row) of all pages, in the order in which they come to own lines."""
    pages = [(unit, row) for unit, texts in enumerate(units) for row in range(len(texts))]
    return sorted(pages, key=lambda page: hashlib.md5(url_of(*page).encode()).hexdigest())


def one_by_one(units, min_sentences=3):
    """The specification: page by page, each owns the lines that are left, or leaves where they are too few."""
    owned, left = set(), [[None] * len(texts) for texts in units]
    for unit, row in in_order(units):
        lines = dict.fromkeys(line.lower() for line in units[unit][row].split("\n"))
        mine = [line for line in lines if line not in owned]
        if sum(SENTENCES.get(line, 1) for line in mine) >= min_sentences:
            owned.update(mine)
            left[unit][row] = mine
    return left


def published(units, min_sentences=3):
    """C4's own way: the first of all pages owns a line, whether or not it stays."""
    owner, left = {}, [[None] * len(texts) for texts in units]
    for unit, row in in_order(units):
        for line in units[unit][row].lower().split("\n"):
            owner.setdefault(line, (unit, row))
    for unit, row in in_order(units):
        lines = dict.fromkeys(units[unit][row].lower().split("\n"))
        mine = [line for line in lines if owner[line] == (unit, row)]
        if sum(SENTENCES.get(line, 1) for line in mine) >= min_sentences:
            left[unit][row] = mine
    return left


def lowered(units):
    return [[None if text is None else text.lower().split("\n") for text in texts] for texts in units]


@settings(max_examples=60)
@given(UNITS, st.integers(0, 3))
def test_rounds_decide_as_one_page_after_another_would(units, seed):
    assert lowered(decide(units, seed, decisions=20)) == one_by_one(units)


@settings(max_examples=40)
@given(UNITS, st.integers(0, 3), st.integers(1, 3))
def test_each_line_of_a_kept_page_survives_exactly_once_after_any_number_of_rounds(units, seed, decisions):
    left = lowered(decide(units, seed, decisions=decisions))
    lines = [line for texts in left for kept in texts for line in kept or ()]
    held = {
        line
        for unit, texts in enumerate(left)
        for row, kept in enumerate(texts)
        if kept
        for line in units[unit][row].lower().split("\n")
    }
    assert sorted(lines) == sorted(held)


@settings(max_examples=40)
@given(UNITS, st.integers(0, 3))
def test_published_rules_choose_among_all_pages(units, seed):
    assert lowered(decide(units, seed, decisions=0, recounts=True)) == published(units)


def chain(length):
    """Pages of which each can stay only if the one before it leaves."""
    order = in_order([["x"]] * length)
    texts = [[""] for _ in range(length)]
    for place, (unit, _) in enumerate(order):
        texts[unit] = [f"shared {place}.\nshared {place + 1}.\nown {place}."]
    return texts


def test_pages_that_wait_for_one_another_are_decided_round_by_round():
    units = chain(8)
    assert lowered(decide(units, decisions=8)) == one_by_one(units)


@pytest.mark.parametrize("decisions, short", [(1, 7), (2, 5), (8, 0)])
def test_pages_that_are_undecided_in_the_end_stay_and_are_counted(decisions, short):
    counts = collections.Counter()
    decide(chain(8), decisions=decisions, counts=counts)
    assert counts["short_pages"] == short


def test_a_line_of_all_pages_is_claimed_once_a_unit():
    units = [
        [f"hot line.\na {unit} {row}.\nb {unit} {row}.\nc {unit} {row}." for row in range(40)] for unit in range(3)
    ]
    rounds = OwnedLineRounds(partitions=1)
    for unit, texts in enumerate(units):
        claims = [block for partition, block in rounds.sketch(unit, batches_of(unit, texts)) if partition == 0]
        assert sum(map(len, claims)) == 9 + 17 * (1 + 3 * 40)
    left = decide(units)
    assert sum("hot line." in text for texts in left for text in texts) == 1


def test_what_is_settled_does_not_travel_on():
    sizes = []
    decide(
        [[f"a {unit} {row}.\nb {unit} {row}.\nc {unit} {row}." for row in range(50)] for unit in range(4)], sizes=sizes
    )
    assert sizes[0] > 10_000
    assert sizes[2:] == [0] * 8


def test_units_without_pages_are_no_trouble():
    assert decide([[], [], ["One.\nTwo.\nThree."]]) == [[], [], ["One.\nTwo.\nThree."]]
    assert decide([]) == []


def test_sentences_of_a_line_are_counted_with_the_model_at_hand(tmp_path):
    for name in ("collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (tmp_path / name).write_text("")
    (tmp_path / "abbrev_types.txt").write_text("oh\nuh\n")
    page = [["Ah. Oh. Uh. Eh."]]
    assert decide(page) == page
    assert decide(page, punkt_path=str(tmp_path)) == [[None]]


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"partitions": 0}, "must be at least 1, got 0, 3"),
        ({"min_sentences": 0}, "must be at least 1, got 3, 0"),
        ({"decisions": -1}, "decisions must be at least 0, got -1"),
    ],
)
def test_a_wrong_setting_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        OwnedLineRounds(**({"partitions": 3} | wrong))


def test_rounds_travel_to_workers():
    rounds = OwnedLineRounds(partitions=3, decisions=2)
    assert pickle.loads(pickle.dumps(rounds)) == rounds
    assert len(rounds.judges) == 6
