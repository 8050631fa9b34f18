"""Reads evaluation sets: JSON lines, plain or compressed, local or by fsspec address, as items with passages of text.

What cannot be read is a reason, counted by set with examples: a broken line costs that line alone, a broken file what
lies behind the fault. One line is in memory at a time, and no line longer than `MAX_LINE_BYTES` is.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.errors import SettingError
from pipeline.raw_reads import refuse
from pipeline.recipe import Recipe
from pipeline.storage import Folder

MAX_LINE_BYTES = 16 << 20
MAX_DEPTH = 8
"""How far below an item's own fields strings are looked for."""
SHOWN_FAULTS = 5
_CHUNK_BYTES = 1 << 20
_CODECS = {"gz": "gzip", "zst": "zstd", "bz2": "bz2", "lz4": "lz4"}
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object of a set: where it stands (FILE#LINE) and its strings with the names of their fields."""

    origin: str
    passages: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Faults:
    """What could not be read of a set."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, reason: str, origin: str, detail: str = "") -> None:
        """One more line or file."""
        self.counts[reason] += 1
        if len(self.shown) < SHOWN_FAULTS:
            self.shown.append(f"{origin}: {reason}" + (f" ({detail[:200]})" if detail else ""))


def set_files(pattern: str) -> list[str]:
    """The files that a glob pattern, or a path, matches, as it has them, sorted."""
    match = _WILD.search(pattern)
    fixed = pattern[: match.start()] if match else pattern
    folder, slash, _ = fixed.rpartition("/")
    rest = pattern[len(folder) + len(slash) :]
    return [f"{folder}{slash}{name}" for name in Folder(folder + slash or ".").glob(rest)]


def check_sets(recipe: Recipe) -> None:
    """Raise SettingError where the recipe names a set of which there is no file, before any work."""
    for name, pattern in recipe.decontaminate.sets.items():
        if not set_files(pattern):
            raise SettingError(f"decontaminate.sets.{name}: no file matches {pattern}")


def read_items(files: Sequence[str], fields: Sequence[str], faults: Faults) -> Iterator[Item]:
    """The items of all files in order: the strings of the named fields (`a.b` is b in a), or all strings."""
    for file in files:
        number = 0
        try:
            with open_set(file) as stream:
                for number, line in enumerate(_lines(stream), 1):
                    origin = f"{file}#{number}"
                    try:
                        passages = _passages(line, fields, is_first=number == 1)
                    except _BrokenLineError as error:
                        faults.add(error.reason, origin, str(error))
                        continue
                    if passages is not None:
                        yield Item(origin=origin, passages=passages)
        except (OSError, pa.ArrowException) as error:
            refuse(error, file)
            faults.add("unreadable_file", f"{file}#{number + 1}", str(error))


def open_set(file: str) -> pa.NativeFile:
    """The bytes of a file, decompressed where its name says how (.gz, .zst, .bz2, .lz4)."""
    folder, slash, name = file.rpartition("/")
    raw = pa.PythonFile(Folder(folder + slash or ".").open(name), mode="r")
    codec = _CODECS.get(name.rpartition(".")[2])
    return pa.CompressedInputStream(raw, codec) if codec else raw


def _lines(stream: pa.NativeFile) -> Iterator[bytes | None]:
    """Each line; None in place of one that is too long, which is passed over without being held."""
    held, too_long = bytearray(), False
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            too_long = too_long or len(held) + len(line) > MAX_LINE_BYTES
            yield None if too_long else bytes(held + line)
            held.clear()
            too_long = False
        too_long = too_long or len(held) + len(rest) > MAX_LINE_BYTES
        if too_long:
            held.clear()
        else:
            held += rest
    if held or too_long:
        yield None if too_long else bytes(held)


class _BrokenLineError(Exception):
    """A line that holds no item, and why."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _passages(line: bytes | None, fields: Sequence[str], *, is_first: bool) -> list[tuple[str, str]] | None:
    """The strings of a line's object; None where the line is blank. Raises _BrokenLineError."""
    if line is None:
        raise _BrokenLineError("line_too_long", f"more than {MAX_LINE_BYTES} bytes")
    try:
        text = line.decode("utf-8-sig" if is_first else "utf-8")
        value = json.loads(text) if text.strip() else None
    except UnicodeDecodeError as error:
        raise _BrokenLineError("not_utf8", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _BrokenLineError("not_json", str(error)) from error
    if not text.strip():
        return None
    if not isinstance(value, dict):
        raise _BrokenLineError("not_an_object", type(value).__name__)
    if not fields:
        return list(_strings(value, "", 0))
    found = [passage for name in fields for passage in _strings(_field(value, name), name, 0)]
    if not found:
        raise _BrokenLineError("no_such_field", ", ".join(fields))
    return found


def _field(value: Any, name: str) -> Any:
    """What stands under `a.b`: under that very name, or under b in a; of a list, of each of its objects."""
    if isinstance(value, list):
        return [_field(inner, name) for inner in value]
    if not isinstance(value, Mapping):
        return None
    if name in value:
        return value[name]
    first, dot, rest = name.partition(".")
    return _field(value.get(first), rest) if dot else None


def _strings(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """All strings in a value, with the names of their fields, in the order in which they stand."""
    if isinstance(value, str):
        yield name, value.encode("utf-8", "replace").decode()  # JSON may hold half of a surrogate pair.
    elif isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, inner in value.items():
            yield from _strings(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and depth < MAX_DEPTH:
        for inner in value:
            yield from _strings(inner, name, depth + 1)
