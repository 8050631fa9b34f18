"""What is to be fetched: files by name, where they come from, and what is known of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pipeline.errors import TokenmillError

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@,-]{0,199}")
_MAX_NAME_CHARS = 600
MAX_FILE_BYTES = 1 << 40


class UnsafeNameError(TokenmillError):
    """A listing names a file that would lie outside its folder, or that no file system should be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file to fetch. `name` is its path below the source's folder; `urls` are tried in order while a file is absent.

    `size`, `md5` and `sha1` are what a listing says of it, where one does.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    md5: str = ""
    sha1: str = ""
    gzip: bool = False
    max_bytes: int = MAX_FILE_BYTES

    @property
    def has_checksum(self) -> bool:
        """Whether the listing says enough to know the file's bytes."""
        return bool(self.md5 or self.sha1)

    def to_json(self) -> dict[str, Any]:
        """What a dry run shows."""
        return {"name": self.name, "url": self.urls[0], "bytes": self.size}


@dataclass(slots=True)
class Plan:
    """The files that a command asks for, and the names that were refused with their reasons."""

    source: str
    wanted: list[Wanted] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def add(self, name: str, urls: Iterable[str], **known: Any) -> None:
        """Add a file unless its name is unsafe or taken: two downloads must not write one file."""
        try:
            wanted = Wanted(name=safe_name(name), urls=tuple(urls), **known)
        except UnsafeNameError as error:
            self.refuse(name, str(error))
            return
        if name.lower() in self._names:
            self.refuse(name, "the listing names it twice")
        else:
            self._names.add(name.lower())
            self.wanted.append(wanted)

    def refuse(self, name: str, reason: str) -> None:
        """Leave a file out, and say why at the end."""
        self.refused.append((name[:_MAX_NAME_CHARS].encode("unicode_escape").decode("ascii"), reason))


def safe_name(name: str) -> str:
    """The name, where it is a plain path below a folder: no `..`, no root, no hidden part, only plain letters."""
    if len(name) > _MAX_NAME_CHARS:
        raise UnsafeNameError(f"a name of {len(name)} characters")
    if not all(_SEGMENT.fullmatch(part) for part in name.split("/")):
        raise UnsafeNameError("the name is no plain path below a folder")
    return name


def join_url(base: str, path: str) -> str:
    """The address of a path below a base address."""
    return f"{base.rstrip('/')}/{quote(path)}"


def known_size(fields: Mapping[str, Any], key: str = "size") -> int | None:
    """A size that a listing states, None where it states none that can be."""
    text = str(fields.get(key, "")).strip()
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def known_digest(fields: Mapping[str, Any], key: str, digits: int) -> str:
    """A hexadecimal digest that a listing states, empty where it states none that can be."""
    text = str(fields.get(key) or "").strip().lower()
    return text if re.fullmatch(rf"[0-9a-f]{{{digits}}}", text) else ""
