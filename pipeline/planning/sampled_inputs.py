"""The raw files of a sample: some of a run's files, some of them by their first bytes alone."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from pipeline.corpora.corpus import RawFile
from pipeline.inputs import Inputs
from pipeline.recipe import Recipe
from pipeline.storage import digest_of, digest_of_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which units are read, as SOURCE/UNIT; which files they are of; and of some files how many bytes. Small."""

    units: frozenset[str]
    files: frozenset[tuple[str, str]]
    heads: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledInputs(Inputs):
    """Inputs of which there is no more than the sample."""

    sample: Sample

    def names(self, source: str, recipe: Recipe) -> list[str]:
        """The source's sampled files, in name order."""
        return sorted(name for found, name in self.sample.files if found == source)

    def left_out(self, source: str, recipe: Recipe) -> dict[str, str]:
        """Nothing: what is not in the sample is not there."""
        return {}

    def size(self, name: str) -> int:
        """Bytes of the file, or of the head of it that is read."""
        return self.sample.heads.get(name) or Inputs.size(self, name)

    def fingerprint(self, name: str) -> str:
        """The file's, and where it is cut."""
        found = Inputs.fingerprint(self, name)
        head = self.sample.heads.get(name)
        return found if head is None else digest_of([found, head])

    def digest(self, name: str) -> str:
        """Digest of the file, or of its head."""
        head = self.sample.heads.get(name)
        if head is None:
            return Inputs.digest(self, name)
        with Head(self.folder.open(name), head) as stream:
            return digest_of_stream(cast(BinaryIO, stream))

    def file(self, name: str, part: int = 1, parts: int = 1) -> RawFile:
        """The raw file, or what is read of it."""
        found = Inputs.file(self, name, part, parts)
        head = self.sample.heads.get(name)
        if head is None:
            return found
        return replace(found, size=head, opener=lambda: cast(BinaryIO, Head(found.opener(), head)))


class Head(io.RawIOBase):
    """The first bytes of a stream, as if it ended there."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, where the stream is."""
        return self._stream.seekable()

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """As many bytes as are there before the end."""
        found = self._stream.read(min(len(buffer), max(0, self._size - self._stream.tell())))
        buffer[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; from the end is from where it is cut."""
        return self._stream.seek(self._size + offset) if whence == io.SEEK_END else self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
        super().close()
