"""A book is asked for under each name that texts have had."""

import pytest

from pipeline.errors import SettingError
from pipeline.fetch.gutenberg import folder, parse_list, plan


@pytest.mark.parametrize("number, path", [("12345", "1/2/3/4/12345"), ("84", "8/84"), ("5", "0/5"), ("10", "1/10")])
def test_a_folder_has_a_digit_a_level(number, path):
    assert folder(number) == path


def test_a_book_has_four_names_and_lies_under_one():
    [wanted] = plan("https://mirror/", ["1342"]).wanted
    assert wanted.name == "1342.txt"
    assert wanted.urls == (
        "https://mirror/1/3/4/1342/1342-0.txt",
        "https://mirror/1/3/4/1342/1342-8.txt",
        "https://mirror/1/3/4/1342/1342.txt",
        "https://mirror/cache/epub/1342/pg1342.txt",
    )


def test_a_book_is_fetched_once():
    assert [wanted.name for wanted in plan("https://mirror", ["84", "5", "84"]).wanted] == ["84.txt", "5.txt"]


@pytest.mark.parametrize("number", ["0", "07", "x", "-1", "1.5", "12345678", "../1"])
def test_what_is_no_number_is_a_wrong_setting(number):
    with pytest.raises(SettingError, match="--ids"):
        plan("https://mirror", [number])


@pytest.mark.parametrize(
    "text, numbers", [("84\n1342 # Pride\n\n#5\n", ["84", "1342"]), ("1, 2,3", ["1", "2", "3"]), ("", [])]
)
def test_a_list_is_numbers_with_remarks(text, numbers):
    assert parse_list(text) == numbers
