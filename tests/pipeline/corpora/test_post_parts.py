"""Posts that are sent from part to part give the threads that they give in one."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import post_parts
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.post_parts import judge, part_count, part_of, reading_parts, send
from pipeline.corpora.stackexchange import read, read_joined
from pipeline.source_sections import StackExchange

SETTINGS = StackExchange(max_post_bytes=400, max_thread_bytes=2000)


def random_table(seed):
    """Questions, answers and others in any order; ids come again, rows are broken or too long, the end is cut."""
    chance = random.Random(seed)
    rows = []
    for _ in range(chance.randrange(60)):
        number, kind, parent = chance.randrange(40), chance.choice([1, 1, 2, 2, 2, 4]), chance.randrange(40)
        text = chance.choice(["", "ä", "x" * 50, "y" * 500])
        rows.append(f'<row Id="{number}" PostTypeId="{kind}" ParentId="{parent}" Score="{number % 7}" Body="{text}" />')
    rows += ["<row />"] * chance.randrange(3)
    chance.shuffle(rows)
    return ("<posts>\n" + "\n".join(rows) + chance.choice(["</posts>", ""])).encode()


def exchanged(table, parts, wanted=None, name="a/Posts.xml", order=lambda blocks: blocks):
    """The records of each wanted part, with blocks carried by hand."""
    whole = replace(RawFile.of_bytes(name, table), parts=parts)
    wanted = list(range(1, parts + 1)) if wanted is None else wanted
    sent = [block for n in reading_parts(name, parts) for block in send(replace(whole, part=n), SETTINGS, wanted)]
    blocks = [(part, block) for part, judged, block in sent if not judged]
    for n in range(1, parts + 1):
        blocks += judge(order([block for part, judged, block in sent if judged and part == n]))
    return [
        list(read_joined(replace(whole, part=n), SETTINGS, order([block for part, block in blocks if part == n])))
        for n in wanted
    ]


def in_order(records):
    return sorted(records, key=lambda record: (isinstance(record, BadRecord), record.key, repr(record)))


@pytest.mark.parametrize("seed", range(60))
def test_the_parts_together_give_what_the_whole_gives(seed):
    table = random_table(seed)
    whole = in_order(read(RawFile.of_bytes("a/Posts.xml", table), SETTINGS))
    for parts in (2, 5, 23):
        assert in_order([record for part in exchanged(table, parts) for record in part]) == whole


@pytest.mark.parametrize("seed", range(10))
def test_neither_the_order_of_blocks_nor_their_size_counts(seed, monkeypatch):
    table = random_table(seed)
    expected = exchanged(table, 4)
    monkeypatch.setattr(post_parts, "BUFFER_BYTES", 100)
    assert exchanged(table, 4, order=lambda blocks: blocks[::-1]) == expected


@pytest.mark.parametrize("seed", range(10))
def test_a_part_that_is_done_again_alone_gives_the_same(seed):
    table = random_table(seed)
    everything = exchanged(table, 5)
    assert exchanged(table, 5, wanted=[2, 4]) == [everything[1], everything[3]]


def test_only_wanted_parts_are_sent_text():
    file = replace(RawFile.of_bytes("a/Posts.xml", random_table(3)), parts=5)
    sent = {part for part, judged, _ in send(file, SETTINGS, [2]) if not judged}
    assert sent <= {2}


def test_of_two_rows_with_one_id_in_different_parts_the_first_is_read():
    answers = [f'<row Id="9" PostTypeId="2" ParentId="{parent}" Body="to {parent}" />' for parent in (1, 2, 3)]
    questions = [f'<row Id="{n}" PostTypeId="1" Title="t" />' for n in (1, 2, 3)]
    table = ("<posts>" + "".join([*questions, *answers]) + "</posts>").encode()
    assert len({part_of(n, 50) for n in (1, 2, 3)}) == 3
    records = [record for part in exchanged(table, 50) for record in part]
    assert [record.reason for record in records if isinstance(record, BadRecord)] == ["repeated_id", "repeated_id"]
    assert sorted(record.text.count("to ") for record in records if not isinstance(record, BadRecord)) == [0, 0, 1]


@given(st.integers(-(10**18), 10**18), st.integers(1, 1000))
def test_a_question_has_one_part(post, parts):
    assert 1 <= part_of(post, parts) <= parts


@pytest.mark.parametrize("step", [1, 2, 7, 16, 1000])
def test_questions_are_spread_evenly_whatever_step_their_ids_take(step):
    counts = np.bincount([part_of(n * step, 16) for n in range(1, 16_001)], minlength=17)[1:]
    assert 900 < counts.min() <= counts.max() < 1100


@pytest.mark.parametrize(
    ("name", "size", "parts"),
    [("a/Posts.xml", 100, 1), ("a/Posts.xml", 101, 2), ("a/Posts.xml", 0, 1), ("a.7z", 20, 1), ("a.7z", 21, 2)],
)
def test_how_many_parts_a_table_has_follows_from_its_size(name, size, parts):
    assert part_count(name, size, StackExchange(part_bytes=100)) == parts


def test_an_archive_is_read_by_its_first_part():
    assert (list(reading_parts("a.7z", 9)), list(reading_parts("a/Posts.xml", 3))) == ([1], [1, 2, 3])
