"""The demo's input: raw dumps of all seven sources in their genuine formats, built on the spot without a download.

`python -c "from pathlib import Path; from pipeline.demo_input import generate; generate(Path('out/demo-dumps'), 0)"`
"""

import hashlib
import json
import shutil
from pathlib import Path
from random import Random

from pipeline.demo import arxiv, books, c4, commoncrawl, github, stackexchange, wikipedia
from pipeline.demo.containers import write_file
from pipeline.demo.prose import PassagePool, enough, harvest
from pipeline.section import SOURCES

MARKER = "demo.json"
PROSE_CHARS = 9_000_000
"""How much prose is looked for at scale 1; the dumps hold about twice as much. What is not found is put together."""

GITHUB_BYTES = 1_400_000
WIKIPEDIA_CHARS = 2_400_000
SHARES = {"commoncrawl": 0.62, "c4": 0.12, "books": 0.07, "arxiv": 0.05, "stackexchange": 0.05}
"""Shares of the prose; Wikipedia's English half takes the rest."""


def generate(folder: Path, seed: int, scale: float = 1.0) -> dict[str, int]:
    """Writes the dumps below `folder`, unless they are there; returns `SOURCE_files` and `SOURCE_bytes`.

    The same bytes for the same seed and scale on one machine; another machine has other packages, so other prose.
    Raises ValueError where seed or scale is out of bounds, or `folder` holds something that is not the demo's.
    """
    if seed < 0 or not 0 < scale <= 100:
        raise ValueError(f"seed must be at least 0 and scale above 0 and at most 100, got {seed} and {scale}")
    settings = {"seed": seed, "scale": scale}
    present = marker(folder)
    if present is not None and settings.items() <= present.items() and present.get("digest") == digest(folder):
        return _sizes(folder)
    _clear(folder)
    _write_dumps(folder, seed, scale)
    sizes = _sizes(folder)
    content = {**settings, "digest": digest(folder), "sizes": sizes}
    write_file(folder / MARKER, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return sizes


def marker(folder: Path) -> dict[str, object] | None:
    """What the folder says about itself, where it holds the demo's dumps."""
    try:
        content = json.loads((folder / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def digest(folder: Path) -> str:
    """SHA-256 over the names and the bytes of all dumps below the folder."""
    total = hashlib.sha256()
    for path in _dumps(folder):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _write_dumps(folder: Path, seed: int, scale: float) -> None:
    """Each source has its own random stream, so that a change to one leaves the others as they were."""
    streams = {name: Random(f"{seed}/{name}") for name in ("prose", *SOURCES)}
    wanted = int(PROSE_CHARS * scale)
    pool = PassagePool(enough(harvest(wanted), wanted, Random(f"{seed}/retold")), streams["prose"])
    chars = {name: int(pool.total_chars * share) for name, share in SHARES.items()}
    c4.write(folder / "c4", pool, chars["c4"], streams["c4"])
    books.write(folder / "books", pool, chars["books"], streams["books"])
    arxiv.write(folder / "arxiv", pool, chars["arxiv"], streams["arxiv"])
    stackexchange.write(folder / "stackexchange", pool, chars["stackexchange"], streams["stackexchange"])
    cited = commoncrawl.write(folder / "commoncrawl", pool, chars["commoncrawl"], streams["commoncrawl"])
    cited = cited[::2]  # The other half are good pages that nobody happened to cite.
    wikipedia.write(folder / "wikipedia", pool, int(WIKIPEDIA_CHARS * scale), cited, streams["wikipedia"])
    github.write(folder / "github", int(GITHUB_BYTES * scale), streams["github"])


def _dumps(folder: Path) -> list[Path]:
    return sorted(path for name in SOURCES for path in (folder / name).rglob("*") if path.is_file())


def _sizes(folder: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name in SOURCES:
        files = [path for path in _dumps(folder) if path.relative_to(folder).parts[0] == name]
        sizes[f"{name}_files"] = len(files)
        sizes[f"{name}_bytes"] = sum(path.stat().st_size for path in files)
    return sizes


def _clear(folder: Path) -> None:
    """Removes what this module wrote, and refuses a folder with anything else in it."""
    if not folder.is_dir():
        return
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in (*SOURCES, MARKER))
    if foreign:
        raise ValueError(f"{folder} holds {foreign[0]}, which is not the demo's: name an empty folder")
    (folder / MARKER).unlink(missing_ok=True)
    for name in SOURCES:
        shutil.rmtree(folder / name, ignore_errors=True)
