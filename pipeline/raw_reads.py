"""Raw dumps as streams that tell a disk or store that fails from bytes that are wrong.

Readers take an OSError for damage, since libraries that unpack raise it, and quarantine it. What the file system itself
raises must not end there: the unit would be done, and stay so when the disk is mended.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from pipeline.errors import PieceError
from pipeline.faults import is_fault, said

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 256 << 10


def open_raw(name: str, opener: Callable[[], BinaryIO]) -> BinaryIO:
    """The stream; opening and reading it raise PieceError, which names the file, where the system refuses."""
    with _named(name):
        return cast(BinaryIO, io.BufferedReader(_Raw(name, opener()), _BUFFER_BYTES))


def refuse(error: Exception, name: str) -> None:
    """Raise PieceError for what the system refused, where a library opens files by itself."""
    if is_fault(error):
        raise PieceError(said(error, name)) from error


class _Raw(io.RawIOBase):
    def __init__(self, name: str, stream: BinaryIO) -> None:
        super().__init__()
        self._name, self._stream = name, stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with _named(self._name):
            # Not of BinaryIO, but of every binary stream that reads.
            return int(self._stream.readinto(buffer))  # type: ignore[attr-defined]

    def readall(self) -> bytes:
        with _named(self._name):
            return self._stream.read()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _named(self._name):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = name
        raise PieceError(said(error)) from error
