"""When two addresses are one page to C4, and which of its splits a page falls into."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.batch import FilterResult, reasons
from filters.fingerprint import Array

_SCHEME = re.compile(r"https?://(www\.)?")
_TRACKING = re.compile(r"\?(utm_|ref|feed).*")
_HEAD = re.compile(r"(?i)https?://(?:www\.)?([^/?#]*)")
_TRACKING_FIELD = re.compile(r"(?:utm_[^=]*|ref|feed)(?:=|$)")


def published_form(url: str) -> str:
    """The form under which C4 compares addresses.

    Source: tensorflow/datasets c4_utils.py, `normalize_url`. Kept: a scheme goes wherever it stands, so that an address
    inside another loses its own; case counts; `?reference=` and `?feedback=` are cut with all that follows, `&utm_` is
    not. Line ends are no part of an address.
    """
    return _TRACKING.sub("", _SCHEME.sub("", url)).rstrip("/")


def intended_form(url: str) -> str:
    """An address without its scheme, `www.`, tracking fields and trailing slashes; the host in lower case.

    Differs from C4: only what stands at the start is a scheme; `utm_…`, `ref` and `feed` are fields of the query,
    wherever they stand in it, and nothing else goes with them.
    """
    if head := _HEAD.match(url):
        url = head[1].lower() + url[head.end() :]
    address, hash_mark, fragment = url.partition("#")
    path, _, query = address.partition("?")
    fields = [field for field in query.split("&") if field and not _TRACKING_FIELD.match(field)]
    return ("?".join([path.rstrip("/"), *(["&".join(fields)] if fields else [])]) + hash_mark + fragment).rstrip("/")


def published_keys(urls: Iterable[str | None]) -> Array:
    """64 bits of each address's published form; 0 where there is no address."""
    return _keys(urls, published_form)


def intended_keys(urls: Iterable[str | None]) -> Array:
    """64 bits of each address's intended form; 0 where there is no address."""
    return _keys(urls, intended_form)


def _keys(urls: Iterable[str | None], form: Callable[[str], str]) -> Array:
    digests = (hashlib.blake2b(form(url).encode(), digest_size=8).digest() if url else bytes(8) for url in urls)
    return np.frombuffer(b"".join(digests), "<u8")


@dataclass(frozen=True, slots=True, kw_only=True)
class InTrainSplit:
    """Rejects the pages that C4 keeps apart for validation: one in a thousand, by the MD5 of its address.

    Source: tensorflow/datasets c4.py, `_split_generators`; c4_utils.py, `get_hashed_url_filter_fn`.
    Differs: nothing.
    Reads url. Rewrites nothing. Rejects: validation_split. Counts: nothing.
    """

    name: ClassVar[str] = "c4_split"
    reasons: ClassVar[tuple[str, ...]] = ("validation_split",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        urls = batch.column("url").to_pylist()
        return FilterResult(
            batch, reasons("validation_split" if is_validation(url or "") else None for url in urls), {}
        )


def is_validation(url: str) -> bool:
    """Whether C4 keeps the page of this address for validation."""
    digest = hashlib.md5(published_form(url).encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") % 1000 == 0
