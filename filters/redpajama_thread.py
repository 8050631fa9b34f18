"""StackExchange's threads as RedPajama v1 wrote them, bug for bug, for comparison."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa
from lxml import etree

from filters.batch import FilterResult, reasons, texts, with_column
from filters.html_text import NestedTooDeeplyError
from filters.stackexchange import Post, kind_fault, thread_posts

MAX_DEPTH = 256
"""Open elements at once; libxml2's own search through them is quadratic beyond (258 s for 2 MB of `<b>`, 2026-11)."""

_FEED_CHARS = 1 << 12
_BLANKS = " \n\t\f\r"
_KEEP_BLANKS = frozenset({"pre", "textarea"})
_LEFT_OUT = frozenset({"script", "style", "template", "rt", "rp"})
_LISTS = (("<li>", "\n*"), ("</li>", ""), ("<ol>", "\n*"), ("</ol>", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedPajamaThread:
    """Writes a thread as RedPajama v1 did.

    Source: togethercomputer/RedPajama-Data, branch rp_v1, data_prep/stack_exchange: filter.py, post_processing.py.
    Differs: nothing but what cannot be read: more than MAX_DEPTH open elements; ties that the dump does not have in
        the order of their ids.
    Kept quirks: scores are compared as text; the title goes through the HTML parser, one blank before the body;
        `<li>` and `<ol>` become LF and `*`, so a numbered list begins with an empty bullet, unless it has a `start`;
        posts without text stay; blanks at a body's beginning and end stay.
    Reads text (of `thread_html`). Rewrites text. Rejects: not_a_question, answer_without_question, nested_too_deeply.
        Counts: answers.
    """

    name: ClassVar[str] = "stackexchange_redpajama"
    reasons: ClassVar[tuple[str, ...]] = ("not_a_question", "answer_without_question", "nested_too_deeply")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        rewritten: list[str] = []
        found: list[str | None] = []
        counts = {"answers": 0}
        for raw in texts(batch):
            posts = list(thread_posts(raw))
            reason = kind_fault(posts)
            text = raw
            if reason is None:
                try:
                    text = redpajama_text(posts)
                    counts["answers"] += len(posts) - 1
                except NestedTooDeeplyError:
                    reason = "nested_too_deeply"
            rewritten.append(text)
            found.append(reason)
        return FilterResult(with_column(batch, "text", rewritten), reasons(found), counts)


def redpajama_text(posts: list[Post]) -> str:
    """The thread of a question and its answers. Raises NestedTooDeeplyError."""
    question, *answers = posts
    # Kept: a title is no HTML. Pinned by test_what_looks_like_a_tag_in_a_title_vanishes.
    bodies = [f"{question.title} {question.body}", *(post.body for post in in_order_of_text(answers))]
    told, *rest = [redpajama_post(body) for body in bodies]
    return "\nA: ".join([f"Q: {told}", *rest])


def in_order_of_text(answers: Iterable[Post]) -> list[Post]:
    """The answers by score, highest first, ties by id, the scores compared as text: "9" before "88"."""
    # Kept: the published corpus has this order. Pinned by test_scores_are_compared_as_text.
    return sorted(sorted(answers, key=lambda post: post.id), key=lambda post: str(post.score), reverse=True)


def redpajama_post(html: str) -> str:
    """A post's text: list items marked in the source, then what BeautifulSoup's `get_text` gives with lxml's parser."""
    for tag, mark in _LISTS:
        html = html.replace(tag, mark)
    return soup_text(html)


def soup_text(html: str) -> str:
    """`BeautifulSoup(html, "lxml").get_text()` of version 4.15. Raises NestedTooDeeplyError."""
    html = html.removeprefix("\ufeff")
    parser = etree.HTMLParser(target=_Soup())
    for start in range(0, len(html), _FEED_CHARS):
        parser.feed(html[start : start + _FEED_CHARS])
    text: str = parser.close() if html else ""
    return text


@dataclass(slots=True)
class _Soup:
    """Takes libxml2's events as BeautifulSoup does: text of blanks alone becomes one, a comment parts texts."""

    parts: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    depth: int = 0
    keeping: int = 0  # open elements that keep their blanks
    leaving_out: int = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """An element opens."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NestedTooDeeplyError
        self._end_run()
        self.keeping += tag in _KEEP_BLANKS
        self.leaving_out += tag in _LEFT_OUT

    def end(self, tag: str) -> None:
        """An element closes."""
        self._end_run()
        self.depth -= 1
        self.keeping -= tag in _KEEP_BLANKS
        self.leaving_out -= tag in _LEFT_OUT

    def data(self, text: str) -> None:
        """Text."""
        self.run.append(text)

    def comment(self, _text: str) -> None:
        """A comment, which leaves nothing."""
        self._end_run()

    def pi(self, _target: str, _text: str) -> None:
        """An instruction, which leaves nothing."""
        self._end_run()

    def doctype(self, *_names: str) -> None:
        """A declaration, which leaves nothing."""
        self._end_run()

    def close(self) -> str:
        """The whole text."""
        self._end_run()
        return "".join(self.parts)

    def _end_run(self) -> None:
        text = "".join(self.run)
        self.run.clear()
        if text and not self.keeping and not text.strip(_BLANKS):
            text = "\n" if "\n" in text else " "
        if not self.leaving_out:
            self.parts.append(text)
