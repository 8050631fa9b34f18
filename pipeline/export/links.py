"""Token shards under the names by which Megatron-LM, datatrove and OLMo-core look for them: links, or copies.

Each of them reads the ids as they lie, so nothing is converted. Where both folders are on one file system a file
gets a second name, which takes no room; everywhere else it is copied.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import FatalError
from pipeline.export.pieces import Advance, Piece, Plan
from pipeline.export.runs import SourceShard
from pipeline.storage import Folder, digest_of_stream

NAMES: Mapping[str, Mapping[str, str]] = {
    "megatron": {".bin": ".bin", ".idx": ".idx"},
    "datatrove": {".bin": ".ds", ".ds.index": ".ds.index", ".ds.metadata": ".ds.metadata"},
    "olmo": {".bin": ".npy", ".csv.gz": ".csv.gz"},
}
"""For each reader, which of a shard's files it reads and what it calls them."""


def link_plan(tokens: Folder, shards: Sequence[SourceShard], form: str) -> Plan:
    """Each file that this reader needs of each shard, in a folder of its source."""
    pieces = [
        _linked(tokens, shard, own, shard.address(name))
        for shard in shards
        for own, name in NAMES[form].items()
    ]  # fmt: skip
    return Plan(pieces=pieces, left_out={shard.source: 0 for shard in shards})


def _linked(tokens: Folder, shard: SourceShard, own: str, name: str) -> Piece:
    source = shard.address(own)
    said = shard.digest(own)

    size = int(shard.files[f"{shard.name}{own}"]["bytes"])

    def write(path: Path, advance: Advance) -> str:
        if not (tokens.is_local and _link(tokens.local_path(source), path)):
            with tokens.open(source) as stream, path.open("wb") as sink:
                shutil.copyfileobj(stream, sink, 1 << 20)
        advance(size)
        return said

    def read(path: Path) -> str:
        with path.open("rb") as stream:
            return digest_of_stream(stream)

    held = shard.tokens if own == ".bin" else 0
    return Piece(name=name, split=shard.source, tokens=held, bytes=size, write=write, read=read)


def _link(source: Path, path: Path) -> bool:
    """Give a file a second name; False where the file systems do not let us."""
    if not source.exists():
        raise FatalError(f"{source} is gone")
    try:
        path.hardlink_to(source)
    except OSError:
        return False
    return True
