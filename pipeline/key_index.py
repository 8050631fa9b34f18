"""Key indexes: which lines, addresses or texts a dump has, so that a later dump is deduplicated without its text.

An index is a folder of files of sorted 64-bit keys, each for one range of keys of one block of units, and `index.json`,
which is written last and says what lies there. With 64 bits, two dumps of ten billion keys each share about five keys
by chance.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from filters.dedup import is_member
from filters.fingerprint import Array
from filters.load_once import load_once
from pipeline.errors import SettingError
from pipeline.storage import Folder, Output

INDEX = "index.json"
KEYS = "keys"
"""The folder of an output folder that holds its indexes: `keys/STAGE/SOURCE`."""

_RANGES = 1 << 32  # Partitions are ranges of the keys' high halves.


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIndex:
    """Keys of one kind: those of earlier dumps, and where those of this dump are written. Small and picklable.

    `earlier` are addresses of index folders; `folder` is None where nothing is written; `notes` is where it is said
    what was written, for `finish_index`.
    """

    kind: str
    earlier: tuple[str, ...] = ()
    folder: Folder | None = None
    notes: Folder | None = None

    def known(self, keys: Array, partition: int, partitions: int) -> Array:
        """Which keys of a partition some earlier dump has. One file of an index is in memory at a time."""
        found = np.zeros(len(keys), np.bool_)
        for address in self.earlier if len(keys) else ():
            folder = Folder(address)
            for name in _files_of(folder, self.kind, partition, partitions):
                with folder.open(name) as stream:
                    found |= is_member(keys, np.frombuffer(stream.read(), "<u8"))
        return found

    def write(self, block: int, partition: int, sorted_keys: Array) -> None:
        """One partition's keys of this dump, whole or not at all; nothing where no index is asked for."""
        if self.folder is None or self.notes is None or not len(sorted_keys):
            return
        name = f"{self.kind}-{block:05}-{partition:05}.keys"
        with self.folder.create(name) as pending:
            sorted_keys.astype("<u8").tofile(pending.path)
        assert pending.output is not None  # published: `create` would have raised
        self.notes.write_json(
            name, {"kind": self.kind, "block": block, "partition": partition} | asdict(pending.output)
        )


def partition_of(keys: Array, partitions: int) -> Array:
    """The partition of each 64-bit key: equal ranges of their high halves."""
    partition: Array = (keys >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)
    return partition


def finish_index(folder: Folder, notes: Folder, kinds: Collection[str], partitions: int) -> Mapping[str, Output]:
    """Write `index.json` of the files that the notes name, and remove all others.

    Gives the size and digest of each file below the folder.
    """
    files = {name: note for name in notes.list() if (note := notes.read_json(name)) is not None}
    written = folder.write_json(INDEX, {"version": 1, "kinds": sorted(kinds), "partitions": partitions, "files": files})
    for name in folder.list():
        if name != INDEX and name not in files:
            folder.delete(name)
    return {name: Output(item["bytes"], item["digest"]) for name, item in files.items()} | {INDEX: written}


def check_earlier(setting: str, addresses: Iterable[str], kinds: Collection[str]) -> None:
    """Raise SettingError, before any work, for an index that is not there or holds other keys than are asked for."""
    for address in addresses:
        held = _read(Folder(address))
        if held is None:
            raise SettingError(
                f"{setting}: no key index at {address}; a run with write_keys = true leaves one in {KEYS}/"
            )
        if missing := sorted(set(kinds) - set(held["kinds"])):
            there = ", ".join(held["kinds"]) or "nothing"
            raise SettingError(f"{setting}: {address} holds keys of {there}, this run needs {', '.join(missing)}")


def index_digest(address: str) -> str:
    """Digest of an index's `index.json`, which has the digest of each file."""
    return Folder(address).digest(INDEX)


def _files_of(folder: Folder, kind: str, partition: int, partitions: int) -> Iterator[str]:
    """The files that may hold keys of a partition, of whatever number of partitions the index was written in."""
    if not folder.exists(INDEX):
        raise FileNotFoundError(f"no key index at {folder.url}")
    # Read once a process, not once a partition: it names every file of the index.
    held = load_once(_index_of, folder.url, folder.fingerprint(INDEX))
    low, high = (-(-bound * _RANGES // partitions) for bound in (partition, partition + 1))
    first, last = (place * held["partitions"] // _RANGES for place in (low, high - 1))
    for name, item in held["files"].items():
        if item["kind"] == kind and first <= item["partition"] <= last:
            yield name


def _index_of(address: str, _fingerprint: str) -> dict[str, Any]:
    held = _read(Folder(address))
    if held is None:
        raise FileNotFoundError(f"no key index at {address}")
    return held


def _read(folder: Folder) -> dict[str, Any] | None:
    held = folder.read_json(INDEX)
    return held if held is not None and held.get("version") == 1 else None
