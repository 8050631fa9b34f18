"""What is measured on: real dumps where TOKENMILL_REAL_DATA names their folder, else the demo's, made on the spot."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa

from filters.batch import Filter
from filters.stackexchange import thread_posts
from filters.wikipedia import ARTICLE_NAMESPACE, is_redirect
from pipeline.corpora.corpus import BadRecord, RawDocument
from pipeline.corpora.registry import CORPORA
from pipeline.demo_input import generate
from pipeline.inputs import Inputs as Dumps
from pipeline.recipe import Recipe
from pipeline.storage import Folder

REAL_DATA = "TOKENMILL_REAL_DATA"
_RECIPE = Recipe(name="benchmarks")


class Page(NamedTuple):
    """A web page or an article."""

    url: str
    title: str
    text: str
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Dumps to read, a folder to write to, how much of the text to take and how long to measure."""

    dumps: Path
    work: Path
    described: str
    fraction: float = 1.0
    seconds: float = 10.0

    def size(self, megabytes: float) -> int:
        """Bytes of text that a claim may take."""
        return max(1, int(megabytes * 1e6 * self.fraction))

    def pages(self, megabytes: float) -> list[Page]:
        """Web pages, of every file its share."""
        return _read(self.dumps, "commoncrawl", self.size(megabytes))

    def articles(self, megabytes: float) -> list[Page]:
        """Wikipedia's articles as wikitext, no redirects, of every dump its share."""
        return [page for page in _read(self.dumps, "wikipedia", self.size(megabytes)) if not _is_redirect(page)]

    def threads(self, megabytes: float) -> list[Page]:
        """StackExchange's threads, in the form that the reader gives them."""
        return _read(self.dumps, "stackexchange", self.size(megabytes))

    def posts(self, megabytes: float) -> list[str]:
        """The HTML of StackExchange's posts."""
        return [post.body for thread in self.threads(megabytes) for post in thread_posts(thread.text)]

    def archives(self, source: str, megabytes: float) -> list[tuple[str, bytes]]:
        """The dumps of a source as they lie, each whole, until there are so many bytes."""
        folder, held = Dumps(Folder(str(self.dumps))), 0
        taken: list[tuple[str, bytes]] = []
        for name in folder.names(source, _RECIPE):
            if held >= self.size(megabytes):
                break
            with folder.file(name).open() as stream:
                taken.append((name, stream.read(-1)))
            held += len(taken[-1][1])
        return taken

    def books(self, megabytes: float) -> list[Page]:
        """Project Gutenberg's books with their wrappers."""
        return _read(self.dumps, "books", self.size(megabytes))


def kept_rows(rules: Sequence[Filter], batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a batch that all rules keep, as stage `clean` applies them."""
    for rule in rules:
        result = rule.apply(batch)
        batch = result.batch.filter(result.reason.is_null())
    return batch


@contextmanager
def opened(fraction: float = 1.0, seconds: float = 10.0) -> Iterator[Inputs]:
    """The inputs of one run, with a folder that goes when the block ends."""
    with TemporaryDirectory(prefix="tokenmill-benchmarks-") as name:
        work, real = Path(name), os.environ.get(REAL_DATA)
        if not real:
            generate(work / "dumps", 0, fraction)
        yield Inputs(
            dumps=Path(real) if real else work / "dumps",
            work=work,
            described="real dumps" if real else "the demo's dumps",
            fraction=fraction,
            seconds=seconds,
        )


def varied_texts(inputs: Inputs, megabytes: float) -> list[str]:
    """Web pages, then books, then articles and threads as they lie in their dumps, until there are so many bytes."""
    taken: list[str] = []
    left = inputs.size(megabytes)
    for read in (inputs.pages, inputs.books, inputs.articles, inputs.threads):
        for page in read(megabytes):
            if left <= 0:
                break
            taken.append(page.text)
            left -= len(page.text.encode())
    return taken


def text_bytes(texts: list[str]) -> int:
    """UTF-8 bytes of all texts."""
    return sum(len(text.encode()) for text in texts)


@cache
def _read(dumps: Path, source: str, size: int) -> list[Page]:
    folder = Dumps(Folder(str(dumps)))
    names = folder.names(source, _RECIPE)
    pages: list[Page] = []
    held = 0
    for index, name in enumerate(names):
        share = (size - held) // (len(names) - index)  # What a small file leaves goes to the others.
        for record in CORPORA[source].read(folder.file(name), getattr(_RECIPE, source)):
            if share <= 0:
                break
            if isinstance(record, BadRecord) or not _wanted(source, record):
                continue
            pages.append(_page(record, f"{name}#{record.key}"))
            share -= len(pages[-1].text.encode())
            held += len(pages[-1].text.encode())
    return pages


def _wanted(source: str, record: RawDocument) -> bool:
    """Whether there is text; of Wikipedia, whether the dump says that it is an article and no redirect."""
    return bool(record.text) and (source != "wikipedia" or record.path == ARTICLE_NAMESPACE)


def _page(record: RawDocument, origin: str) -> Page:
    text = record.text.encode("utf-8", "replace").decode()
    return Page(record.url or origin, record.title or "", text, record.language)


def _is_redirect(page: Page) -> bool:
    return is_redirect(page.text, page.language)
