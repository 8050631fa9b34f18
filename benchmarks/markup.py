"""Markup out of Wikipedia's, StackExchange's and Project Gutenberg's texts, against what others do it with."""

import re
from collections import Counter
from collections.abc import Callable

import mwparserfromhell
import pyarrow as pa
from lxml import html as lxml_html

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, text_bytes
from filters.gutenberg import unwrap
from filters.html_text import htmls_to_texts
from filters.wikitext import wikitext_to_text

_GUTENBERG_BODY = re.compile(
    r"\*{3} ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK.*?\*{3}(.*?)\*{3} ?END OF TH(?:E|IS) PROJECT GUTENBERG",
    re.DOTALL | re.IGNORECASE,
)
_LIST_TAG = re.compile(r"<(?:li|ol)>")


def wikipedia(inputs: Inputs) -> Figures:
    """Articles to text. strip_code leaves captions, tables and emptied sections in; it is the usual way."""
    articles = inputs.articles(3)

    def strip_code() -> list[str]:
        return [str(mwparserfromhell.parse(page.text).strip_code()) for page in articles]

    return _figures(
        [page.text for page in articles],
        lambda: [wikitext_to_text(page.text, page.language).text for page in articles],
        strip_code,
        "mwparserfromhell's strip_code",
        inputs,
        min_shared=0.5,
    )


def stackexchange(inputs: Inputs) -> Figures:
    """Posts' HTML to text."""
    posts = inputs.posts(4)
    too_deep = htmls_to_texts(pa.array(posts, pa.large_string()))[1]  # attacks, which break BeautifulSoup as well
    posts = [post for post, is_attack in zip(posts, too_deep, strict=True) if not is_attack]
    to_text, reference_is = html_reference()

    def batch_to_text() -> list[str]:
        texts: list[str] = htmls_to_texts(pa.array(posts, pa.large_string()))[0].to_pylist()
        return texts

    return _figures(
        posts,
        batch_to_text,
        lambda: [to_text(post) for post in posts],
        reference_is,
        inputs,
        min_shared=0.9,
    )


def html_reference() -> tuple[Callable[[str], str], str]:
    """RedPajama's way where BeautifulSoup is installed, else lxml's own text."""
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        return _lxml_text, "lxml's text_content (BeautifulSoup is not installed)"

    def soup_text(post: str) -> str:
        marked = _LIST_TAG.sub("\n*", post).replace("</li>", "").replace("</ol>", "")
        return str(BeautifulSoup(marked, "lxml").get_text())

    return soup_text, "BeautifulSoup's get_text, as RedPajama v1 calls it"


def _lxml_text(post: str) -> str:
    return str(lxml_html.fromstring(f"<div>{post}</div>").text_content())


def gutenberg(inputs: Inputs) -> Figures:
    """Wrappers off books."""
    books = [page.text for page in inputs.books(12)]
    return _figures(
        books,
        lambda: [unwrap(book).text for book in books],
        lambda: [found[1] if (found := _GUTENBERG_BODY.search(book)) else book for book in books],
        "one regular expression from START OF to END OF",
        inputs,
        min_shared=0.9,
    )


def _figures(
    texts: list[str],
    ours: Callable[[], list[str]],
    reference: Callable[[], list[str]],
    reference_is: str,
    inputs: Inputs,
    *,
    min_shared: float,
) -> Figures:
    seconds = race(ours, reference, seconds=inputs.seconds, agree=words_agree(min_shared))
    return megabytes_a_second(text_bytes(texts), seconds, reference_is)


def words_agree(min_shared: float) -> Callable[[list[str], list[str]], None]:
    """What raises DisagreementError where two answers share less than that part of their words."""

    def agree(mine: list[str], theirs: list[str]) -> None:
        shared = shared_words(mine, theirs)
        if shared < min_shared:
            raise DisagreementError(f"{shared:.0%} of the words are the same, at least {min_shared:.0%} were expected")

    return agree


def shared_words(mine: list[str], theirs: list[str]) -> float:
    """The words that both have, as a part of what the one with more of them has. Layouts differ, words should not."""
    ours, reference = (Counter(word for text in texts for word in text.split()) for texts in (mine, theirs))
    return (ours & reference).total() / max(1, ours.total(), reference.total())
