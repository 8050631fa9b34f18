"""Every reason of a bad record is declared once, and given by some source."""

import pytest

from pipeline.corpora.bad_reasons import BAD_REASONS
from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.registry import CORPORA


def test_what_the_sources_give_is_what_is_declared():
    given = {reason for corpus in CORPORA.values() for reason in corpus.bad_reasons}
    assert given == set(BAD_REASONS)


def test_a_meaning_is_a_phrase():
    assert [meaning for meaning in BAD_REASONS.values() if not meaning or meaning.endswith(".")] == []


def test_a_record_has_no_other_reason():
    assert BadRecord(key="1", reason="binary").reason == "binary"
    with pytest.raises(ValueError, match=r"^out_of_luck is no reason of a bad record$"):
        BadRecord(key="1", reason="out_of_luck")
