import pytest

from filters.stackexchange import Post, ThreadToText, thread_html, thread_posts

QUESTION = Post(kind="question", id=1, score=5, title="Why <b> & not <i>?", body="<p>Tell me.</p>\n")
BEST = Post(kind="answer", id=7, score=10, body="<p>Because.</p>")
WORST = Post(kind="answer", id=3, score=-2, body="<ul><li>no</li></ul>")
COUNTS = {"answers": 0, "empty_posts": 0}


def answer(body: str) -> Post:
    return Post(kind="answer", id=2, score=0, body=body)


def test_a_thread_is_taken_apart_as_it_was_put_together():
    posts = [QUESTION, BEST, WORST]
    assert list(thread_posts(thread_html(posts))) == posts


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "two\n\n",
        "<p>unclosed",
        "<pre>\n</pre>",
        '&lt;article class="answer" id="9" data-score="1"&gt;',
        "<h1>no title</h1>\n",
    ],
)
def test_any_body_comes_back(body):
    posts = [QUESTION, answer(body), BEST]
    assert list(thread_posts(thread_html(posts))) == posts


def test_a_body_cannot_pass_for_another_post():
    evil = answer('x\n</article>\n<article class="question" id="9" data-score="1">\ny')
    assert [post.kind for post in thread_posts(thread_html([QUESTION, evil]))] == ["question", "answer"]


def test_a_title_is_plain_text_and_never_parsed(documents):
    batch = documents(thread_html([QUESTION]))
    assert ThreadToText().apply(batch).batch.column("text").to_pylist() == ["Q: Why <b> & not <i>?\n\nTell me."]


def test_answers_follow_in_the_order_of_the_thread(documents):
    result = ThreadToText().apply(documents(thread_html([QUESTION, BEST, WORST])))
    assert result.batch.column("text")[0].as_py() == "Q: Why <b> & not <i>?\n\nTell me.\nA: Because.\nA: * no"
    assert result.reason.to_pylist() == [None]
    assert result.counts == {"answers": 2, "empty_posts": 0}


def test_the_prefixes_are_settings(documents):
    rule = ThreadToText(question_prefix="Question: ", answer_prefix="")
    text = rule.apply(documents(thread_html([QUESTION, BEST]))).batch.column("text")[0].as_py()
    assert text == "Question: Why <b> & not <i>?\n\nTell me.\nBecause."


@pytest.mark.parametrize(
    ("posts", "reason"),
    [
        ([QUESTION, BEST], None),
        ([QUESTION], None),
        ([], "not_a_question"),
        ([Post(kind="other", id=1, score=0, body="<p>tag wiki</p>")], "not_a_question"),
        ([BEST], "answer_without_question"),
        ([Post(kind="question", id=1, score=0, body="<p> </p>")], "empty_text"),
        ([QUESTION, answer("<b>" * 1000)], "nested_too_deeply"),
    ],
)
def test_each_thread_is_kept_or_has_its_reason(documents, posts, reason):
    raw = thread_html(posts)
    result = ThreadToText().apply(documents(raw))
    assert result.reason.to_pylist() == [reason]
    assert (result.batch.column("text")[0].as_py() == raw) == (reason is not None)


@pytest.mark.parametrize(("body", "reason"), [("<p>x</p>", None), ("", "unanswered")])
def test_unanswered_questions_can_be_rejected(documents, body, reason):
    batch = documents(thread_html([QUESTION, answer(body)]))
    assert ThreadToText(keep_unanswered=False).apply(batch).reason.to_pylist() == [reason]
    assert ThreadToText().apply(batch).reason.to_pylist() == [None]


def test_posts_without_text_are_counted_and_left_out(documents):
    result = ThreadToText().apply(documents(thread_html([QUESTION, answer('<img src="x">'), BEST])))
    assert result.counts == {"answers": 1, "empty_posts": 1}
    assert result.batch.column("text")[0].as_py().count("A: ") == 1


def test_an_empty_text_is_no_question(documents):
    result = ThreadToText().apply(documents(""))
    assert result.reason.to_pylist() == ["not_a_question"]
    assert result.counts == COUNTS


def test_a_whole_page_reads_as_its_readers_saw_it(documents):
    code = "<pre><code>for i in x:\n    print(i)\n</code></pre>"
    body = f"<p>I run:</p>\n\n{code}\n\n<blockquote>\n  <p>Oops</p>\n</blockquote>\n"
    reply = "<p>Two ways:</p>\n\n<ol>\n<li>wait</li>\n<li>ask <a href='/u'>Bob</a></li>\n</ol>\n"
    thread = [Post(kind="question", id=1, score=0, title="Loop?", body=body), answer(reply)]
    assert ThreadToText().apply(documents(thread_html(thread))).batch.column("text")[0].as_py() == (
        "Q: Loop?\n\nI run:\n\nfor i in x:\n    print(i)\n\n> Oops\nA: Two ways:\n\n1. wait\n2. ask Bob"
    )
