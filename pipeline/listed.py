"""A folder as its listings have it, to look at very many files while nobody writes: a request tells of a thousand.

On this machine it is the folder itself. Elsewhere each question would be a request: what is left to do of 70,000 units
with ten outputs each would be 700,000 of them, and hours. The view is for one look: it does not see what is written
after it was taken, and is thrown away then.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pipeline.remote import RemotePath
from pipeline.storage import Folder

_READ_AT_ONCE = 256
"""Small files that are fetched together: a megabyte of ledger entries, in about the time of a few."""


def listed(folder: Folder) -> Folder:
    """The folder, to be asked about many files before anything is written to it again."""
    return folder if folder.is_local else _ListedFolder(folder.url)


@dataclass(frozen=True, slots=True)
class _ListedFolder(Folder):
    _infos: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict, compare=False, repr=False)
    _contents: dict[str, dict[str, bytes]] = field(default_factory=dict, compare=False, repr=False)
    """Of each folder, what was last fetched together."""

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        return Folder, (self.url,)  # What another process is given is no view of now.

    def exists(self, name: str) -> bool:
        return _base(name) in self._listing(_parent(name))

    def list(self, name: str = "") -> list[str]:
        return sorted(self._listing(name.rstrip("/")))

    def read_json(self, name: str) -> dict[str, Any] | None:
        folder, base = _parent(name), _base(name)
        if base not in self._listing(folder):
            return None
        held = self._contents.get(folder, {})
        if base not in held:
            names = sorted(self._listing(folder))  # Units are looked at in the order of their names.
            start = names.index(base)
            held = self._contents[folder] = self.remote(folder).read_all(names[start : start + _READ_AT_ONCE])
        try:
            value = json.loads(held.get(base, b""))
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def _info(self, name: str) -> dict[str, Any]:
        info = self._listing(_parent(name)).get(_base(name))
        if info is None:
            raise FileNotFoundError(self.address(name))
        return info

    def _listing(self, folder: str) -> dict[str, dict[str, Any]]:
        if folder not in self._infos:
            self._infos[folder] = RemotePath(self.address(folder)).listing()
        return self._infos[folder]


def _parent(name: str) -> str:
    return name.rstrip("/").rpartition("/")[0]


def _base(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
