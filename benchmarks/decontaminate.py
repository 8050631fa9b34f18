"""Evaluation sets looked for in documents: the loop against n-grams in a Python set, and the stage on growing input."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.growth import Growing, peak_bytes
from benchmarks.inputs import Inputs, text_bytes
from filters.batch import DOCUMENT_SCHEMA, document_batch
from filters.contamination import CONTAMINATION, DropContaminated, FindContamination, find_contamination
from filters.contamination_index import PASSAGES_SCHEMA, build_index, load_index, write_passages
from filters.load_once import load_once
from filters.plain_shingles import plain_words
from pipeline.ledger import Tally
from pipeline.storage import Folder, ParquetSink, read_batches
from pipeline.units import UnitOutputs, process_batches

NGRAM_WORDS, MAX_PASSAGES = 13, 10
_ITEM_WORDS = 60
_LEAKED = 50
"""Every so many documents have an item in them."""
_BATCH = 500
_PASSAGES, _DOCUMENTS, _WARM_UP = "passages.parquet", "documents.parquet", "warm-up.parquet"

Verdict = Mapping[str, int]
"""Item → how many of its n-grams a document holds."""


def decontaminate(inputs: Inputs) -> Figures:
    """Web pages, of which some hold an item, against a set as large as the well-known ones together."""
    items, pages = sets_and_pages(inputs)
    index = build_index(passages(items), ngram_words=NGRAM_WORDS, max_passages=MAX_PASSAGES)
    column = pa.array(pages, pa.large_string())
    plain = plain_index(items)
    seconds = race(
        lambda: find_contamination(column, index, index.tallies(), 0.0),
        lambda: [plain_verdict(text, plain) for text in pages],
        seconds=inputs.seconds,
        agree=agree,
    )
    return megabytes_a_second(
        text_bytes(pages),
        seconds,
        f"a Python set of the same {len(plain):,} n-grams, asked for each of a page's in plain Python",
    )


def sets_and_pages(inputs: Inputs) -> tuple[list[str], list[str]]:
    """Items of so many words each, made of answers, and web pages; now and then an item stands within a page."""
    words = [word for thread in inputs.threads(8) for word in thread.text.split()]
    items = [" ".join(words[at : at + _ITEM_WORDS]) for at in range(0, len(words), _ITEM_WORDS)]
    pages = [page.text for page in inputs.pages(16)]
    for place in range(0, len(pages), _LEAKED):
        pages[place] = f"{pages[place]}\n{items[place % len(items)]}\n{pages[place]}"
    return items, pages


def passages(items: Sequence[str]) -> pa.Table:
    """The items as a set of passages."""
    rows = [{"set": "set", "item": str(n), "field": "text", "text": t, "items": [n]} for n, t in enumerate(items)]
    return pa.Table.from_pylist(rows, PASSAGES_SCHEMA)


def plain_index(items: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """N-gram → the items that have it, but for what too many share and what is numbers alone."""
    index: dict[tuple[str, ...], list[str]] = {}
    for number, item in enumerate(items):
        for ngram in set(_ngrams(item)):
            index.setdefault(ngram, []).append(str(number))
    return {
        ngram: owners
        for ngram, owners in index.items()
        if len(owners) <= MAX_PASSAGES and not all(word.isascii() and word.isdecimal() for word in ngram)
    }


def plain_verdict(text: str, index: Mapping[tuple[str, ...], Sequence[str]]) -> Verdict:
    """As lm-evaluation-harness and datatrove go about it: every n-gram of a document, looked up."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for ngram in _ngrams(text):
        if ngram in index:
            for item in index[ngram]:
                found.setdefault(item, set()).add(ngram)
    return {item: len(held) for item, held in found.items()}


def _ngrams(text: str) -> list[tuple[str, ...]]:
    words = plain_words(text)
    size = min(NGRAM_WORDS, len(words)) or 1
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def agree(mine: pa.Array, theirs: Sequence[Verdict]) -> None:
    """The same documents are contaminated, by the same items, with as many n-grams; as far as evidence is shown."""
    for evidence, verdict in zip(mine.to_pylist(), theirs, strict=True):
        shown = {row["item"]: row["found"] for row in evidence or ()}
        best = sorted(verdict, key=lambda item: (-verdict[item], int(item)))[: len(shown)]
        if bool(shown) != bool(verdict) or shown != {item: verdict[item] for item in best}:
            raise DisagreementError(f"found {shown}, but n-gram by n-gram {dict(list(verdict.items())[:5])}")


def _write(inputs: Inputs, size: int) -> int:
    """The pages so many times, and the set."""
    items, pages = sets_and_pages(inputs)
    folder = inputs.work / f"decontaminate-{size}"
    folder.mkdir()
    write_passages(str(folder / _PASSAGES), passages(items), ngram_words=NGRAM_WORDS, max_passages=MAX_PASSAGES)
    few = pages[: max(1, len(pages) // 4)]
    for name, copies in ((_WARM_UP, 1), (_DOCUMENTS, size)):
        sink = ParquetSink(folder / name, DOCUMENT_SCHEMA)
        for copy in range(copies):
            for start in range(0, len(few), _BATCH):
                sink.write(_batch(copy, start, few[start : start + _BATCH]))
        sink.close()
    return size * text_bytes(few)


def _batch(copy: int, start: int, texts: Sequence[str]) -> pa.RecordBatch:
    names = (f"{copy}-{start + place}" for place in range(len(texts)))
    return document_batch(
        {"doc_id": name, "source": "c4", "origin": name, "text": text} for name, text in zip(names, texts, strict=True)
    )


def timed_unit(folder: Path) -> dict[str, float]:
    """The folder's documents through the stage's filters, after a few: seconds, peak memory, and how many go."""
    _filtered(folder, _WARM_UP)
    start = time.perf_counter()
    gone = _filtered(folder, _DOCUMENTS)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes(), "gone": gone}


def _filtered(folder: Path, name: str) -> int:
    """As a worker has it: read, looked through, written; how many documents are contaminated."""
    path, tally = str(folder / _PASSAGES), Tally()
    finds = FindContamination(index_path=path, tallies=load_once(load_index, path).tallies())
    schema = DOCUMENT_SCHEMA.append(CONTAMINATION)
    output = Folder(str(folder))
    with UnitOutputs(output, "decontaminate", "c4", name, keep_rejected=True, schema=schema) as outputs:
        process_batches(read_batches(output, name), (finds, DropContaminated()), outputs, tally)
    return tally.documents_in - tally.documents_kept


UNIT = Growing(
    work="the same stage",
    module="benchmarks.decontaminate",
    write=_write,
    arguments=lambda inputs, size: (inputs.work / f"decontaminate-{size}",),
)
"""The stage on one unit of documents."""


if __name__ == "__main__":
    print(json.dumps(timed_unit(Path(sys.argv[1]))))
