"""The key that most documents have is named, and its group set against the others."""

import pytest

from pipeline.planning.hot_keys import HotKey, hottest


def key(**changes):
    figures = {"documents": 5, "of_documents": 10, "key_bytes": 100.0, "even_bytes": 100.0} | changes
    return HotKey(stage="dedup", source="c4", shown="a", **figures)


@pytest.mark.parametrize("key_bytes, times, is_hot", [(0.0, 1.0, False), (99.0, 1.99, False), (100.0, 2.0, True)])
def test_a_key_is_hot_whose_group_is_twice_another(key_bytes, times, is_hot):
    found = key(key_bytes=key_bytes)
    assert (found.times, found.is_hot) == (times, is_hot)
    assert found.to_json()["is_hot"] == is_hot


def test_where_nothing_is_sent_no_group_is_larger():
    assert key(even_bytes=0.0).times == 1


def found_in(planned, source, **sent):
    return {key.stage: key for key in hottest(planned.held.run, source, 4, 3.0, sent)}


def test_the_line_that_most_pages_have_is_shown(planned):
    found = found_in(planned, "commoncrawl", dedup=1e6)["dedup"]
    assert found.shown == "All rights reserved. No part of this site may be copied."
    assert 10 < found.documents < found.of_documents
    assert not found.is_hot  # A unit sends a line twice at most: 8 units, 16 bytes each.


def test_a_stage_that_sends_nothing_has_no_key(planned):
    assert found_in(planned, "commoncrawl") == {}
    assert found_in(planned, "arxiv", dedup=1.0) == {}
