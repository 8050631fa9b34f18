"""ArXiv papers, TeX to text: the whole chain of rules against RedPajama's patterns on the same files."""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from statistics import median
from typing import IO

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, kept_rows
from benchmarks.markup import shared_words
from pipeline.corpora.arxiv import filters, read
from pipeline.corpora.corpus import RawDocument, RawFile, document_batches
from pipeline.source_sections import ArXiv

_HEADING_KINDS = "chapter part section subsection subsubsection".split()
_HEADINGS = (
    r"^(.*?)("
    + "".join(rf"\\\b{kind}\b\*?(?:\[(.*?)\])?\{{(.*?)\}}|" for kind in _HEADING_KINDS)
    + r"\\\bparagraph\b\*?(?:\[(.*?)\])?\{(.*?)\}"  # No bar: it is a heading only with the next one after it.
    + r"\\\bsubparagraph\b\*?(?:\[(.*?)\])?\{(.*?)\}"
    + r")"
)
_CLOSING = (
    r"(\\appendix|\\begin\{references\}|\\begin\{REFERENCES\}|\\begin\{thebibliography\}|\\bibliography\{.*\}).*$"
)
_MIN_SHARED = 0.5


def patterns_way(files: list[str]) -> str:
    """What RedPajama v1's arxiv_cleaner.py makes of the files of a paper. Raises re.error where it loses the paper."""
    macros: dict[str, str] = {}
    for file in files:
        macros.update(_macros(file))
    return "\n".join(_cleaned(file, macros) for file in files)


def _macros(file: str) -> dict[str, str]:
    macros: dict[str, str] = {}
    for pattern in (
        r"\\\bnewcommand\b\*?\{(\\[a-zA-Z0-9]+?)\}\{(.*?)\}$",
        r"\\def\s*(\\[a-zA-Z0-9]+?)\s*\{(.*?)\}$",
    ):
        for match in re.finditer(pattern, file, flags=re.MULTILINE):
            name, value = (match.group(part).encode("unicode-escape").decode() for part in (1, 2))
            macros[name] = value
    return macros


def _cleaned(text: str, macros: dict[str, str]) -> str:
    if not re.search(_HEADINGS, text, flags=re.DOTALL):
        return ""
    text = re.sub(_HEADINGS, r"\2", text, flags=re.DOTALL)
    text = re.sub(r"(?m)^%.*\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"[^\\]%.+$", "", text, flags=re.MULTILINE)
    text = re.sub(_CLOSING, "", text, flags=re.DOTALL)
    for name, value in macros.items():
        text = re.sub(rf"({name})([^a-zA-Z0-9])", value + r"\2", text)
    return text


def arxiv(inputs: Inputs) -> Figures:
    """Bulk archives in memory to what stays in the corpus; the reference reads them with tarfile and gzip."""
    archives = inputs.archives("arxiv", 8)
    size = sum(len(file) for _, content in archives for files in _papers(content).values() for file in files)

    def agree(mine: dict[str, str], theirs: dict[str, str]) -> None:
        both = [shared_words([mine[key]], [theirs[key]]) for key in mine.keys() & theirs.keys()]
        shared = median(both) if both else 0.0
        if shared < _MIN_SHARED:
            raise DisagreementError(f"{shared:.0%} of a paper's words are the same, {_MIN_SHARED:.0%} were expected")

    def ours() -> dict[str, str]:
        return {key: text for name, content in archives for key, text in chain_way(name, content)}

    def theirs() -> dict[str, str]:
        papers = {key: files for _, content in archives for key, files in _papers(content).items()}
        return {key: text for key, files in papers.items() if (text := _patterns_way_or_nothing(files))}

    return megabytes_a_second(size, race(ours, theirs, seconds=inputs.seconds, agree=agree), "RedPajama v1's patterns")


def chain_way(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """What our reader and rules keep of an archive, by the papers' places in it."""
    settings, file = ArXiv(), RawFile.of_bytes(name, content)
    papers = (record for record in read(file, settings) if isinstance(record, RawDocument))
    for batch in document_batches("arxiv", file, papers):
        kept = kept_rows(filters(settings), batch)
        yield from zip(kept.column("path").to_pylist(), kept.column("text").to_pylist(), strict=True)


def _papers(content: bytes) -> dict[str, list[bytes]]:
    """The TeX files of each paper of a bulk archive, read the usual way; a broken paper has none."""
    with tarfile.open(fileobj=io.BytesIO(content)) as bulk:
        return {member.name: _files(bulk.extractfile(member)) for member in _members(bulk)}


def _members(bulk: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    try:
        yield from (member for member in bulk if member.isfile() and member.name.endswith(".gz"))
    except tarfile.ReadError:
        return  # The archive ends within a member.


def _files(member: IO[bytes] | None) -> list[bytes]:
    try:
        content = member.read() if member else b""
    except tarfile.ReadError:
        return []
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as paper:
            files = [paper.extractfile(file) for file in paper if file.isfile() and file.name.endswith(".tex")]
            return [file.read() for file in files if file]
    except tarfile.ReadError:
        pass
    except (EOFError, OSError, zlib.error):
        return []
    try:
        return [gzip.decompress(content)]
    except (EOFError, OSError, zlib.error):
        return []


def _patterns_way_or_nothing(files: list[bytes]) -> str:
    try:
        return patterns_way([content.decode() for content in files])
    except (UnicodeDecodeError, re.error):
        return ""
