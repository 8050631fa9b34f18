"""A chapter's HTML becomes its paragraphs; notes, page numbers and menus go."""

import time
from contextlib import suppress

import pytest

from filters.book_html import MAX_DEPTH, book_html_to_text
from filters.html_text import NestedTooDeeplyError


@pytest.mark.parametrize(
    "html, text",
    [
        ("", ""),
        ("plain words", "plain words"),
        ("<h2>CHAPTER I</h2><p>It was\na dark\nnight.</p><p>Then.</p>", "CHAPTER I\n\nIt was a dark night.\n\nThen."),
        ("<div class='poem'><span>One</span><br/><span>Two</span></div>", "One\nTwo"),
        ("<blockquote><p>He said.</p></blockquote>", "He said."),
        ("<ul><li>one</li><li>two</li></ul>", "* one\n* two"),
        ("<ol start='3'><li>three</li></ol>", "3. three"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a | b"),
        ("<pre>one\n  two</pre>", "one\n  two"),
        ("<p><span>a</span></p><pre>one\n  two</pre>", "a\n\none\n  two"),
        ("M<sup>r</sup> Smith, 10<sup>2</sup>", "Mr Smith, 10²"),
        ("<sup>4</sup>He is helium.", "⁴He is helium."),
        ("Tom &amp; Jerry &lt;x&gt; caf&eacute;", "Tom & Jerry <x> café"),
        ("<p>one<hr/>two</p>", "one\n\ntwo"),
        ("<p>one</p><!-- two --><p>three</p>", "one\n\nthree"),
        ("<p>a\0b</p>", "ab"),
    ],
)
def test_what_a_reader_reads_stays(html, text):
    assert book_html_to_text(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<head><title>T</title></head>",
        "<style>p {}</style>",
        "<script>x()</script>",
        "<nav epub:type='toc'><ol><li>One</li></ol></nav>",
        "<span class='pagenum' id='Page_3'>[Pg 3]</span>",
        "<span epub:type='pagebreak' title='3'>3</span>",
        "<span role='doc-pagebreak'>3</span>",
        "<a class='fnanchor' href='#f1'>[1]</a>",
        "<a epub:type='noteref' href='notes.xhtml#n1'>1</a>",
        "<a href='#Footnote_1_1'>[1]</a>",
        "<a href='#fn2'><sup>2</sup></a>",
        "<sup><a href='#fn2'>[A]</a></sup>",
        "<a href='#note'>*</a>",
        "<a href='#top'>¶</a>",
        "<aside epub:type='footnote'><p>A note.</p></aside>",
        "<section class='footnotes'><p>A note.</p></section>",
        "<div class='footnote'>A note</div>",
        "<div role='doc-endnotes'>A note</div>",
        "<div class='toc'>I. 1</div>",
        "<div id='toc'>I. 1</div>",
        "<div role='navigation'>next</div>",
        "<div class='transnote'>Spelling was kept.</div>",
        '<div class = "mynote"><p>This text includes characters.</p></div>',
        "<a class = 'tag' name\n= 'tag1' href = '#note1'>1</a>",
        "<div hidden='hidden'>x</div>",
        "<svg><text>x</text></svg>",
        "<img alt='A ship' src='a.png'/>",
    ],
)
def test_what_leads_elsewhere_goes(html):
    assert book_html_to_text(f"<p>One</p>{html}<p>Two</p>") == "One\n\nTwo"


@pytest.mark.parametrize(
    "html, text",
    [
        ("<a href='#chapter'>Chapter One</a>", "Chapter One"),
        ("<a href='http://x.org'>[1]</a>", "[1]"),
        ("<p class='footnoted'>x</p>", "x"),
        ("<p>[12] and 13</p>", "[12] and 13"),
        ("<p>19<sup>th</sup></p>", "19th"),
        ("<section class='chapter' id='contents-of-the-box'>x</section>", "x"),
    ],
)
def test_what_only_looks_so_stays(html, text):
    assert book_html_to_text(html) == text


@pytest.mark.parametrize("html", ["<p><a id='p1'/>One</p><title/><p>Two</p>", "<p><i/>One</p><script/><p>Two</p>"])
def test_elements_that_close_at_once_swallow_nothing(html):
    assert book_html_to_text(f"<?xml version='1.0'?>\n<html>{html}</html>") == "One\n\nTwo"


@pytest.mark.parametrize("levels, fine", [(MAX_DEPTH - 20, True), (MAX_DEPTH + 1, False)])
def test_depth_is_bounded(levels, fine):
    html = "<div>" * levels + "x"
    if fine:
        assert book_html_to_text(html) == "x"
    else:
        with pytest.raises(NestedTooDeeplyError):
            book_html_to_text(html)


@pytest.mark.parametrize(
    "piece", ["x", "<p>", "<a href='#'>1</a>", "<a/", "&amp;", "<sup>", "</div>", "<!--", "<i a='"]
)
def test_hostile_pages_take_bounded_time(piece):
    before = time.process_time()
    with suppress(NestedTooDeeplyError):
        book_html_to_text(piece * (500_000 // len(piece)))
    assert time.process_time() - before < 10
