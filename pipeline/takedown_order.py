"""What is to be taken down: the lines of all lists so far, which stay in force for whatever is made anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, first_reason, with_column
from pipeline.errors import SettingError
from pipeline.explain_search import NAMES
from pipeline.storage import Folder

FOLDER = "takedown"
LIST = f"{FOLDER}/list.json"
PENDING = f"{FOLDER}/unfinished.json"
TAKEN_DOWN = "taken_down"


def read_list(path: Path) -> list[str]:
    """The list's lines, trimmed, each once; empty lines and those that begin with `#` say nothing.

    Raises SettingError for a file that cannot be read, is no UTF-8, or names nothing.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"--list {path} cannot be read: {error}") from error
    found = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not found:
        raise SettingError(f"--list {path} names no document: give a doc_id, an origin or an address a line")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenDown:
    """Takes out documents that a takedown names, when the units that hold them are cleaned again.

    A line names the documents whose doc_id, origin or address is exactly the same.
    Source: not in the paper.
    Reads doc_id, origin, url. Rejects: taken_down. Counts: nothing.
    """

    name: ClassVar[str] = "takedown"
    reasons: ClassVar[tuple[str, ...]] = (TAKEN_DOWN,)
    lines: frozenset[str] = field(default_factory=frozenset)

    def names(self, *known: str | None) -> bool:
        """Whether a document with one of these names is taken down."""
        return not self.lines.isdisjoint(known)

    def hits(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows are named."""
        values = pa.array(sorted(self.lines), pa.string())
        first, *more = (pc.is_in(batch.column(name), value_set=values) for name in NAMES)
        for hits in more:
            first = pc.or_(first, hits)
        return first

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """The batch as it came; `reason` is null where the document is kept."""
        return FilterResult(batch, first_reason(taken_down=self.hits(batch)), {})

    def blanked(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches without the text and title of what is named, so that no rejected document has them."""
        for batch in batches:
            hits = self.hits(batch)
            text = pc.if_else(hits, pa.scalar("", pa.large_string()), batch.column("text"))
            title = pc.if_else(hits, pa.scalar(None, pa.string()), batch.column("title"))
            yield with_column(with_column(batch, "text", text), "title", title)


def in_force(output: Folder) -> TakenDown:
    """All lines of the lists that have been given for an output folder."""
    held: dict[str, Any] = output.read_json(LIST) or {}
    return TakenDown(lines=frozenset(held.get("lines", ())))


def put_in_force(output: Folder, lines: Sequence[str]) -> None:
    """Add lines to what is in force."""
    held = in_force(output).lines
    if not held.issuperset(lines):
        output.write_json(LIST, {"lines": sorted(held | set(lines))})


def check_finished(output: Folder) -> None:
    """Raise SettingError where a takedown was killed: nothing may be built of half of it."""
    if output.exists(PENDING):
        raise SettingError(f"a takedown in {output.url} is not finished: run the same `tokenmill takedown` again first")
