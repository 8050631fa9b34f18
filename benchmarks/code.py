"""Source files through all rules of stage `clean`, against RedPajama v1's way, file by file in Python."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pyarrow as pa

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, kept_rows, text_bytes
from benchmarks.markup import words_agree
from filters.batch import Filter, texts
from pipeline.corpora.corpus import RawDocument, RawFile, document_batches
from pipeline.corpora.github import filters, read
from pipeline.demo import github as demo
from pipeline.source_sections import GitHub

MEGABYTES = 8
_MIN_SHARED = 0.8
_BLOCK_COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
_COPYRIGHT = re.compile("copyright", re.IGNORECASE)
_SETTINGS = GitHub()


class CodeFile(NamedTuple):
    """What RedPajama reads of a row."""

    path: str
    content: str


def github(inputs: Inputs) -> Figures:
    """Source files to documents; RedPajama's rules in faithful mode must keep what RedPajama's way keeps."""
    found = inputs.archives("github", MEGABYTES) or _demo_archives(inputs)
    batches = _batches(found)
    files = [
        CodeFile(path, text)
        for batch in batches
        for path, text in zip(batch.column("path").to_pylist(), texts(batch), strict=True)
    ]
    size = text_bytes([file.content for file in files])
    expected = kept_by(filters(GitHub(mode="faithful")), batches)
    if sorted(set(expected)) != sorted(set(redpajamas_way(files))):
        raise DisagreementError("faithful mode keeps other texts than RedPajama's way")

    rules = filters(_SETTINGS)
    seconds = race(
        lambda: kept_by(rules, batches),
        lambda: redpajamas_way(files),
        seconds=inputs.seconds,
        agree=words_agree(_MIN_SHARED),
    )
    return megabytes_a_second(size, seconds, "RedPajama v1's header removal, statistics and filter, file by file")


def kept_by(rules: Sequence[Filter], batches: Sequence[pa.RecordBatch]) -> list[str]:
    """The texts that all rules keep."""
    return [text for batch in batches for text in texts(kept_rows(rules, batch))]


def redpajamas_way(files: Sequence[CodeFile]) -> list[str]:
    """What data_prep/github keeps, but for its last test, which needs another model's tokenizer."""
    endings = (*(f".{extension}" for extension in _SETTINGS.extensions), *_SETTINGS.file_names)
    seen: set[str] = set()
    kept: list[str] = []
    for path, content in files:
        digest = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
        if path.endswith(".crt") or path == "LICENSE" or digest in seen:
            continue
        seen.add(digest)
        text = _header_removed(content)
        if _is_kept(text) and path.endswith(endings):
            kept.append(text)
    return kept


def _header_removed(content: str) -> str:
    if found := _BLOCK_COMMENT.search(content):
        is_header = _COPYRIGHT.search(content[found.start() : found.end()])
        return content[: found.start()] + content[found.end() :] if is_header else content
    lines = content.split("\n")
    skipped = 0
    for line in lines:
        if line and not line.startswith(("//", "#", "--")):
            break
        skipped += 1
    return "\n".join(lines[skipped:])


def _is_kept(text: str) -> bool:
    lengths = list(map(len, text.splitlines()))
    if not lengths:
        return False
    alphanumeric = sum(1 if one.isalnum() else 0 for one in text) / len(text)
    return max(lengths) <= 1000 and len(text) / len(lengths) <= 100 and alphanumeric >= 0.25


def _batches(archives: Sequence[tuple[str, bytes]]) -> list[pa.RecordBatch]:
    """All files that are code by licence and name, and are text: the others cost neither side anything."""
    rules = [rule for rule in filters(_SETTINGS) if rule.name in ("github_license", "github_path", "github_text")]
    batches = []
    for name, content in archives:
        file = RawFile.of_bytes(name, content)
        documents = [record for record in read(file, _SETTINGS) if isinstance(record, RawDocument)]
        for batch in document_batches("github", file, documents):
            left = batch
            for rule in rules:
                left = left.filter(rule.apply(left).reason.is_null())
            batches.append(left)
    return batches


def _demo_archives(inputs: Inputs) -> list[tuple[str, bytes]]:
    """Packages that are installed here, where the dumps hold no code."""
    folder = Path(inputs.work, "code")
    demo.write(folder, inputs.size(MEGABYTES), Random(0))
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
