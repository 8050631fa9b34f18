import pyarrow as pa
import pytest

from filters.html_text import NestedTooDeeplyError, html_to_text, htmls_to_texts
from tests.filters.html_specification import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("   \n ", ""),
        ("plain", "plain"),
        ("<p>One.</p>\n\n<p>Two.</p>", "One.\n\nTwo."),
        ("<p>one<br>\ntwo</p>", "one\ntwo"),
        ("<p>hard\nwrapped</p>", "hard\nwrapped"),
        ("<h2>Head</h2><p>body</p>", "Head\n\nbody"),
        ("<p>many   blanks\tto one</p>", "many blanks to one"),
        ('<p>a <a href="http://x.y">link</a> &amp; <em>more</em></p>', "a link & more"),
        ('<p>see <img src="x" alt="enter image description here"> it</p>', "see it"),
        ("<p>a</p><hr><p>b</p>", "a\n\nb"),
        ("<p>x</p><script>var y = '<p>';</script><style>p {}</style>", "x"),
        ("<p>kept</p><!-- language: lang-js --><p>too</p>", "kept\n\ntoo"),
        ("a\0b", "ab"),
    ],
)
def test_prose_becomes_paragraphs(html, text):
    assert html_to_text(html) == text


def test_code_keeps_its_indentation_and_its_blank_lines():
    html = "<p>Try:</p>\n\n<pre><code>def f(x):\n    if x &lt; 1:\n\n        return   x\n</code></pre>\n\n<p>Done.</p>"
    assert html_to_text(html) == "Try:\n\ndef f(x):\n    if x < 1:\n\n        return   x\n\nDone."


@pytest.mark.parametrize("formula", ["$x &lt; y_1^2$", "$$\\sum_{i=1}^n i$$", "\\(a &amp; b\\)"])
def test_maths_is_left_as_it_is_written(formula):
    spoken = formula.replace("&lt;", "<").replace("&amp;", "&")
    assert html_to_text(f'<p>So <span class="math-container">{formula}</span> holds.</p>') == f"So {spoken} holds."


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>L:</p><ul>\n<li>a</li>\n<li>b</li>\n</ul><p>end</p>", "L:\n\n* a\n* b\n\nend"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ('<ol start="9"><li>a</li><li>b</li></ol>', "9. a\n10. b"),
        ('<ol start="99999999999999"><li>a</li></ol>', "1. a"),
        ("<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul>", "* a\n  1. b\n  2. c\n* d"),
        ("<ol><li><p>a</p><p>more</p></li><li><p>b</p></li></ol>", "1. a\n\n   more\n2. b"),
        ("<ul><li></li><li>b</li></ul>", "* b"),
        ("<ul><li><ul><li>x</li></ul></li></ul>", "* * x"),
        ("<ul><li><pre><code>  x\n  y\n</code></pre></li></ul>", "*   x\n    y"),
        ("<li>stray</li>", "* stray"),
    ],
)
def test_lists_keep_their_marks_and_numbers(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<blockquote>\n<p>a</p>\n<p>b</p>\n</blockquote><p>c</p>", "> a\n>\n> b\n\nc"),
        ("<p>a</p><blockquote><p>b</p></blockquote>", "a\n\n> b"),
        ("<blockquote><blockquote>deep</blockquote>less</blockquote>", "> > deep\n>\n> less"),
        ("<blockquote><ul><li>x</li></ul></blockquote>", "> * x"),
    ],
)
def test_quotes_are_marked_on_every_line(html, text):
    assert html_to_text(html) == text


def test_a_table_has_a_line_a_row():
    html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert html_to_text(html) == "a | b\n1 | 2"


@pytest.mark.parametrize("html", ["<p>x<b>y", "</p>x</ul>y</li>", "<p <b>xy", "<ul><p><li>xy", "x<pre>y", "xy<title>"])
def test_broken_markup_still_gives_text(html):
    assert html_to_text(html).replace("\n", "").replace(" ", "") in ("xy", "*xy", "y")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<dl><dt>term</dt><dd>meaning</dd></dl>", "term\nmeaning"),
        ("<p>a</p><ul><li>b</li></ul><p>c</p><ul><li>d</li></ul>", "a\n\n* b\n\nc\n\n* d"),
        ("<pre><code>a\n</code></pre><pre><code>b\n</code></pre>", "a\n\nb"),
        ("<blockquote><pre><code>x\n  y\n</code></pre></blockquote>", "> x\n>   y"),
        ("<p>2<sup>nd</sup> H<sub>2</sub>O <kbd>Ctrl</kbd></p>", "2nd H₂O Ctrl"),
        ("<p>10<sup>9</sup> m<sup>-2</sup>, x<sup>i+1</sup></p>", "10⁹ m⁻², x^(i+1)"),
        (
            "O(n<sup>k</sup>) (a+b)<sup>n-k</sup> a<sub>i</sub> a<sub>i+1</sub> x<sub>max</sub>",
            "O(n^k) (a+b)^(n-k) a_i a_(i+1) x_max",
        ),
        ("1<sup>er</sup> XIX<sup>e</sup> Sm<sup>*</sup> so.<sup>[1]</sup> (<sup>k</sup>)", "1er XIXe Sm* so.[1] (k)"),
        (
            "so.<sup><a>wiki</a></sup> 2014<sup>PDF</sup> so.<sup>Q</sup> so<sub>a b</sub>",
            "so. wiki 2014 PDF so. Q so a b",
        ),
        ("<sup>a<br>b</sup><sub></sub>c<sup>2", "a\nbc²"),
        ("xy<sup>a<br>2</sup>3", "xya\n²3"),
        ("<p>« mot&nbsp;»</p>", "« mot\u00a0»"),
        ("<p>&lt;b&gt; &amp;amp; &#x41;&hellip;</p>", "<b> &amp; A…"),
        ("<p>a<br><br>b</p>", "a\n\nb"),
        ("<p>a<br><img><br><img><br><br>b</p>", "a\n\nb"),
        ("<p>a\n<br>b\n \n<br />\nc\n<br><br>d<br>\ne</p>", "a\nb\nc\n\nd\ne"),
        ("<p>a\n<b><br>b</b>\nc\n<p><br>d", "a\nb\nc\n\nd"),
        ("<pre>a\n<br>b</pre>", "a\n\nb"),
        ("<p>a<br>\n&nbsp;\n&nbsp;<br>\nb<br><br></p><p>&nbsp;</p><p>c</p>", "a\n\nb\n\nc"),
        ("<blockquote>a<br><br><br>b</blockquote>", "> a\n>\n> b"),
    ],
)
def test_smaller_elements_read_as_they_look(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize("tag", "p div h1 h2 h3 h4 h5 h6 dl section header footer".split())
def test_an_element_of_a_block_is_a_paragraph_of_its_own(tag):
    assert html_to_text(f"a<{tag}>b</{tag}>c") == "a\n\nb\n\nc"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<hr>b", "a\n\nb"),
        ("a<table><tr><td>b</td></tr></table>c", "a\n\nb\n\nc"),
        ("a<table>b</table>c", "a\n\nb\n\nc"),
        ("a<dt>b</dt>c", "a\nb\nc"),
        ("a<dd>b</dd>c", "a\nb\nc"),
    ],
)
def test_rules_tables_and_terms_have_lines_of_their_own(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize("tag", ["script", "style", "template"])
def test_an_element_that_nobody_sees_leaves_nothing(tag):
    assert html_to_text(f"a<{tag}>b</{tag}>c") == "ac"


@pytest.mark.parametrize("tag", "a b i em strong span code kbd del ins s strike abbr cite q small big tt x".split())
def test_an_element_within_a_line_leaves_its_words(tag):
    assert html_to_text(f"<p>a<{tag} title='x'>b</{tag}>c</p>") == "abc"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li><p>a</p></li></ul><p>b</p>", "* a\n\nb"),
        ("<ul><li>a<p>b</p></li><li>c</li></ul>", "* a\n\n  b\n* c"),
        ("<ul><li>a<pre>b</pre></li></ul>", "* a\n\n  b"),
        ("<ol><li>a</li></ol><ol><li>b</li></ol>", "1. a\n\n1. b"),
        ('<ol start="-1"><li>a</li><li>b</li></ol>', "-1. a\n0. b"),
        ('<ol start="x"><li>a</li></ol>', "1. a"),
        ('<ol start="999999999"><li>a</li></ol>', "999999999. a"),
        ("<ol><li>a<ol><li>b</li></ol></li><li>c</li></ol>", "1. a\n   1. b\n2. c"),
        ("<ol><li>a<blockquote>b</blockquote></li></ol>", "1. a\n\n   > b"),
        ("<ul><li>a</li></ul>b", "* a\n\nb"),
        ("x<li></li><p>y</p>", "x\n\ny"),
        ("<p>a<ul><li>b</li></ul>c", "a\n\n* b\n\nc"),
    ],
)
def test_lists_part_from_what_surrounds_them(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<table><tr><td></td><td>b</td></tr></table>", "| b"),
        (
            "<tr>\n<td>a</td>\n<td>b\nc</td>\n<td></td>\n<td> </td>\n</tr>\n<tr>\n<td></td>\n<td></td></tr>x\ny",
            "a | b c\nx\ny",
        ),
        ("<tr><td>a |<td>|b|<td>&nbsp;<td></tr>", "a | | |b|"),
        ("x<td>y<td></td></tr>\nz", "x | y\nz"),
        ("<tr><td>a<br>b</td>\n<td>c</td>\n</tr>\nd", "a b | c\nd"),
        ("<tr><td><p>a</p></td>\n<td><pre>b\nc</pre></td>\n<td>d</td></tr>", "a\n\nb\nc\n\nd"),
        ("<table><tr><td>a</td><td></td><td>c</td></tr></table>", "a | | c"),
        ("<p>x</p><table><tr><td>a</td></tr><tr><td>b</td></tr></table><p>y</p>", "x\n\na\nb\n\ny"),
    ],
)
def test_the_cells_of_a_row_stand_in_one_line(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<pre>a\n\n\nb</pre>", "a\n\n\nb"),
        ("<pre>  a  </pre>", "  a"),
        ("<pre>\ta</pre>", "\ta"),
        ("<p>\ta\n  b</p>", "a\nb"),
        ("<pre>a<br>b</pre>", "a\nb"),
        ("<pre>\n\n  a\n\n\n</pre>b", "  a\n\nb"),
        ("<pre>a\r\n\r\n b\rc</pre>", "a\n\n b\nc"),
        ("<ul><li>x<br><br></li><li>y</li></ul>", "* x\n* y"),
        ("a<pre>b</pre>c", "a\n\nb\n\nc"),
        ("<pre>a</pre><p>b   c</p>", "a\n\nb c"),
        ("<pre>a<pre>  b</pre>  c</pre>d   e", "a\n\n  b\n\n  c\n\nd e"),
    ],
)
def test_blanks_and_line_ends_count_in_code_alone(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a < b, a<1, c<", "a < b, a<1, c<"),
        ("x</>y</1>z<?php a ?>w<!doctype html>v", "xyzwv"),
        ("a<!-->b<!--->c<!-- > -- -->d<!----!>e<!--", "abcde"),
        ("x<a title='>' b=\">\" c=d/>y<br/>z", "xy\nz"),
        ("x<a href='unclosed>y</a>", "x"),
        ("x<b", "x"),
        ("<script/>x<style>y</styles></style >z<title>t</title>", "xz"),
        ("<SCRIPT>x</script>y<Title>never closed", "y"),
        ("<template>a<ul><li>b</template>c", "c"),
        ("<x-y>a</x-y><B>b</B>", "ab"),
        ("</p>a</b></ul></li></blockquote></pre>b", "ab"),
    ],
)
def test_tags_are_told_from_text_as_browsers_do(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("&lt;&LT;&lt&amp;lt;", "<<<&lt;"),
        ("&notin;&notit;&no;", "∉¬it;&no;"),
        ("&NotEqualTilde;&ngE;", "≂̸≧̸"),
        ("&#65;&#x42;&#X43&#68", "ABCD"),
        ("&#128;&#x9f;&#0;&#xD800;&#x110000;&#99999999999999999999;", "€Ÿ����"),
        ("a&#1;b&#xFFFE;c&#xFDD0;d&#11;e", "abcde"),
        ("&#x1F600; &;&#;&#x;&#xg; &", "😀 &;&#;&#x;&#xg; &"),
        ("a&Tab;&#32; b&NewLine;c&#10;d", "a b\nc\nd"),
    ],
)
def test_character_references_are_read_as_browsers_read_them(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol><li>a<ul><li>b</ol>c", "1. a\n   * b\n\nc"),
        ("<ul><li>a</ol></li>b", "* a\nb"),
        ("<blockquote>a<sup>2</blockquote>b</sup>", "> a²\n\nb"),
        ("<sup>a<blockquote>b</sup>c</blockquote>", "a\n\n> bc"),
        ("<ul><li><blockquote><li>b", "* > * b"),
    ],
)
def test_an_end_tag_closes_its_own_element_and_what_is_open_within(html, text):
    assert html_to_text(html) == text


def test_many_texts_are_laid_out_at_once_in_any_array():
    texts = ["<p>a", "", "<b>" * 300, "<ul><li>é", "<pre>  x"]
    expected, deep = ["a", "", "", "* é", "  x"], [False, False, True, False, False]
    for array in (pa.array(texts), pa.array(texts, pa.large_string()), pa.array(["x<i>", *texts, "y"])[1:6]):
        found, too_deep = htmls_to_texts(array)
        assert (found.to_pylist(), too_deep.tolist()) == (expected, deep)
    assert htmls_to_texts(pa.array([], pa.string()))[0].to_pylist() == []


def test_the_room_for_the_texts_grows_with_their_marks():
    source = "<blockquote>" * 8 + "<br>xyz" * 2_000
    found, _ = htmls_to_texts(pa.array(["<p>first", source, "<p>last"]))
    assert found.to_pylist() == ["first", text_of(source), "last"]
    assert len(found[1].as_py()) > 2 * len(source) + 5_000


@pytest.mark.parametrize(("lines", "is_read"), [(1120, True), (1130, False)])
def test_a_text_of_little_but_marks_is_nested_too_deeply(lines, is_read):
    source = "<ol start=999999999><li>" * 7 + "<br>x" * lines
    try:
        assert (html_to_text(source) == text_of(source)) == is_read
    except NestedTooDeeplyError:
        assert not is_read


def test_broken_bytes_of_a_string_become_question_marks():
    assert html_to_text("a\ud800b") == "a?b"
