"""Where a source's files lie: finished ones by name, and beside them, in `.fetch`, partial ones, records, bad ones.

The folder's name begins with a dot, so no pattern of a recipe finds what is not finished.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.faults import writing
from pipeline.fetch.transfer import Version
from pipeline.fetch.verify import file_digest

HIDDEN = ".fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a file on disk: where it came from, in which version, and once it is done, what it is."""

    url: str
    version: Version
    size: int | None
    sha1: str = ""
    modified_ns: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the file was verified."""
        return bool(self.sha1)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One source's folder."""

    root: Path

    def path(self, name: str) -> Path:
        """The finished file."""
        return self.root / name

    def partial(self, name: str) -> Path:
        """The file as far as it came."""
        return self.root / HIDDEN / f"{name}.part"

    def partial_bytes(self, name: str) -> int:
        """How far it came."""
        try:
            return self.partial(name).stat().st_size
        except FileNotFoundError:
            return 0

    def begin(self, name: str, record: Record) -> None:
        """Start the file anew. The record comes first, so that no bytes lie there that nobody knows the version of."""
        self.partial(name).unlink(missing_ok=True)
        self.write_record(name, record)
        self.partial(name).touch()

    def drop(self, name: str) -> None:
        """Forget what came so far."""
        self.partial(name).unlink(missing_ok=True)
        self._record(name).unlink(missing_ok=True)

    def publish(self, name: str, record: Record) -> Record:
        """The verified partial file becomes the finished one, in one step."""
        sha1 = file_digest(self.partial(name))
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.partial(name).replace(self.path(name))
        return self.finish(name, record, sha1)

    def finish(self, name: str, record: Record, sha1: str) -> Record:
        """Note that the finished file is verified."""
        state = self.path(name).stat()
        done = Record(
            url=record.url, version=record.version, size=state.st_size, sha1=sha1, modified_ns=state.st_mtime_ns
        )
        self.write_record(name, done)
        return done

    def put_aside(self, path: Path, name: str, reason: str) -> Path:
        """Move a bad file out of the way, with the reason beside it."""
        target = self.root / HIDDEN / "quarantine" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        _write(target.with_name(f"{target.name}.json"), {"name": name, "reason": reason})
        self._record(name).unlink(missing_ok=True)
        return target

    def done(self, name: str) -> Record | None:
        """The record of a finished file that is still the verified one; bytes are read only where its time differs."""
        record, path = self.read_record(name), self.path(name)
        if record is None or not record.is_done or not path.is_file() or path.stat().st_size != record.size:
            return None
        if path.stat().st_mtime_ns == record.modified_ns:
            return record
        return self.finish(name, record, record.sha1) if file_digest(path) == record.sha1 else None

    def read_record(self, name: str) -> Record | None:
        """The record, None where there is none that can be read."""
        try:
            held = json.loads(self._record(name).read_text("utf-8"))
            return Record(**(held | {"version": Version(**held["version"])}))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write_record(self, name: str, record: Record) -> None:
        """Replace the record."""
        _write(self._record(name), asdict(record))

    def _record(self, name: str) -> Path:
        return self.root / HIDDEN / f"{name}.json"


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with writing(path):
        temporary.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
    temporary.replace(path)
