"""Markup that is deep, long or broken on purpose takes bounded time and room."""

import pytest

from filters.html_page import MAX_DEPTH, MAX_MARKS
from filters.html_text import NestedTooDeeplyError, html_to_text


def test_depth_is_bounded_on_both_sides():
    for tag in ("b", "div", "ul", "blockquote", "sup"):
        opened, closed = f"<{tag}>" * MAX_DEPTH, f"</{tag}>" * MAX_DEPTH
        assert html_to_text(f"{opened}x{closed}").endswith("x")
        with pytest.raises(NestedTooDeeplyError):
            html_to_text(f"<i>{opened}x{closed}")


def test_half_a_million_open_tags_are_refused_at_once():
    with pytest.raises(NestedTooDeeplyError):
        html_to_text("<b>" * 500_000 + "</i>" * 500_000)


def test_marks_of_deep_quotes_do_not_multiply_the_text():
    text = html_to_text("<blockquote>" * 200 + "<br>".join("x" * 100))
    assert text.splitlines()[0] == "> " * MAX_MARKS + "x"
    assert len(text) < 100 * (2 * MAX_MARKS + 2)


HOSTILE = ["<a ", "<!--", "&", "</", "<a b='", "<li>x", "<td>x", "<script>", "&#1", "<p>", "</ul>", "<sup>2</sup>"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markup_takes_time_in_proportion(piece):
    assert len(html_to_text(piece * 200_000)) <= 3 * len(piece) * 200_000


@pytest.mark.parametrize("tag", ["b", "div", "ul", "blockquote", "sup", "template", "x"])
def test_ten_thousand_open_elements_are_refused(tag):
    with pytest.raises(NestedTooDeeplyError):
        html_to_text(f"<{tag}>" * 10_000)


@pytest.mark.parametrize("tag", ["p", "li", "td", "dd", "img", "option"])
def test_elements_that_need_no_end_tag_are_not_open_for_ever(tag):
    assert html_to_text(f"<{tag}>x" * 10_000).count("x") == 10_000


def test_a_line_or_an_attribute_of_ten_megabytes_passes():
    assert len(html_to_text("x" * 10_000_000)) == 10_000_000
    assert html_to_text(f"<a b='{'y' * 10_000_000}'>x") == "x"


def test_a_tag_of_a_hundred_thousand_attributes_is_one_tag():
    assert html_to_text("<ol " + " ".join(f"a{n}={n}" for n in range(100_000)) + " start=4><li>x") == "4. x"
