"""Books are in the public domain, long enough, and without their wrappers."""

import pytest

from filters.batch import Filter
from filters.books import PUBLIC_DOMAIN, DropAlikeBooks, GutenbergWrapper, PublicDomain

HEADER = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nProduced by A\n\n"
FOOTER = "\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n"
BOOK = "CHAPTER I\n\nIt was a dark night."


def test_wrapper_filter_counts_what_it_did_not_find(documents):
    result = GutenbergWrapper().apply(documents(HEADER + BOOK, BOOK + FOOTER, ""))
    assert result.batch.column("text").to_pylist() == [BOOK, BOOK, ""]
    assert result.reason.to_pylist() == [None] * 3
    assert result.counts == {"header_not_found": 2, "footer_not_found": 2, "transcriber_notes": 0}


@pytest.mark.parametrize(
    "license, reason",
    [
        (PUBLIC_DOMAIN, None),
        ("Public domain", None),
        ("CC0-1.0", None),
        ("Public domain in Australia", "license_not_permitted"),
        ("Copyrighted", "license_not_permitted"),
        ("", "license_not_permitted"),
    ],
)
def test_copyrighted_books_go(documents, license, reason):
    result = PublicDomain().apply(documents("text", license=license))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {"license_not_known": 0})


@pytest.mark.parametrize("keep_unknown, reason", [(True, None), (False, "license_unknown")])
def test_what_becomes_of_unknown_rights_is_told(documents, keep_unknown, reason):
    result = PublicDomain(keep_unknown=keep_unknown).apply(documents("text", license=None))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {"license_not_known": 1})


def test_other_licences_can_be_named(documents):
    rule = PublicDomain(licenses=("CC-BY-4.0",))
    assert rule.apply(documents("text", license="CC-BY-4.0")).reason.to_pylist() == [None]
    assert rule.apply(documents("text", license=PUBLIC_DOMAIN)).reason.to_pylist() == ["license_not_permitted"]
    with pytest.raises(ValueError, match="licenses must name at least one licence"):
        PublicDomain(licenses=())


@pytest.mark.parametrize("rule", [PublicDomain(), GutenbergWrapper(), DropAlikeBooks()])
def test_rules_are_filters_and_take_an_empty_batch(documents, rule):
    assert isinstance(rule, Filter)
    assert len(rule.apply(documents()).reason) == 0


def test_books_with_an_earlier_one_alike_go(documents):
    result = DropAlikeBooks(dropped=frozenset(["1"])).apply(documents("a", "b", "c"))
    assert (result.reason.to_pylist(), result.counts) == ([None, "alike_earlier_book", None], {})
    assert DropAlikeBooks().apply(documents("a")).reason.to_pylist() == [None]
