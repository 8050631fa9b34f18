"""Posts are joined to threads by their numbers, and of two with one id the first in the table is read."""

import itertools

import pytest

from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.post_store import PostStore
from pipeline.corpora.posts import BadRow, parse_row, read_row


def filled(*rows: str, **limits: int) -> PostStore:
    """A store of these rows, each of a hundred bytes; the first is at byte 0, the next at byte 100."""
    store = PostStore(**{"max_thread_bytes": 100_000} | limits)
    for number, attributes in enumerate(rows):
        found = read_row(number * 100, f"<row {attributes} />".encode(), 100, 10_000)
        if isinstance(found, BadRow):
            store.add_bad(found)
        else:
            store.add(number * 100, 100, found)
    store.finish()
    return store


def answer(number: int, parent: int, score: int) -> str:
    return f'Id="{number}" PostTypeId="2" ParentId="{parent}" Score="{score}"'


def test_answers_are_joined_by_number_and_not_by_spelling():
    store = filled(answer(2, 1, 9), answer(3, 1, 88), answer(4, 1, 10), answer(5, 1, -1), 'Id="1" PostTypeId="1"')
    assert [[post.id for post in thread] for thread in store.threads()] == [[1, 3, 4, 2, 5]]


def test_equal_scores_go_by_id():
    store = filled('Id="9" PostTypeId="1"', answer(12, 9, 5), answer(11, 9, 5), answer(100, 9, 5))
    assert [[post.id for post in thread] for thread in store.threads()] == [[9, 11, 12, 100]]


def test_what_belongs_to_no_question_stands_alone():
    store = filled('Id="1" PostTypeId="1"', answer(2, 7, 0), 'Id="3" PostTypeId="5"', answer(4, 3, 0), answer(5, 1, 0))
    assert [[post.id for post in thread] for thread in store.threads()] == [[1, 5], [2], [3], [4]]


FIRST = 'Id="1" PostTypeId="1" Title="first"'


def ids(store):
    return [[post.id for post in thread] for thread in store.threads()]


def test_each_row_that_is_lost_is_told():
    store = filled(FIRST, 'Id="1" PostTypeId="1" Title="second" Body="b"', 'Id="2"', answer(3, 1, 0), answer(3, 9, 0))
    assert [(bad.key, bad.reason, bad.size) for bad in store.bad_rows()] == [
        ("byte-100", "repeated_id", 100),
        ("byte-200", "malformed_row", 100),
        ("byte-400", "repeated_id", 100),
    ]
    assert next(store.bad_rows()).raw == b"second b"
    assert ids(store) == [[1, 3]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_first_in_the_table_is_read_in_whatever_order_rows_come(order):
    rows = [FIRST, answer(2, 1, 0), answer(2, 7, 0), 'Id="1" PostTypeId="1" Title="again"']
    store = PostStore(max_thread_bytes=1000)
    for number in order:
        store.add(number, 1, parse_row(f"<row {rows[number]} />".encode()))
    store.finish()
    ((question, reply),) = store.threads()
    assert (question.title, reply.id) == ("first", 2)
    assert [bad.key for bad in store.bad_rows()] == ["byte-2", "byte-3"]


def test_a_row_whose_id_came_elsewhere_is_bad_once():
    store = PostStore(max_thread_bytes=1000)
    for start, post in ((0, FIRST), (5, answer(2, 1, 0)), (9, answer(2, 1, 0))):
        store.add(start, 1, parse_row(f"<row {post} />".encode()))
    store.repeat([5])
    store.repeat([5, 9, 1234])
    store.finish()
    assert [bad.key for bad in store.bad_rows()] == ["byte-5", "byte-9"]
    assert ids(store) == [[1]]


def test_an_empty_store_has_nothing():
    store = filled()
    assert (list(store.threads()), list(store.bad_rows())) == ([], [])


@pytest.mark.parametrize(("limit", "fits"), [(9, True), (8, False)])
def test_a_thread_is_bounded(limit, fits):
    body = 'Body="xxx"'
    rows = (
        f'Id="1" PostTypeId="1" {body}',
        f"{answer(2, 1, 0)} {body}",
        f"{answer(3, 1, 0)} {body}",
        'Id="4" PostTypeId="1"',
    )
    first, second = filled(*rows, max_thread_bytes=limit).threads()
    assert isinstance(first, BadRecord) is not fits
    assert getattr(first, "reason", "thread_too_large") == "thread_too_large" or fits
    assert not isinstance(second, BadRecord)
