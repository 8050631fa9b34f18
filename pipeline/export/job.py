"""Carries an export out: file by file, each whole or not at all, read back, and remembered, so that a rerun goes on.

In the target lie, beside the files, `_export-NAME.json` (what the export follows from, and bytes and digest of each
file) and, until all files are there, a folder `_export-NAME` with a note for each file that is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.errors import FatalError, SettingError
from pipeline.export.formats import Order, plan_export
from pipeline.export.layout import LaidFile
from pipeline.export.pieces import Piece, Plan
from pipeline.progress import Reporter
from pipeline.remote import TEMPORARY_SUFFIX
from pipeline.run import Run
from pipeline.storage import Folder, digest_of

VERSION = 1
RECORDS = "_export-"


class Export:
    """One export into one folder."""

    def __init__(self, run: Run, order: Order, target: Folder, reporter: Reporter) -> None:
        self._run, self._order, self._target, self._reporter = run, order, target, reporter
        self._plan, self._key = self._planned()
        self._record_name = f"{RECORDS}{order.name}.json"
        self._notes = f"{RECORDS}{order.name}"
        self._bytes_done = 0

    def bring_up_to_date(self) -> bool:
        """Write what is missing; False where nothing was. Raises SettingError rather than write over others' files."""
        before = self._target.read_json(self._record_name) or {}
        known = before.get("files", {}) if before.get("key") == self._key else {}
        if before.get("done") and known and all(self._is_there(name, known[name]) for name in known):
            return False
        self._check_nothing_foreign(set(before.get("files", {})))
        self._clear({} if known else before)
        files = {name: known.get(name, {}) for name in self._plan.names}
        self._target.write_json(self._record_name, {"key": self._key, "done": False, "files": files})
        total = sum(piece.bytes for piece in self._plan.pieces)
        with self._reporter.watch(f"export {self._order.name}", total, lambda: self._bytes_done):
            written = {piece.name: self._ensured(piece, files[piece.name]) for piece in self._plan.pieces}
        self._write_indexes(written)
        if self._planned()[1] != self._key:
            raise FatalError("what is exported changed meanwhile: run the same command again")
        self._target.write_json(self._record_name, self._record(written))
        self._target.delete(self._notes)
        return True

    def figures(self) -> dict[str, Any]:
        """What the folder holds of this export."""
        record = self._target.read_json(self._record_name) or {}
        kept = {key: value for key, value in record.items() if key not in ("key", "files", "done")}
        return {"to": self._target.url, "files": len(record.get("files", {}))} | kept

    def _planned(self) -> tuple[Plan, str]:
        plan, follows_from = plan_export(self._run, self._order)
        return plan, digest_of([VERSION, follows_from])

    def _is_there(self, name: str, said: dict[str, Any]) -> bool:
        return "bytes" in said and self._target.size(name) == said["bytes"]

    def _check_nothing_foreign(self, ours: set[str]) -> None:
        """Raise SettingError where a file would be written over that this export has not written."""
        present = set(_below(self._target, self._plan.names))
        if foreign := sorted(present & set(self._plan.names) - ours):
            raise SettingError(f"--to {self._target.url}: {foreign[0]} lies there, which this export did not write")

    def _clear(self, before: dict[str, Any]) -> None:
        """Remove what a killed export left half-written, and what an earlier one wrote of something else."""
        stale = [name for name in before.get("files", {}) if _is_within(name)]
        present = _below(self._target, self._plan.names)
        left = [name for name in present if name.rsplit("/", 1)[-1].startswith(".")]
        for name in (*stale, *(name for name in left if name.endswith(TEMPORARY_SUFFIX))):
            self._target.delete(name)
        if before:
            self._target.delete(self._notes)

    def _ensured(self, piece: Piece, known: dict[str, Any]) -> dict[str, Any]:
        """What is known of the file, from now or from before."""
        note = self._target.read_json(f"{self._notes}/{piece.name}.json") or {}
        for said in (known, note.get("file", {}) if note.get("key") == self._key else {}):
            if self._is_there(piece.name, said):
                self._advance(piece.bytes)
                return said
        return self._written(piece)

    def _advance(self, count: int) -> None:
        self._bytes_done += count

    def _written(self, piece: Piece) -> dict[str, Any]:
        """Write one file, compare what was read with what can be read of it, and note it."""
        with self._target.create(piece.name) as pending:
            given = piece.write(pending.path, self._advance)
            if piece.read(pending.path) != given:
                raise FatalError(f"{piece.name}: what was written does not read back as the ids that went in")
        assert pending.output is not None  # published: `create` would have raised
        output = pending.output
        if not self._target.is_local and self._target.digest(piece.name) != output.digest:
            raise FatalError(f"{self._target.address(piece.name)} did not arrive as it was sent")
        file = {"bytes": output.bytes, "digest": output.digest, "tokens": piece.tokens, "tokens_digest": given}
        self._target.write_json(f"{self._notes}/{piece.name}.json", {"key": self._key, "file": file})
        return file

    def _write_indexes(self, written: dict[str, dict[str, Any]]) -> None:
        """The files by which readers find the others come last: before, a reader finds nothing."""
        for split in self._plan.left_out if self._plan.index_name else ():
            files = [
                LaidFile(name=name.rsplit("/", 1)[-1], bytes=written[name]["bytes"], tokens=written[name]["tokens"])
                for name in (piece.name for piece in self._plan.pieces if piece.split == split)
            ]
            name = f"{split}/{self._plan.index_name}"
            output = self._target.write_text(name, self._plan.index(files).decode())
            written[name] = {"bytes": output.bytes, "digest": output.digest, "tokens": 0}

    def _record(self, written: dict[str, dict[str, Any]]) -> dict[str, Any]:
        splits = {
            split: {
                "files": sum(piece.split == split for piece in self._plan.pieces),
                "tokens": sum(piece.tokens for piece in self._plan.pieces if piece.split == split),
                "left_out_tokens": left_out,
            }
            for split, left_out in self._plan.left_out.items()
        }
        return {
            "version": VERSION,
            "format": self._order.form,
            "of": self._order.of,
            "key": self._key,
            "done": True,
            "splits": splits,
            "tokens": sum(split["tokens"] for split in splits.values()),
            "bytes": sum(file["bytes"] for file in written.values()),
            "files": written,
            "digest": digest_of({name: file["digest"] for name, file in written.items()}),
        }


def _below(target: Folder, names: Sequence[str]) -> Iterator[str]:
    """Names of what lies in the folders that these files lie in."""
    for folder in {name.rpartition("/")[0] for name in names}:
        yield from (f"{folder}/{name}" if folder else name for name in target.list(folder))


def _is_within(name: str) -> bool:
    """Does a name stay below the folder? A record is a file that anyone may have written."""
    return bool(name) and not name.startswith("/") and "\\" not in name and ".." not in name.split("/")
