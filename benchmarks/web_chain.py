"""CommonCrawl from WET file to scored documents: our stages as a worker runs them, and a plain loop of libraries."""

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, Page
from benchmarks.language import fasttext_answer
from benchmarks.models import LanguageModel, classifier, language_model
from benchmarks.perplexity import plain_perplexity
from filters.language_model import load_kenlm
from filters.load_once import load_once
from filters.normalize import normalize_for_dedup
from filters.perplexity import load_pieces
from pipeline.commoncrawl_chain import LANGUAGE_STAGE, PERPLEXITY_STAGE
from pipeline.dedup import ParagraphRounds
from pipeline.map_stages import CLEAN_STAGE
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.stages import filter_documents, kept_before
from pipeline.storage import Folder, read_batches

WET = "commoncrawl/benchmark.warc.wet.gz"
MIN_CHARS = 300
_COPIES = 3  # CommonCrawl's files are larger still: what a unit costs whatever its size should not show.
_PERPLEXITY_TOLERANCE = 1e-3

Scored = dict[str, tuple[str | None, float | None]]
Row = dict[str, Any]


def commoncrawl_chain(inputs: Inputs) -> Figures:
    """WET.gz to documents with language and perplexity: clean, dedup, language, perplexity."""
    models = classifier(inputs), language_model(inputs)
    pages = inputs.pages(6)
    size = write_wet(inputs.work / "chain" / WET, pages, copies=_COPIES)
    run = chain_run(inputs.work / "chain", *models)
    wet = (inputs.work / "chain" / WET).read_bytes()
    seconds = race(
        lambda: run_chain(run),
        lambda: plain_chain(wet, inputs.work / "plain", *models),
        seconds=inputs.seconds,
        agree=lambda _, expected: agree(scored(run), expected),
    )
    return megabytes_a_second(
        size, seconds, "FastWARC, SHA-1, fastText, SentencePiece and kenlm, stage by stage over JSON lines"
    )


def write_wet(path: Path, pages: Sequence[Page], copies: int = 1, first: int = 0) -> int:
    """A WET file of the pages, a gzip member a record, each copy with other lines; returns its bytes of text.

    Copies are counted from `first`, so that files can have different ones.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with path.open("wb") as file:
        for copy in range(first, first + copies):
            for page in pages:
                lines = page.text.split("\n")
                # Letters, since digits do not tell lines apart.
                changed = [f"{line} {_letters(copy)}" if line.strip() and copy else line for line in lines]
                body = "\n".join([page.title, *changed]).encode()
                size += len(body)
                file.write(gzip.compress(_record(f"{page.url}?{copy}", body), 6, mtime=0))
    return size


def _letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def _record(url: str, body: bytes) -> bytes:
    head = (
        "WARC/1.0\r\nWARC-Type: conversion\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2021-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def chain_run(folder: Path, language: Path, model: LanguageModel) -> Run:
    """A run over the WET file below the folder, with models at hand."""
    recipe = Recipe.model_validate(
        {
            "name": "benchmark",
            "inputs": {"root": str(folder)},
            "mixture": {"weights": {"commoncrawl": 1.0}},
            "commoncrawl": {"min_chars": MIN_CHARS},
            "language": {"model": str(language)},
            "language_model": {"arpa": str(model.arpa), "pieces": str(model.pieces)},
        }
    )
    return Run(recipe, Folder(str(folder / "out")), remembers=False)


def run_chain(run: Run) -> None:
    """The unit through its stages, as one worker does it; nothing is skipped because it is there."""
    (unit,) = run.units("commoncrawl")
    CLEAN_STAGE.process(run, unit)
    settings = run.recipe.dedup
    rounds = ParagraphRounds(block_files=settings.block_files, partitions=settings.partitions)
    blocks: dict[int, list[bytes]] = {}
    for partition, block in rounds.sketch(0, read_batches(run.output, kept_before(run, "dedup", unit)[0])):
        blocks.setdefault(partition, []).append(block)
    judge = rounds.judges[0]
    verdicts = (verdict for partition, held in blocks.items() for _, verdict in judge(partition, held))
    filter_documents(run, "dedup", unit, rounds.filters(verdicts), "", {})
    LANGUAGE_STAGE.process(run, unit)
    PERPLEXITY_STAGE.process(run, unit)


def scored(run: Run) -> Scored:
    """What the chain found, by address."""
    (unit,) = run.units("commoncrawl")
    name = f"documents/perplexity/commoncrawl/{unit.name}.parquet"
    return {
        row["url"]: (row["language"], row["perplexity"])
        for batch in read_batches(run.output, name)
        for row in batch.select(["url", "language", "perplexity"]).to_pylist()
    }


def plain_chain(wet: bytes, folder: Path, language: Path, model: LanguageModel) -> Scored:
    """The same stage by stage, each a loop over the JSON lines that the one before it wrote."""
    pieces, ngrams = load_once(load_pieces, str(model.pieces)), load_once(load_kenlm, str(model.arpa))
    folder.mkdir(exist_ok=True)
    clean = _written(folder / "clean.jsonl", _plain_documents(wet))
    seen = Counter(key for row in _read(clean) for key in {_key(line) for line in _lines(row) if line.strip()})
    dedup = _written(folder / "dedup.jsonl", (row for row in _plain_dedup(_read(clean), seen) if row["text"].strip()))
    named = _written(folder / "language.jsonl", (row | _language(language, row["text"]) for row in _read(dedup)))
    found: Scored = {}
    with (folder / "perplexity.jsonl").open("w", encoding="utf-8") as file:
        for row in _read(named):
            text = row["text"].replace("\n", " ")
            row["perplexity"] = plain_perplexity(pieces, ngrams, text) if row["language"] == "en" else None
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            found[row["url"]] = row["language"], row["perplexity"]
    return found


def _written(path: Path, rows: Iterable[Row]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


def _read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _plain_documents(wet: bytes) -> Iterator[Row]:
    for record in ArchiveIterator(io.BytesIO(wet), record_types=WarcRecordType.conversion):
        _, *lines = (line.strip() for line in record.reader.read().decode().split("\n"))
        while lines and not lines[-1]:
            lines.pop()
        text = "\n".join(lines)
        if len(text) >= MIN_CHARS:
            yield {"url": record.headers["WARC-Target-URI"], "text": text}


def _plain_dedup(rows: Iterable[Row], seen: Counter[bytes]) -> Iterator[Row]:
    for row in rows:
        yield row | {"text": "\n".join(_without_duplicates(_lines(row), seen))}


def _language(model: Path, text: str) -> Row:
    name, score = fasttext_answer(model, text)
    return {"language": name, "score": score}


def _lines(row: Row) -> list[str]:
    lines: list[str] = row["text"].split("\n")
    return lines


def _key(line: str) -> bytes:
    return hashlib.sha1(normalize_for_dedup(line).encode()).digest()[:8]


def _without_duplicates(lines: Iterable[str], seen: Counter[bytes]) -> Iterator[str]:
    """Lines that no other document has, each once; a blank line goes with the line before it."""
    here: set[bytes] = set()
    kept = True
    for line in lines:
        if line.strip():
            key = _key(line)
            kept = seen[key] == 1 and key not in here
            here.add(key)
        if kept:
            yield line


def agree(ours: Scored, expected: Scored) -> None:
    """Raises DisagreementError where a document, a language or a perplexity differs."""
    if ours.keys() != expected.keys():
        raise DisagreementError(f"{len(ours.keys() ^ expected.keys())} documents are kept by one side alone")
    for url, (language, value) in expected.items():
        own_language, own_value = ours[url]
        if own_language != language or (own_value is None) != (value is None):
            raise DisagreementError(f"{url} is {own_language} to us and {language} to fastText")
        if own_value is not None and value is not None and abs(own_value / value - 1) > _PERPLEXITY_TOLERANCE:
            raise DisagreementError(f"{url} has perplexity {own_value}, not {value}")
