"""Beam flags are read as Beam's parser reads them."""

import pytest

from pipeline.engines.flags import is_given, value_of, values_of, without_given


@pytest.mark.parametrize(
    "flags, value",
    [
        (["--master=a"], "a"),
        (["--master", "a"], "a"),
        (["--master=a=b"], "a=b"),
        (["--master=a", "--master=b"], "b"),
        (["--master"], ""),
        (["--master", "--other=1"], ""),
        (["--master_url=a"], "none"),
        ([], "none"),
    ],
)
def test_the_last_value_of_a_flag_counts(flags, value):
    assert value_of(flags, "--master", "none") == value


def test_a_flag_that_is_given_twice_has_two_values():
    assert list(values_of(["--experiments=a", "--experiments", "b"], "--experiments")) == ["a", "b"]


def test_a_flag_that_stands_alone_is_given():
    assert is_given(["--save_main_session"], "--save_main_session")
    assert not is_given(["--save=1"], "--save_main_session")


def test_of_our_flags_those_stay_that_the_user_does_not_give():
    assert without_given(["--a=1", "--b=2"], ["--b=3"]) == ("--a=1",)
