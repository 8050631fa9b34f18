"""Wikipedia: articles of the chosen languages, without redirects, as plain text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.namespaces import redirect_words
from filters.wikitext import wikitext_to_text

ARTICLE_NAMESPACE = "0"
REDIRECT_MARK = "redirect"
"""`path` is the page's namespace number, and `0/redirect` where the dump says that the page is a redirect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageIn:
    """Keeps the wikis of the chosen languages.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: twenty languages in Latin or Cyrillic script.
    Differs: nothing.
    Reads language. Rewrites nothing. Rejects: language_not_kept. Counts: nothing.
    """

    name: ClassVar[str] = "wikipedia_language"
    reasons: ClassVar[tuple[str, ...]] = ("language_not_kept",)
    languages: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("languages must name at least one language, got none")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        kept = frozenset(self.languages)
        found = batch.column("language").to_pylist()
        return _judged(batch, (None if language in kept else "language_not_kept" for language in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleNamespace:
    """Keeps articles: no talk, user, template, category or file pages.

    Source: Hugging Face's `wikipedia` script, used by RedPajama v1: namespace 0.
    Differs: nothing.
    Reads path (the namespace's number). Rewrites nothing. Rejects: not_an_article. Counts: nothing.
    """

    name: ClassVar[str] = "wikipedia_namespace"
    reasons: ClassVar[tuple[str, ...]] = ("not_an_article",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        namespaces = ((path or ARTICLE_NAMESPACE).partition("/")[0] for path in batch.column("path").to_pylist())
        return _judged(
            batch, (None if namespace == ARTICLE_NAMESPACE else "not_an_article" for namespace in namespaces)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRedirect:
    """Drops pages that only point to another page.

    Source: Hugging Face's `wikipedia` script: the dump's redirect element, or a text that starts with `#REDIRECT`.
    Differs: both are asked, and the word is known in all twenty languages. Without `by_text` the element alone is, as
    in version 2.0.0 of the script.
    Reads path, language, text. Rewrites nothing. Rejects: redirect. Counts: nothing.
    """

    name: ClassVar[str] = "wikipedia_redirect"
    reasons: ClassVar[tuple[str, ...]] = ("redirect",)
    by_text: bool = True

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        rows = zip(texts(batch), batch.column("language").to_pylist(), batch.column("path").to_pylist(), strict=True)
        marked = (
            (path or "").endswith("/" + REDIRECT_MARK) or (self.by_text and is_redirect(text, language))
            for text, language, path in rows
        )
        return _judged(batch, ("redirect" if redirect else None for redirect in marked))


@dataclass(frozen=True, slots=True, kw_only=True)
class WikitextToText:
    """Turns wikitext into paragraphs, lists and headings.

    Source: Touvron et al. 2023, section 2.1: hyperlinks, comments and other formatting boilerplate removed.
    Differs: the paper gives no rules. Against Hugging Face's `wikipedia` script: file captions go in every language,
    category names go, headings of emptied sections go, no `( , )` is left by a template, templates that dress words
    (`lang`, `convert`, quotations) leave them, formulas and code stay as they were written.
    Reads text, language. Rewrites text. Rejects: empty_text. Counts: unbalanced (a bracket or tag was never closed, and
    stays as it was written), simplified (brackets deeper than 100 levels, or so that the page would be read more than
    8 times over, or more than 4 Mi characters: only marks were taken out, line by line).
    """

    name: ClassVar[str] = "wikipedia_wikitext"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        rows = zip(texts(batch), batch.column("language").to_pylist(), strict=True)
        pages = [wikitext_to_text(text, language) for text, language in rows]
        rewritten = with_column(batch, "text", [page.text for page in pages])
        reason = reasons(None if page.text else "empty_text" for page in pages)
        counts = {
            "unbalanced": sum(page.unbalanced and not page.simplified for page in pages),
            "simplified": sum(page.simplified for page in pages),
        }
        return FilterResult(rewritten, reason, counts)


def is_redirect(text: str, language: str | None) -> bool:
    """Whether a page starts with its wiki's word for a redirect, or the English one, and a link."""
    start = text[:200].lstrip().lower().replace("# ", "#", 1)
    return start.startswith(redirect_words(language)) and "[[" in start


def _judged(batch: pa.RecordBatch, why: Iterable[str | None]) -> FilterResult:
    return FilterResult(batch, reasons(why), {})
