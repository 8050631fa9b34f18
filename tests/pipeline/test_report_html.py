import base64
import hashlib

import pytest
from lxml import html as lxml_html

from pipeline.report_html import (
    LABEL_BYTES,
    TEXT_BYTES,
    Html,
    beginning,
    document,
    element,
    joined,
    quoted,
    table,
    visible,
)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain text\nof two lines\t!", "plain text\nof two lines\t!"),
        ("nul \x00 here", "nul ⟨U+0000⟩ here"),
        ("turned \u202egnp.exe", "turned ⟨U+202E⟩gnp.exe"),
        ("isolated \u2066x\u2069", "isolated ⟨U+2066⟩x⟨U+2069⟩"),
        ("half \ud800", "half ⟨U+D800⟩"),
        ("no character \ufdd0 \U000fffff", "no character ⟨U+FDD0⟩ ⟨U+FFFFF⟩"),
        ("line \u2028 separator", "line ⟨U+2028⟩ separator"),
        ("می‌خواهم Ärger 日本", "می‌خواهم Ärger 日本"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_code_point(text, shown):
    assert visible(text) == shown


def test_text_is_escaped_and_markup_is_not():
    assert element("p", '<b> & "x"', element("b", "y")) == "<p>&lt;b&gt; &amp; &quot;x&quot;<b>y</b></p>"


def test_attributes_are_escaped_and_python_names_become_html_names():
    made = element("a", "x", href='"><script>', class_="soft", aria_label="y", tabindex=0)
    assert made == '<a href="&quot;&gt;&lt;script&gt;" class="soft" aria-label="y" tabindex="0">x</a>'


def test_joining_elements_gives_markup_that_is_not_escaped_again():
    both = joined([element("i", "1"), element("i", "2")])
    assert isinstance(both, Html)
    assert element("p", both) == "<p><i>1</i>\n<i>2</i></p>"


def test_a_table_heads_its_columns_and_its_rows():
    tree = lxml_html.fromstring(table("A table", ("name", "count", "why"), [("<x>", "1", "so")], numbers=1))
    assert tree.xpath("//caption/text()") == ["A table"]
    assert tree.xpath("//thead//th[@scope='col']/text()") == ["name", "count", "why"]
    assert tree.xpath("//tbody//th[@scope='row']/text()") == ["<x>"]
    assert tree.xpath("//td[@class='number']/text()") == ["1"]
    assert tree.xpath("//td[@class='text']/text()") == ["so"]


def test_a_row_that_does_not_fit_its_headings_is_a_bug():
    with pytest.raises(ValueError):
        table("A table", ("name", "count"), [("a", "1", "2")])


def test_a_page_may_fetch_and_run_nothing():
    page = document("<title>", "p { color: red }", element("p", "text"))
    tree = lxml_html.document_fromstring(page)
    assert tree.xpath("//title/text()") == ["<title>"]
    assert tree.xpath("//meta[@http-equiv]/@content") == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert tree.get("lang") == "en"
    assert page.startswith("<!doctype html>")


def test_a_page_with_a_script_may_run_this_one_alone():
    page = document("t", "", element("p", "text"), 'console.log("</p>")')
    policy = lxml_html.document_fromstring(page).xpath("string(//meta[@http-equiv]/@content)")
    digest = base64.b64encode(hashlib.sha256(b'console.log("</p>")').digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert '<script>console.log("</p>")</script>' in page


def test_an_element_without_content_has_no_end():
    assert element("input", type="range", value=3) == '<input type="range" value="3">'


@pytest.mark.parametrize(
    "text, most, shown",
    [("abc", 3, "abc"), ("abcd", 3, "abc"), ("é" * 4, 4, "éé"), ("a<b", 5, "a<"), ("a\x00b", 9, "a")],
)
def test_the_beginning_of_a_text_takes_no_more_bytes_than_it_may(text, most, shown):
    assert beginning(text, most) == shown


def test_a_document_is_quoted_with_its_title_where_it_has_one():
    about = element("p", "so it is")
    assert quoted("", about, "<text>") == '<blockquote><p>so it is</p><pre dir="auto">&lt;text&gt;</pre></blockquote>'
    whole = lxml_html.fromstring(quoted("t" * 999, about, "z" * 9999))
    assert whole.xpath("string(.//bdi)") == "t" * LABEL_BYTES
    assert whole.xpath("string(.//pre)") == "z" * TEXT_BYTES
