"""Is a file what it was to be: its size, its checksums, and gzip read to the end of its last member?"""

import hashlib
from pathlib import Path

from pipeline.corpora.gzip_members import DamageError, Unpacked
from pipeline.fetch.wanted import Wanted

MAX_EXPANSION = 200
"""Text packs three or four times; what packs tighter than this is a bomb, and is not unpacked to its end."""

_GZIP = b"\x1f\x8b"
_ROOM_BYTES = 64 << 20


def fault_of(path: Path, wanted: Wanted) -> str:
    """What is wrong with the file, in a word and its detail; empty where nothing is."""
    size = path.stat().st_size
    if wanted.size is not None and size != wanted.size:
        return f"wrong_size: {size} bytes, not {wanted.size}"
    for kind, told in (("sha1", wanted.sha1), ("md5", wanted.md5)):
        if told and (found := file_digest(path, kind)) != told:
            return f"wrong_{kind}: {found}, not {told}"
    return _gzip_fault(path) if wanted.gzip else ""


def file_digest(path: Path, kind: str = "sha1") -> str:
    """Hexadecimal digest of the file, as listings state it; it guards against accidents, not against attackers."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _gzip_fault(path: Path) -> str:
    """The first damage of any member: checksums, lengths, and bytes that belong to none."""
    with path.open("rb") as stream:
        if stream.read(2) != _GZIP:
            return "not_gzip: the file does not begin as one"
        members = Unpacked(stream, path.name)
        try:
            left = path.stat().st_size * MAX_EXPANSION + _ROOM_BYTES
            while piece := members.read():
                left -= len(piece)
                if left < 0:
                    return f"gzip_bomb: it unpacks to more than {MAX_EXPANSION} times its size"
        except DamageError as damage:
            return f"{damage.reason}: at byte {damage.offset}{': ' * bool(damage.detail)}{damage.detail}"
    return ""
