"""Books: Project Gutenberg's wrappers off, public domain only."""

from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.gutenberg import unwrap

PUBLIC_DOMAIN = "Public domain in the USA"
PUBLIC_DOMAIN_LICENSES = (PUBLIC_DOMAIN, "Public domain", "CC0-1.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDomain:
    """Keeps books under the licences that are named, and drops the few that are distributed under a copyright.

    Source: Touvron et al. 2023 (LLaMA), section 2.1: "the Gutenberg Project, which contains books that are in the
    public domain".
    Differs: which licences those are is told; so is what becomes of a book of which no rights are known, which is
    kept by default: whoever puts a book without a word of its rights before the pipeline answers for it.
    Reads license. Rewrites nothing. Rejects: license_not_permitted, license_unknown. Counts: license_not_known.
    """

    name: ClassVar[str] = "books_public_domain"
    reasons: ClassVar[tuple[str, ...]] = ("license_not_permitted", "license_unknown")
    licenses: tuple[str, ...] = PUBLIC_DOMAIN_LICENSES
    keep_unknown: bool = True

    def __post_init__(self) -> None:
        if not self.licenses:
            raise ValueError("licenses must name at least one licence")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        licenses = batch.column("license").to_pylist()
        return FilterResult(batch, reasons(map(self._reason, licenses)), {"license_not_known": licenses.count(None)})

    def _reason(self, license: str | None) -> str | None:
        if license is None:
            return None if self.keep_unknown else "license_unknown"
        return None if license in self.licenses else "license_not_permitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class GutenbergWrapper:
    """Takes off what Project Gutenberg wrote before and after a book: header, small print, credits, licence.

    Source: the files of gutenberg.org, 1991 to today; the marks that c-w/gutenberg's `strip_headers` knows.
    Differs: a mark counts only where a wrapper can be and in its whole form, so that no line of a book is taken for
    one. Of the notes, those in which a transcriber tells how the file was made go; what an editor says of the book
    stays. A text without a wrapper is not touched.
    Reads text. Rewrites text. Rejects: nothing. Counts: header_not_found, footer_not_found, transcriber_notes.
    """

    name: ClassVar[str] = "books_wrapper"
    reasons: ClassVar[tuple[str, ...]] = ()

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        books = [unwrap(text) for text in texts(batch)]
        counts = {
            "header_not_found": sum(not book.header for book in books),
            "footer_not_found": sum(not book.footer for book in books),
            "transcriber_notes": sum(book.notes for book in books),
        }
        return FilterResult(
            with_column(batch, "text", [book.text for book in books]), reasons(None for _ in books), counts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAlikeBooks:
    """Applies RedPajama v1's verdict on books: one goes where an earlier one's SimHash is near.

    Source: togethercomputer/RedPajama-Data (branch rp_v1) data_prep/book/dedup.py; the hash is in `filters/simhash.py`.
    Differs: a verdict names the document's own id. The original numbers the books of each of its two corpora from 0,
    so that a book of the one stays or goes on the word of the other's.
    Reads doc_id. Rewrites nothing. Rejects: alike_earlier_book. Counts: nothing.
    """

    name: ClassVar[str] = "books_simhash"
    reasons: ClassVar[tuple[str, ...]] = ("alike_earlier_book",)
    dropped: frozenset[str] = field(default=frozenset(), repr=False)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        ids = batch.column("doc_id").to_pylist()
        return FilterResult(
            batch, reasons("alike_earlier_book" if doc_id in self.dropped else None for doc_id in ids), {}
        )
