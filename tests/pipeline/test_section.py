"""What all tables of a recipe share: they refuse unknown keys and other types, and never change."""

import pytest
from pydantic import ValidationError

from mixtures.llama1 import TABLE
from pipeline.section import SOURCES, WIKIPEDIA_LANGUAGES, Count, Fraction, Positive, Section


class Table(Section):
    share: Fraction = 0.5
    pieces: Positive = 1
    bound: Count = 0


@pytest.mark.parametrize(
    "key, good, bad", [("share", 1.0, 1.01), ("share", 0.0, -0.01), ("pieces", 1, 0), ("bound", 0, -1)]
)
def test_numbers_are_held_to_their_bounds(key, good, bad):
    assert getattr(Table(**{key: good}), key) == good
    with pytest.raises(ValidationError, match=key):
        Table(**{key: bad})


@pytest.mark.parametrize("wrong", [{"pieces": "1"}, {"pieces": 1.0}, {"peices": 1}])
def test_another_type_or_key_is_refused(wrong):
    with pytest.raises(ValidationError):
        Table(**wrong)


def test_a_table_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Table().pieces = 2


def test_the_papers_sources_come_first_in_its_order_and_there_are_twenty_languages():
    assert SOURCES[:7] == tuple(row.source for row in TABLE)
    assert (len(set(SOURCES)), len(set(WIKIPEDIA_LANGUAGES))) == (len(SOURCES), 20)
