import random

import pyarrow as pa
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from filters.html_text import NestedTooDeeplyError
from filters.redpajama_thread import MAX_DEPTH, RedPajamaThread, redpajama_post, redpajama_text, soup_text
from filters.stackexchange import Post, thread_html


def question(title: str = "Why?", body: str = "<p>Tell.</p>") -> Post:
    return Post(kind="question", id=1, score=0, title=title, body=body)


def answer(number: int, score: int, body: str | None = None) -> Post:
    return Post(kind="answer", id=number, score=score, body=str(score) if body is None else body)


def test_scores_are_compared_as_text():
    posts = [question(), *(answer(at, score) for at, score in enumerate((88, 10, -1, 9, 0, -10, 100), start=2))]
    assert redpajama_text(posts).split("\nA: ")[1:] == ["9", "88", "100", "10", "0", "-10", "-1"]


def test_equal_scores_go_by_id():
    assert redpajama_text([question(), answer(9, 1, "nine"), answer(10, 1, "ten")]).endswith("\nA: nine\nA: ten")


def test_what_looks_like_a_tag_in_a_title_vanishes():
    assert redpajama_text([question("What is <language> & &lt;b&gt;?")]) == "Q: What is  & <b>? Tell."


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol>\n<li>a</li>\n<li>b</li>\n</ol>", "*\n\n*a\n\n*b\n"),
        ('<ol start="3"><li>a</li></ol>', "\n*a"),
        ("<ul>\n<li>a</li>\n</ul>", "\n\n*a\n"),
        ("<p>a</p>\n\n<p>b</p>\n", "a\nb\n"),
        ("<pre><code>if x:\n\n    y\n</code></pre>", "if x:\n\n    y\n"),
        ("<blockquote>\n  <p>q</p>\n</blockquote>", "\nq\n"),
        ("10<sup>9</sup><br>x<img alt='y'>", "109x"),
        ("<p>a</p>   <p>b</p>", "a b"),
        ("", ""),
    ],
)
def test_a_post_is_what_beautifulsoup_leaves_of_its_marked_lists(html, text):
    assert redpajama_post(html) == text


def test_a_post_without_text_stays():
    assert redpajama_text([question("", ""), answer(2, 0, "<img>"), answer(3, 0, "x")]) == "Q: \nA: \nA: x"


@pytest.mark.parametrize(
    ("posts", "reason"),
    [
        ([question()], None),
        ([], "not_a_question"),
        ([answer(2, 0)], "answer_without_question"),
        ([question(body="<b>" * 1000)], "nested_too_deeply"),
    ],
)
def test_each_thread_is_kept_or_has_its_reason(documents, posts, reason):
    raw = thread_html(posts)
    result = RedPajamaThread().apply(documents(raw))
    assert result.reason.to_pylist() == [reason]
    assert (result.batch.column("text")[0].as_py() == raw) == (reason is not None)


def test_answers_are_counted(documents):
    result = RedPajamaThread().apply(documents(thread_html([question(), answer(2, 3), answer(3, 20)]), ""))
    assert result.counts == {"answers": 2}
    assert result.batch.column("text").to_pylist() == ["Q: Why? Tell.\nA: 3\nA: 20", ""]
    assert result.reason.to_pylist() == [None, "not_a_question"]


def test_depth_is_bounded_on_both_sides():
    levels = MAX_DEPTH - 2  # html and body are open around it
    assert soup_text("<b>" * levels + "x") == "x"
    with pytest.raises(NestedTooDeeplyError):
        soup_text("<b>" * (levels + 1) + "x")


PIECES = """<p>|</p>|<b>|</b>|<ul>|<li>|</li>|<pre>|</pre>|<textarea>|</textarea>|<br>|<img/>|<rt>|</rt>|<script>
|</script>|<template>|</template>
|<style>|</style>|<!--c-->|<!|<?x y>|<!doctype html>|<![CDATA[x]]>|<table><tr><td>|</table>|text
|é| |  |\n|\n \n|\t|\u00a0|&lt;|&amp|&bogus;|&#0;|&#x80;|\ufeff|\0|<|>|&|</|"|<a href='x|'>|<body>|</html>|<x-y>"""


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*PIECES.split("|")]), max_size=20))
def test_text_is_what_beautifulsoup_says(pieces):
    source = "".join(pieces)
    assert soup_text(source) == BeautifulSoup(source, "lxml").get_text()


@pytest.mark.real
def test_every_real_post_reads_as_by_beautifulsoup(real_data):
    posts = []
    for path in sorted(real_data.glob("stackexchange/*/Posts.xml")):
        rows = [dict(row.attrib) for _, row in etree.iterparse(path, tag="row", huge_tree=True)]
        posts += [f"{row['Title']} {row['Body']}" if "Title" in row else row.get("Body", "") for row in rows]
    assert len(posts) == 5676
    for post in random.Random(0).sample(posts, 2000):
        marked = post.replace("<li>", "\n*").replace("</li>", "").replace("<ol>", "\n*").replace("</ol>", "")
        assert redpajama_post(post) == BeautifulSoup(marked, "lxml").get_text()


@pytest.mark.parametrize("mark", ["x", "<p>", "&amp;", "\n*"])
def test_a_batch_of_nothing_or_of_marks_is_no_trouble(documents, mark):
    result = RedPajamaThread().apply(documents(mark))
    assert result.reason.to_pylist() == ["not_a_question"]
    assert isinstance(result.reason, pa.StringArray)
