import numpy as np
import pytest

from filters.html_markup import UNENDED, comment_end, element, end_tag_of_dropped, is_blank, is_letter, tag_end
from filters.html_tags import CODE, INLINE, NUMBERS, tables


def given(text: str):
    values = np.frombuffer(text.encode(), np.uint8)
    return values, len(values)


def test_blanks_and_letters_are_those_of_ascii():
    assert [byte for byte in range(256) if is_blank(byte)] == [9, 10, 11, 12, 13, 32]
    assert bytes(byte for byte in range(256) if is_letter(byte)).decode().lower() == 2 * "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "comment",
    [
        "!-- a -->",
        "!-->",
        "!--->",
        "!---->",
        "!----!>",
        "!-- a --!>",
        "!--a>b-->",
        "!-- -- > -->",
        "!DOCTYPE x>",
        "!x-a>",
        "?x>",
        "/1>",
    ],
)
def test_a_comment_ends_where_browsers_end_it(comment):
    values, end = given(f"<{comment}rest")
    assert comment_end(values, 1, end) == len(comment) + 1


@pytest.mark.parametrize("comment", ["!--", "!-- a", "!-- a --", "!-- a --!", "!--!>", "!---!>", "!x", "?", "/ x"])
def test_a_comment_that_never_ends_takes_all(comment):
    values, end = given(f"<{comment}")
    assert comment_end(values, 1, end) == end


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("pre>", CODE, 3),
        ("PRE ", CODE, 3),
        ("ol/", NUMBERS, 2),
        ("prex>", INLINE, 4),
        ("pr", INLINE, 2),
        ("o\0l>", INLINE, 3),
    ],
)
def test_a_name_ends_at_a_blank_a_slash_or_the_tags_end(name, kind, size):
    values, end = given(f"<{name}")
    assert element(values, 1, end, tables()) == (kind, size + 1)


@pytest.mark.parametrize(
    ("attributes", "size", "closed", "number"),
    [
        (">", 1, 0, 1),
        (" />", 3, 1, 1),
        ("/ >", 3, 0, 1),
        (" a=x/>", 6, 0, 1),
        (" a='>' b=\">\">", 13, 0, 1),
        (" a = '>'>", 9, 0, 1),
        (" a=>b", 4, 0, 1),
        (" =a='>'>", 8, 0, 1),
        (" start=5>", 9, 0, 5),
        (' START = "-6"/>', 15, 1, -6),
        (" start=2 start=3>", 17, 0, 2),
        (" start start=3>", 15, 0, 3),
        (" start='' start=3>", 18, 0, 1),
        (" starts=4 tart=4>", 17, 0, 1),
        (" start=999999999>", 17, 0, 999999999),
        (" start=1234567890>", 18, 0, 1),
        (" start=->", 9, 0, 1),
        (" start=4x>", 10, 0, 1),
    ],
)
def test_a_tag_ends_outside_of_its_values_and_may_have_a_number(attributes, size, closed, number):
    values, end = given(attributes + "rest>")
    assert tag_end(values, 0, end, tables()) == (size, closed, number)


@pytest.mark.parametrize("attributes", ["", " ", " a", " a=", " a='>", ' a=">"', " a='x' /"])
def test_a_tag_that_never_ends_has_no_place_behind_it(attributes):
    values, end = given(attributes)
    assert tag_end(values, 0, end, tables())[0] == UNENDED


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x</script>", 1),
        ("x</SCRIPT >", 1),
        ("</script/", 0),
        ("</scripts></script>", 10),
        ("</scrip></script\n>", 8),
        ("</script", 8),
        ("< /script>", 10),
        ("", 0),
    ],
)
def test_what_is_dropped_ends_at_its_own_end_tag(text, place):
    values, end = given("<script>" + text)
    assert end_tag_of_dropped(values, 1, 8, end) == place + 8
