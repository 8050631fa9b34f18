"""Errors travel between processes whole."""

import pickle

import pytest

from pipeline.errors import FatalError, SettingError, ShardError, TokenmillError, or_fatal


@pytest.mark.parametrize(
    "error", [SettingError("a"), FatalError("b"), ShardError("reason", "detail"), ShardError("reason")]
)
def test_an_error_survives_pickling(error):
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert isinstance(found, TokenmillError)


def test_a_shard_error_has_a_reason_and_a_detail():
    error = ShardError("unreadable", "no such block")
    assert (error.reason, error.detail, str(error)) == ("unreadable", "no such block", "unreadable: no such block")


def test_a_shard_error_may_have_no_detail():
    assert str(ShardError("unreadable")) == "unreadable"


def test_text_that_cannot_be_trained_on_names_the_setting_to_change():
    def refuse():
        raise ValueError("no word")

    assert or_fatal(lambda: 1, "a.key") == 1
    with pytest.raises(FatalError, match=r"^no word; see a\.key$"):
        or_fatal(refuse, "a.key")
