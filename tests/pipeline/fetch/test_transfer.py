"""Versions of a remote file are told apart by what both sides know."""

import pytest

from pipeline.fetch.transfer import BusyError, Version


@pytest.mark.parametrize(
    "version, condition",
    [
        (Version(), ""),
        (Version(etag='"a"', modified="Mon"), '"a"'),
        (Version(etag='W/"a"', modified="Mon"), "Mon"),
        (Version(etag='W/"a"'), ""),
    ],
)
def test_a_range_is_asked_for_under_a_strong_tag_or_a_date(version, condition):
    assert version.condition == condition


@pytest.mark.parametrize(
    "one, other, differs",
    [
        (Version(etag='"a"'), Version(etag='"b"'), True),
        (Version(etag='"a"', modified="Mon"), Version(etag='"a"', modified="Tue"), False),
        (Version(modified="Mon"), Version(modified="Tue"), True),
        (Version(etag='"a"'), Version(modified="Tue"), False),
        (Version(etag='"a"'), Version(), False),
    ],
)
def test_versions_differ_where_both_say_so(one, other, differs):
    assert one.differs(other) == other.differs(one) == differs


def test_a_version_is_kept_as_json():
    assert Version(etag='"a"', modified="Mon").to_json() == {"etag": '"a"', "modified": "Mon"}


def test_a_busy_server_may_say_how_long():
    assert (BusyError("x").wait_seconds, BusyError("x", 7).wait_seconds) == (0, 7)
