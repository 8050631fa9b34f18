"""Verdicts over many units: right, and the same in whatever order blocks arrive."""

import collections
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shuffled import verdicts_of

from filters.batch import DOCUMENT_SCHEMA, document_batch
from filters.normalize import normalize_for_dedup
from pipeline import dedup
from pipeline.dedup import LINES, ExactRounds, ParagraphRounds
from pipeline.key_index import KeyIndex, finish_index, partition_of
from pipeline.storage import Folder

UNITS = st.lists(
    st.lists(st.sampled_from(["a", "b", "a\nb", "A\na\nc", "d\n\nb", "", "Σ", "e"]), max_size=4), max_size=5
)


def batches_of(unit, texts, batch_documents=2):
    rows = [{"doc_id": f"{unit}-{row}", "source": "c4", "origin": "", "text": text} for row, text in enumerate(texts)]
    return [document_batch(rows[at : at + batch_documents]) for at in range(0, len(rows), batch_documents)]


def decide(rounds, units, seed=0):
    """Each unit's batches through the filters of its verdict, blocks shuffled wherever they are grouped."""
    verdicts = verdicts_of(rounds, units, seed)
    return [run(rounds.filters(told), batches) for told, batches in zip(verdicts, units, strict=True)]


def run(filters, batches):
    (rule,) = filters
    results = [rule.apply(batch) for batch in batches]
    texts = [text for result in results for text in result.batch.column("text").to_pylist()]
    reasons = [reason for result in results for reason in result.reason.to_pylist()]
    return [None if reason else text for text, reason in zip(texts, reasons, strict=True)]


def paragraphs(units, seed=0, **settings):
    rounds = ParagraphRounds(**({"block_files": 100, "partitions": 3} | settings))
    return decide(rounds, [batches_of(unit, texts) for unit, texts in enumerate(units)], seed)


def exact(units, seed=0):
    return decide(ExactRounds(partitions=3), [batches_of(unit, texts) for unit, texts in enumerate(units)], seed)


def test_every_copy_of_a_line_of_two_units_goes():
    assert paragraphs([["menu\none"], ["two\nMenu"], ["three"]]) == [["one"], ["two"], ["three"]]


@pytest.mark.parametrize("held", [1, 100])
def test_every_copy_of_a_line_of_two_documents_of_one_unit_goes(monkeypatch, held):
    monkeypatch.setattr(dedup, "SKETCH_ITEMS", held)
    assert paragraphs([["menu\none", "two", "three\nmenu"]]) == [["one", "two", "three"]]


def test_a_repeat_within_one_document_is_no_duplicate():
    assert paragraphs([["one\none\ntwo"], ["three"]]) == [["one\ntwo"], ["three"]]


def test_blank_lines_of_two_documents_are_no_duplicates():
    assert paragraphs([["one\n\ntwo"], ["three\n \nfour"]]) == [["one\n\ntwo"], ["three\n \nfour"]]


@pytest.mark.parametrize(
    "units, left",
    [
        ([["one\n\ntwo"], ["three\n \nfour"]], [["one\ntwo"], ["three\nfour"]]),
        ([["one\n\ntwo\n\n"], ["three"]], [["one\n\ntwo"], ["three"]]),
        ([["one\n—"], ["two\n"]], [["one"], ["two"]]),
        ([["menu\n\n"], ["menu\na"]], [[""], ["a"]]),
        ([[""], ["a\n\nb"]], [[None], ["a\n\nb"]]),
    ],
)
def test_ccnet_s_blank_lines_are_judged_like_any_other(units, left):
    assert paragraphs(units, blank_lines_count=True) == left


def test_a_line_whose_key_is_zero_always_goes_in_ccnet_s_way():
    for removed, keys in ((False, []), (True, [0])):
        rounds = ParagraphRounds(block_files=1, partitions=1, zero_key_is_removed=removed)
        verdict = (7).to_bytes(8, "little") + np.array([5], "<u8").tobytes()
        assert rounds.filters([])[0].duplicate_keys.tolist() == keys
        assert rounds.filters([verdict])[0].duplicate_keys.tolist() == [*keys, 5]


def test_a_line_of_an_earlier_dump_goes_without_that_dump_s_text(tmp_path):
    folder, notes = Folder(str(tmp_path / "keys")), Folder(str(tmp_path / "notes"))
    earlier = [["menu\none"], ["two"], ["three"]]
    assert paragraphs(earlier, block_files=2, index=KeyIndex(kind=LINES, folder=folder, notes=notes)) == earlier
    finish_index(folder, notes, [LINES], 3)
    known = KeyIndex(kind=LINES, earlier=(folder.url,))
    later = [["Menu\nnew"], ["THREE\nnewer"], ["newest\nnewest"]]
    assert paragraphs(later, partitions=5, index=known) == [["new"], ["newer"], ["newest"]]


def test_nothing_is_looked_for_across_blocks():
    units = [["menu\na"], ["menu\nb"], ["menu\nc"]]
    assert paragraphs(units, block_files=2) == [["a"], ["b"], ["menu\nc"]]
    assert paragraphs(units, block_files=1) == units


def test_a_document_with_too_little_left_goes():
    assert paragraphs([["menu\nlong enough"], ["menu\nshort"]], min_chars_after=6) == [["long enough"], [None]]


def paragraphs_in_python(units):
    """CCNet's rule, with blank lines kept, as sets of Python strings; the key of each line that stays."""
    seen = collections.Counter()
    for text in (text for unit in units for text in unit):
        seen.update({normalize_for_dedup(line) for line in text.split("\n") if line.strip()})
    left = []
    for unit in units:
        forms = [[normalize_for_dedup(line) for line in text.split("\n") if line.strip()] for text in unit]
        left.append([list(dict.fromkeys(form for form in page if seen[form] < 2)) for page in forms])
    return left


@settings(deadline=None)
@given(UNITS, st.integers(0, 99), st.integers(1, 5), st.sampled_from([1, 3, 1 << 22]))
def test_lines_left_follow_the_rule_in_any_order_of_blocks(units, seed, partitions, held):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "SKETCH_ITEMS", held)
        got = paragraphs(units, seed, partitions=partitions)
    forms = [
        [[normalize_for_dedup(line) for line in (text or "").split("\n") if line.strip()] for text in unit]
        for unit in got
    ]
    assert forms == paragraphs_in_python(units)


def paragraphs_of_cc_net(units):
    """CCNet's rule as Python strings: every line counts, an empty text has none, a document without one goes."""
    seen = collections.Counter()
    for text in (text for unit in units for text in unit if text):
        seen.update({normalize_for_dedup(line) for line in text.split("\n")})
    for unit in units:
        kept = [[] for _ in unit]
        for lines, text in zip(kept, unit, strict=True):
            here = {form for form, count in seen.items() if count > 1}
            for line in text.split("\n") if text else []:
                if normalize_for_dedup(line) not in here:
                    lines.append(line)
                    here.add(normalize_for_dedup(line))
        yield ["\n".join(lines) if lines else None for lines in kept]


PAGES = st.lists(st.sampled_from(["", " ", "—", "a", "A", "b", "c", "Σ", "ς", "« »"]), min_size=1, max_size=5)


@given(
    st.lists(st.lists(PAGES.map("\n".join), max_size=4), max_size=4), st.integers(0, 9), st.sampled_from([1, 1 << 20])
)
def test_with_ccnet_s_blank_lines_a_document_is_left_what_cc_net_leaves_of_it(units, seed, held):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "SKETCH_ITEMS", held)
        assert paragraphs(units, seed, blank_lines_count=True) == list(paragraphs_of_cc_net(units))


def test_the_first_document_of_the_first_unit_stays():
    assert exact([["x", "same"], ["same", "y"], ["same", "same"]]) == [["x", "same"], [None, "y"], [None, None]]


def test_within_a_unit_the_first_row_stays_across_batches():
    assert exact([["a", "a", "a", "b", "a"], ["b"]]) == [["a", None, None, "b", None], [None]]


def test_texts_that_differ_in_a_byte_are_no_duplicates():
    assert exact([["same", "Same"], ["same "]]) == [["same", "Same"], ["same "]]


@settings(deadline=None)
@given(UNITS, st.integers(0, 99), st.sampled_from([1, 3, 1 << 22]))
def test_exactly_the_first_of_each_text_stays_in_any_order_of_blocks(units, seed, held):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "SKETCH_ITEMS", held)
        got = exact(units, seed)
    seen = set()
    for unit, texts in enumerate(units):
        expected = [None if text in seen or seen.add(text) else text for text in texts]
        assert got[unit] == expected


@pytest.mark.parametrize("rounds", [ParagraphRounds(block_files=1, partitions=7), ExactRounds(partitions=7)])
def test_a_unit_sends_a_text_to_one_partition_and_never_many_times(rounds):
    keyed = list(rounds.sketch(3, batches_of(3, ["same"] * 1000, 100)))
    assert len(keyed) == 1
    assert len(keyed[0][1]) <= 8 + 2 * 32
    assert (3 * 7 if isinstance(rounds, ParagraphRounds) else 0) <= keyed[0][0] < 4 * 7


@pytest.mark.parametrize("rounds", [ParagraphRounds(block_files=1, partitions=2), ExactRounds(partitions=2)])
def test_what_decides_travels_to_a_worker_and_judges_nothing_of_nothing(rounds):
    moved = pickle.loads(pickle.dumps(rounds))
    assert moved == rounds
    assert list(moved.sketch(0, [DOCUMENT_SCHEMA.empty_table().to_batches() or document_batch([])][:0])) == []
    assert run(moved.filters([]), batches_of(0, ["one", "one"])) == ["one", "one"]


@pytest.mark.parametrize(
    "build", [lambda: ExactRounds(partitions=0), lambda: ParagraphRounds(block_files=0, partitions=1)]
)
def test_settings_that_cannot_be_meant_are_refused(build):
    with pytest.raises(ValueError, match="at least 1"):
        build()


@pytest.mark.parametrize("partitions", [1, 2, 7, 512])
def test_a_key_lies_in_one_partition_of_its_block_whatever_unit_has_it(partitions):
    rounds = ParagraphRounds(block_files=2, partitions=partitions)
    text = "\n".join(f"line {word}" for word in "abcdefghijklmnopqrstuvwxyz")
    sent = [
        {partition: block[8:] for partition, block in rounds.sketch(unit, batches_of(unit, [text]))}
        for unit in range(4)
    ]
    assert sent[0] == sent[1]
    assert {partition + partitions: block for partition, block in sent[0].items()} == sent[2] == sent[3]
    assert min(sent[0]) >= 0
    assert max(sent[0]) < partitions


def test_a_unit_hears_of_its_own_lines_alone():
    units = [batches_of(0, ["menu\na"]), batches_of(1, ["menu\nfoot"]), batches_of(2, ["foot"]), batches_of(3, ["b"])]
    rounds = ParagraphRounds(block_files=9, partitions=1)
    blocks = [block for unit, batches in enumerate(units) for _, block in rounds.sketch(unit, batches)]
    assert [(unit, len(block) // 8 - 1) for unit, block in rounds.judges[0](0, blocks)] == [(0, 1), (1, 2), (2, 1)]


@pytest.mark.parametrize("partitions", [1, 2, 3, 7, 512])
def test_a_partition_of_a_sketch_is_one_of_a_key_index(partitions):
    bounds = {(index << 32) // partitions + step for index in range(1, partitions) for step in (-1, 0, 1)}
    halves = sorted(bounds | {0, (1 << 32) - 1})
    keys = np.array([half << 32 | low for half in halves for low in (0, (1 << 32) - 1)], np.uint64)
    found = [
        (index, partition_of(keys[part], partitions).tolist()) for index, part in dedup._partitioned(keys, partitions)
    ]
    assert [index for index, places in found for _ in places] == partition_of(keys, partitions).tolist()
