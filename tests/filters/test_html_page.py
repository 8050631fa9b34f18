import numpy as np
import pytest

from filters.html_page import (
    FINE,
    MAX_DEPTH,
    NESTED_TOO_DEEPLY,
    OUT_OF_ROOM,
    Page,
    begin,
    empty_page,
    end_line,
    open_cell,
    open_element,
    part,
    pop,
)
from filters.html_tags import BULLETS, CODE, ITEM, NUMBERS, QUOTE, RAISED, tables


def new_page(room: int = 1000) -> Page:
    page = empty_page(100, np.zeros(room, np.uint8))
    begin(page, 0, 100)
    return page


def put(page: Page, text: str) -> None:
    for byte in text.encode():
        page.line[page.state[0]["line_bytes"]] = byte
        page.state[0]["line_bytes"] += 1


def written(page: Page) -> str:
    return bytes(page.out[: page.state[0]["out_bytes"]]).decode()


def test_lines_are_written_without_blanks_and_no_break_spaces_at_their_ends():
    page = new_page()
    for text in ("a \t\r\n\x0b\x0c", "b\u00a0 \u00a0", "\u00a0", "à", "c\u00a0d"):
        put(page, text)
        end_line(page, False)
    assert written(page) == "a\nb\nà\nc\u00a0d\n"


@pytest.mark.parametrize(("keep", "text"), [(True, "a\n\nb\n"), (False, "a\nb\n")])
def test_an_empty_line_parts_what_surrounds_it_where_it_is_kept(keep, text):
    page = new_page()
    for line in ("", "a", "", "", "b", ""):
        put(page, line)
        end_line(page, keep)
    assert written(page) == text


def test_empty_lines_count_between_lines_of_code():
    page = new_page()
    open_element(page, CODE, 0)
    for line in ("", " a", "", "", " b", ""):
        put(page, line)
        end_line(page, True)
    pop(page, tables())
    put(page, "c")
    end_line(page, True)
    assert written(page) == " a\n\n\n b\n\nc\n"


def test_marks_stand_before_each_line_and_numbers_count_on():
    page = new_page()
    open_element(page, QUOTE, 0)
    open_element(page, NUMBERS, 9)
    for text in ("x", "y"):
        open_element(page, ITEM, 0)
        put(page, text)
        part(page)
        put(page, "more")
        pop(page, tables())
    assert written(page) == "> 9. x\n>\n>    more\n> 10. y\n>\n>     more\n"


def test_a_list_within_a_list_is_not_parted_from_it():
    page = new_page()
    for kind, text in ((BULLETS, ""), (ITEM, "a"), (BULLETS, ""), (ITEM, "b")):
        open_element(page, kind, 0)
        put(page, text)
    for _ in range(4):
        pop(page, tables())
    put(page, "c")
    end_line(page, False)
    assert written(page) == "* a\n  * b\n\nc\n"


def test_cells_are_parted_by_bars_and_empty_ones_at_the_end_go():
    page = new_page()
    for text in ("", "a", "", "|b|", "", ""):
        open_cell(page)
        put(page, text)
    end_line(page, False)
    put(page, "a |")
    end_line(page, False)
    assert written(page) == "| a | | |b|\na |\n"


@pytest.mark.parametrize(
    ("text", "raised"), [("2", "²"), ("−12", "⁻¹²"), ("n", "ⁿ"), ("2a", "^(2a)"), ("é", " é"), ("", "")]
)
def test_a_part_of_a_line_is_raised_where_each_character_can_be(text, raised):
    page = new_page()
    put(page, "x2")
    open_element(page, RAISED, 0)
    put(page, text)
    pop(page, tables())
    put(page, "z")
    end_line(page, False)
    assert written(page) == f"x2{raised}z\n"


@pytest.mark.parametrize(("depth", "status"), [(MAX_DEPTH, FINE), (MAX_DEPTH + 1, NESTED_TOO_DEEPLY)])
def test_so_many_elements_may_be_open(depth, status):
    page = new_page()
    for _ in range(depth):
        open_element(page, QUOTE, 0)
    assert page.state[0]["status"] == status


def test_a_page_says_when_it_is_full_and_can_be_begun_again():
    page = new_page(310)
    put(page, "x" * 50)
    end_line(page, False)
    put(page, "yy")
    end_line(page, False)
    assert (page.state[0]["status"], written(page)) == (OUT_OF_ROOM, "x" * 50 + "\n")
    begin(page, 0, 100)
    assert page.state[0]["status"] == FINE
