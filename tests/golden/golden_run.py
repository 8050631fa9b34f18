"""A run over dumps written by us: what stands in `run/contents.json` holds on every engine, in every version.

    python tests/golden/golden_run.py

writes it anew, the tokenizer too: only where a rule is to change. It digests what documents, tokens and stream say, not
the bytes of Parquet, which are another with each version of Arrow. No library's random numbers decide the dumps.
"""

import bz2
import gzip
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT)]  # Also as a command.

from archives import tar_of  # noqa: E402

from pipeline.storage import Folder, digest_of, read_batches  # noqa: E402
from tokenizer.train import train_tokenizer  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
CONTENTS, TOKENIZER = GOLDEN / "run/contents.json", GOLDEN / "run/tokenizer.model"
WEIGHTS = "{c4=0.5, books=0.1, wikipedia=0.1, github=0.1, arxiv=0.1, stackexchange=0.1}"
SETTINGS = (
    f"mixture.weights={WEIGHTS}",
    "mixture.total_tokens=16384",
    "mixture.sequence_tokens=64",
    "mixture.shard_sequences=64",
    "near_dedup.sources=['c4', 'books']",
    "books.min_chars=500",
    f"tokenizer.model={TOKENIZER}",
    "tokens.held_out_fraction=0.1",
    "limits.max_failed_fraction=1",
)
PAGES, UNITS = 240, 3


def write_dumps(folder: Path) -> None:
    """Six sources in their genuine formats: the golden pages, and pages of words that hashes draw."""
    pages = [page(number) for number in range(PAGES)]
    pages += pages[::12]  # Duplicates.
    pages += [f"{text} It ends in words of its own." for text in pages[5:PAGES:12]]  # Near-duplicates.
    lines = [json.dumps({"text": text, "url": f"https://e.org/{n}", "timestamp": ""}) for n, text in enumerate(pages)]
    for unit in range(UNITS):
        content = "\n".join(lines[unit::UNITS]).encode() + b"\n" + raw("c4/pages.jsonl")
        _write(folder / f"c4/c4-train.{unit:05d}-of-{UNITS:05d}.json.gz", gzip.compress(content, mtime=0))
    _write(folder / "github/lamp-1.0.tar.gz", gzip.compress(tar("github/repositories"), mtime=0))
    wiki = "wikipedia/dewiki-20260101-pages-articles.xml"
    _write(folder / f"{wiki}.bz2", bz2.compress(raw(wiki)))
    for number in range(2):
        keeper = raw("books/keeper.txt").decode()
        body = "\n\n".join(page(f"book {number} {part}") for part in range(8))
        marker = keeper.index("*** END")
        _write(folder / f"books/9999{number}.txt", f"{keeper[:marker]}{body}\n\n{keeper[marker:]}".encode())
    paper = gzip.compress(tar("arxiv/paper"), mtime=0)
    _write(folder / "arxiv/arXiv_src_2601_001.tar", tar_of({"2601/2601.00001.gz": paper}))
    _write(folder / "stackexchange/lamps-2026/Posts.xml", raw("stackexchange/Posts.xml"))


def page(name: int | str) -> str:
    """Some lines of sentences; which words follow each other is drawn from hashes of the name."""
    words = (GOLDEN / "books/keeper.kept").read_text().lower().replace(".", "").replace(",", "").split()
    drawn = hashlib.shake_128(f"page {name}".encode()).digest(600)
    picked = [words[int.from_bytes(drawn[at : at + 2], "big") % len(words)] for at in range(0, len(drawn), 2)]
    sentences = [" ".join(picked[at : at + 12]).capitalize() + "." for at in range(0, len(picked), 12)]
    return "\n".join(" ".join(sentences[at : at + 3]) for at in range(0, len(sentences), 3))


def contents(output: Folder) -> dict[str, str]:
    """Digests of what a run has made: of token shards and stream their bytes, of documents their rows."""
    found = {}
    for name in output.walk(""):
        if name.startswith(("documents/", "rejected/")):
            found[name] = digest_of(list(_rows(output, name)))
        elif name.startswith(("tokens/", "held-out/", "stream/")) and name.endswith(".bin"):
            found[name] = output.digest(name)
    return found


def _rows(output: Folder, name: str) -> Iterator[dict[str, object]]:
    for batch in read_batches(output, name):
        yield from batch.to_pylist()


def raw(name: str) -> bytes:
    """One of the golden files."""
    return (GOLDEN / name).read_bytes()


def tar(name: str) -> bytes:
    """A golden folder as an archive, in the order of its files' names."""
    root = GOLDEN / name
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return tar_of(dict(sorted(files.items())))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> None:
    """Write the tokenizer and the contents anew."""
    from benchmarks.engine_places import place
    from benchmarks.engines import made

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train_tokenizer((page(n) for n in range(PAGES)), folder / "tokenizer", vocabulary_size=420)
        _write(TOKENIZER, (folder / "tokenizer.model").read_bytes())
        write_dumps(folder / "dumps")
        (folder / "work").mkdir()
        with place("embedded-2")(folder / "dumps", folder / "work") as opened:
            made("embedded-2", opened, folder / "dumps", "demo", SETTINGS, "verify", folder / "listing.json")
            CONTENTS.write_text(json.dumps(contents(Folder(opened.output)), indent=1) + "\n")


if __name__ == "__main__":
    main()
