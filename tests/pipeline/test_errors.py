"""Errors travel between processes whole."""

import pickle

import pytest

from pipeline.errors import FatalError, SettingError, TokenmillError, or_fatal


@pytest.mark.parametrize("error", [SettingError("a"), FatalError("b")])
def test_an_error_survives_pickling(error):
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert isinstance(found, TokenmillError)


def test_text_that_cannot_be_trained_on_names_the_setting_to_change():
    def refuse():
        raise ValueError("no word")

    assert or_fatal(lambda: 1, "a.key") == 1
    with pytest.raises(FatalError, match=r"^no word; see a\.key$"):
        or_fatal(refuse, "a.key")
