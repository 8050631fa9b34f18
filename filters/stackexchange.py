"""StackExchange: a question with its answers, best first, as plain text."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import ClassVar, Literal

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.html_text import htmls_to_texts

Kind = Literal["question", "answer", "other"]

_POST = re.compile(r'^<article class="(question|answer|other)" id="(-?\d+)" data-score="(-?\d+)">\n', re.MULTILINE)
_TITLE = re.compile(r"<h1>([^\n]*)</h1>\n")
_ARTICLE = re.compile(r"<(/?article)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post of a thread: its kind, number, score, the question's title as plain text, and its body as HTML."""

    kind: Kind
    id: int
    score: int
    body: str
    title: str = ""


def thread_html(posts: Iterable[Post]) -> str:
    """Posts as one small HTML document, an `<article>` each: the raw text of a thread; `thread_posts` takes it apart.

    `<article` in a body would break the frame, so there it becomes text; no post of the genuine dumps holds it.
    """
    return "".join(
        f'<article class="{post.kind}" id="{post.id}" data-score="{post.score}">\n'
        + (f"<h1>{html.escape(' '.join(post.title.split()), quote=False)}</h1>\n" if post.kind == "question" else "")
        + _ARTICLE.sub(r"&lt;\1", post.body)
        + "\n</article>\n"
        for post in posts
    )


def thread_posts(text: str) -> Iterator[Post]:
    """The posts of `thread_html`, in its order."""
    for head, body in _articles(text):
        title = _TITLE.match(body) if head[1] == "question" else None
        kind: Kind = "question" if head[1] == "question" else "answer" if head[1] == "answer" else "other"
        yield Post(
            kind=kind,
            id=int(head[2]),
            score=int(head[3]),
            title=html.unescape(title[1]) if title else "",
            body=body[title.end() if title else 0 :],
        )


def _articles(text: str) -> Iterator[tuple[re.Match[str], str]]:
    heads = list(_POST.finditer(text))
    for head, following in zip_longest(heads, heads[1:]):
        end = following.start() if following else len(text)
        yield head, text[head.end() : end].removesuffix("\n").removesuffix("\n</article>")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadToText:
    """Writes a thread as text: the question with its title, then the answers in the order of the raw thread.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: HTML tags out, answers by score, highest first;
        template of RedPajama v1, data_prep/stack_exchange.
    Differs: the title, which is plain text, is not parsed as HTML; numbered lists keep their numbers, quotes and
        nested lists their marks, rows of tables their lines; pictures leave nothing. Posts without text are left out.
    Reads text (of `thread_html`). Rewrites text. Rejects: not_a_question, answer_without_question, nested_too_deeply,
        empty_text, unanswered. Counts: answers, empty_posts.
    """

    name: ClassVar[str] = "stackexchange_thread"
    reasons: ClassVar[tuple[str, ...]] = (
        "not_a_question",
        "answer_without_question",
        "nested_too_deeply",
        "empty_text",
        "unanswered",
    )
    question_prefix: str = "Q: "
    answer_prefix: str = "A: "
    keep_unanswered: bool = True

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        raws = texts(batch)
        threads = [list(thread_posts(raw)) for raw in raws]
        bodies = pa.array([post.body for posts in threads for post in posts], pa.large_string())
        plain, too_deep = htmls_to_texts(bodies)
        told = zip(plain.to_pylist(), too_deep.tolist(), strict=True)  # all posts of all threads, in their order
        rewritten: list[str] = []
        found: list[str | None] = []
        counts = {"answers": 0, "empty_posts": 0}
        for raw, posts in zip(raws, threads, strict=True):
            parts, deep = zip(*islice(told, len(posts)), strict=True) if posts else ((), ())
            reason = kind_fault(posts) or ("nested_too_deeply" if any(deep) else None)
            text = raw
            if reason is None:
                text, reason = self._text(posts[0].title, parts, counts)
            rewritten.append(raw if reason else text)
            found.append(reason)
        return FilterResult(with_column(batch, "text", rewritten), reasons(found), counts)

    def _text(self, title: str, parts: Sequence[str], counts: dict[str, int]) -> tuple[str, str | None]:
        """The thread's text from those of its posts, and why it is none."""
        question = "\n\n".join(part for part in (title, parts[0]) if part)
        told = [self.answer_prefix + answer for answer in parts[1:] if answer]
        reason = "empty_text" if not question else "unanswered" if not told and not self.keep_unanswered else None
        if reason is None:
            counts["answers"] += len(told)
            counts["empty_posts"] += len(parts) - 1 - len(told)
        return "\n".join([self.question_prefix + question, *told]), reason


def kind_fault(posts: list[Post]) -> str | None:
    """Why these posts are no thread of a question."""
    if not posts or posts[0].kind == "other":
        return "not_a_question"
    return "answer_without_question" if posts[0].kind == "answer" else None
