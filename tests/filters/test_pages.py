"""Superseded pages go, cited ones are marked."""

import numpy as np
import pyarrow as pa
import pytest

from filters.batch import document_batch
from filters.dedup import identities
from filters.pages import DropRepeatedUrls, MarkCited
from filters.urls import url_keys


def pages(*urls):
    return document_batch(
        {"doc_id": str(row), "source": "commoncrawl", "origin": "", "text": "t", "url": url}
        for row, url in enumerate(urls)
    )


def winners(batch, *rows):
    pairs = zip(url_keys(batch.column("url").to_pylist())[list(rows)], identities(batch)[list(rows)], strict=True)
    return np.array(sorted(pairs), np.uint64)


def test_the_winner_of_an_address_stays_and_the_others_go():
    batch = pages("http://a.org/x", "https://www.a.org/x/", "http://b.org/", None)
    result = DropRepeatedUrls(winners=winners(batch, 1)).apply(batch)
    assert result.reason.to_pylist() == ["repeated_url", None, None, None]
    assert (result.batch, dict(result.counts)) == (batch, {})


def test_pages_without_an_address_are_nobodys_copies():
    batch = pages(None, "", "mailto:a@b.org", "not an address")
    rule = DropRepeatedUrls(winners=np.array([[0, 1]], np.uint64))
    assert DropRepeatedUrls().apply(batch).reason.null_count == 4
    assert rule.apply(batch).reason.null_count == 4


def test_addresses_are_compared_by_the_keys_given():
    batch = pages("a", "b")
    same = DropRepeatedUrls(
        winners=np.array([[7, identities(batch)[1]]], np.uint64), keys=lambda urls: np.full(len(urls), 7, np.uint64)
    )
    assert same.apply(batch).reason.to_pylist() == ["repeated_url", None]


def test_winners_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="winners must have 2 columns, got shape"):
        DropRepeatedUrls(winners=np.zeros((1, 3), np.uint64))


def test_cited_pages_are_marked_and_counted():
    batch = pages("http://a.org/x#top", "http://c.org/", None)
    cited = np.sort(url_keys(["https://a.org/x", "http://z.org/"]))
    result = MarkCited(cited_keys=cited).apply(batch)
    assert result.batch.column("cited").to_pylist() == [True, False, False]
    assert (dict(result.counts), result.reason.null_count) == ({"cited": 1}, 3)


@pytest.mark.parametrize("rule", [DropRepeatedUrls(), MarkCited()])
def test_no_pages_give_no_pages(rule):
    result = rule.apply(pages())
    assert (result.batch.num_rows, len(result.reason)) == (0, 0)
    assert result.reason.type == pa.string()
