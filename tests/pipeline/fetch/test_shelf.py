"""What is not finished lies hidden, and a record says what is."""

import pytest

from pipeline.fetch import shelf as shelves
from pipeline.fetch.shelf import Record, Shelf
from pipeline.fetch.transfer import Version
from pipeline.storage import Folder

NAME = "2019/a.wet.gz"
RECORD = Record(url="https://host/a", version=Version(etag='"x"'), size=4)


@pytest.fixture
def begun(shelf) -> Shelf:
    shelf.begin(NAME, RECORD)
    shelf.partial(NAME).write_bytes(b"1234")
    return shelf


def test_a_partial_file_is_found_by_no_pattern(begun):
    assert begun.partial_bytes(NAME) == 4
    assert Folder(str(begun.root)).glob("**/*") == []
    assert begun.done(NAME) is None


def test_a_published_file_is_done_and_the_partial_one_is_gone(begun):
    done = begun.publish(NAME, RECORD)
    assert (done.size, done.sha1, done.is_done) == (4, "7110eda4d09e062aa5e4a390b0a572ac0d2c0220", True)
    assert begun.done(NAME) == done
    assert begun.partial_bytes(NAME) == 0
    assert begun.read_record(NAME) == done


def test_a_file_begun_again_is_empty(begun):
    begun.begin(NAME, RECORD)
    assert begun.partial_bytes(NAME) == 0
    assert begun.read_record(NAME) == RECORD


def test_a_dropped_file_leaves_nothing(begun):
    begun.drop(NAME)
    assert (begun.partial_bytes(NAME), begun.read_record(NAME)) == (0, None)


@pytest.mark.parametrize("data, done", [(b"1234", True), (b"1235", False), (b"123", False)])
def test_a_file_of_another_time_is_done_while_its_bytes_are_the_same(begun, data, done):
    begun.publish(NAME, RECORD)
    begun.path(NAME).write_bytes(data)
    assert (begun.done(NAME) is not None) is done


def test_a_file_of_another_time_is_read_once(begun, monkeypatch):
    begun.publish(NAME, RECORD)
    begun.path(NAME).touch()
    assert begun.done(NAME)
    monkeypatch.setattr(shelves, "file_digest", None)
    assert begun.done(NAME)


def test_a_file_that_went_away_is_not_done(begun):
    begun.publish(NAME, RECORD)
    begun.path(NAME).unlink()
    assert begun.done(NAME) is None


def test_a_bad_file_lies_aside_with_its_reason(begun):
    aside = begun.put_aside(begun.partial(NAME), NAME, "bad_crc")
    assert aside == begun.root / ".fetch/quarantine" / NAME
    assert '"reason": "bad_crc"' in aside.with_name("a.wet.gz.json").read_text()
    assert begun.read_record(NAME) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": "x"}', '{"version": 3}', '{"version": {"no": 1}}'])
def test_a_record_that_cannot_be_read_is_none(begun, text):
    (begun.root / f".fetch/{NAME}.json").write_text(text)
    assert begun.read_record(NAME) is None
