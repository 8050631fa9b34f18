"""One request for the bytes of a file from some place on, whatever the protocol, and how it may fail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.errors import TokenmillError


class TransferError(TokenmillError):
    """A request did not bring what it was to bring."""


class AbsentError(TransferError):
    """There is no such file."""


class RefusedError(TransferError):
    """It cannot be had, however often one asks."""


class CutError(TransferError):
    """The connection failed, or what came cannot be right; another attempt may go better."""


class BusyError(TransferError):
    """The server asks to be left alone for a while: `wait_seconds`, 0 where it does not say how long."""

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What tells one state of a remote file from another: its ETag and Last-Modified, as the server writes them."""

    etag: str = ""
    modified: str = ""

    @property
    def condition(self) -> str:
        """What If-Range takes: a strong ETag or a date; empty where there is neither (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def differs(self, other: "Version") -> bool:
        """Whether both speak, and of different states."""
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.modified and other.modified) and self.modified != other.modified

    def to_json(self) -> dict[str, Any]:
        """As a record holds it."""
        return {"etag": self.etag, "modified": self.modified}


@dataclass(slots=True, kw_only=True)
class Reply:
    """The bytes of a file from `start` on. `total` is the whole file's size, None where it is sent in chunks."""

    start: int
    total: int | None
    version: Version
    chunks: Iterator[bytes]
    close: Callable[[], None]


class Transport(Protocol):
    """Where files come from."""

    def open(self, url: str, start: int, version: Version) -> Reply:
        """The bytes from `start` on while the file is still in that version, else the file from another start."""

    def size(self, url: str) -> int | None:
        """The file's size without its bytes, None where nobody says."""
