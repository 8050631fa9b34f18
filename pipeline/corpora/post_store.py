"""Posts of a site, or a part of one, joined to threads in a temporary file: memory does not grow with them."""

import sqlite3
from collections.abc import Iterable, Iterator

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord
from pipeline.corpora.posts import QUESTION, BadRow, Row


class PostStore:
    """Takes rows in any order, and gives threads by their first post's id.

    SQLite keeps a small database in its cache and removes the file as soon as it has opened it. Of rows with one id the
    first in the table is read, and the others are bad.
    """

    def __init__(self, *, max_thread_bytes: int) -> None:
        self._max_thread_bytes = max_thread_bytes
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_TABLES)

    def add(self, start: int, size: int, row: Row) -> None:
        """Take a post, and where its row begins in the table, and its bytes there."""
        self._database.execute(_INSERT, (start, size, *(getattr(row, name) for name in _NAMES)))

    def add_bad(self, row: BadRow) -> None:
        """Take a row that could not be read."""
        self._database.execute("INSERT INTO bad VALUES (?, ?, ?, ?)", (row.start, row.reason, row.raw, row.size))

    def repeat(self, starts: Iterable[int]) -> None:
        """Say that the ids of the rows that begin there are those of earlier rows, which lie elsewhere."""
        self._database.executemany("INSERT OR IGNORE INTO repeated VALUES (?)", ((start,) for start in starts))

    def finish(self) -> None:
        """Take out the rows whose id came before, and make the join ready."""
        self._database.execute("CREATE INDEX ids ON post (id, start, type, parent)")
        twice = self._database.execute("SELECT id FROM post GROUP BY id HAVING count(*) > 1").fetchall()
        for (post,) in twice:
            _, *later = self._database.execute("SELECT start FROM post WHERE id = ? ORDER BY start", (post,)).fetchall()
            self.repeat(start for (start,) in later)
        if self._database.execute("SELECT EXISTS (SELECT 1 FROM repeated)").fetchone()[0]:
            self._database.execute(_REPEATED_ARE_BAD, (QUARANTINED_BYTES,))
            self._database.execute("DELETE FROM post WHERE start IN (SELECT start FROM repeated)")
        self._database.execute("CREATE INDEX answers ON post (parent, score DESC, id) WHERE type = 2")

    def close(self) -> None:
        """Drop everything."""
        self._database.close()

    def bad_rows(self) -> Iterator[BadRecord]:
        """Rows that could not be read, in the table's order."""
        for start, reason, raw, size in self._database.execute("SELECT * FROM bad ORDER BY start"):
            yield BadRow(start=start, reason=reason, raw=raw, size=size).record

    def threads(self) -> Iterator[list[Row] | BadRecord]:
        """A question and its answers, best first; a post that belongs to no question, alone; by the first post's id."""
        heads = self._database.execute(_HEADS)
        for head, kind in heads:
            size, posts = self._database.execute(_SIZE, (head, head if kind == QUESTION else None)).fetchone()
            if size > self._max_thread_bytes:
                detail = f"{posts} posts of {size} bytes"
                yield BadRecord(key=f"question-{head}", reason="thread_too_large", detail=detail, size=size)
                continue
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM post WHERE id = ?", (head,)).fetchall()
            if kind == QUESTION:
                rows += self._database.execute(_ANSWERS, (head,)).fetchall()
            yield [Row(**dict(zip(_NAMES, row, strict=True))) for row in rows]


_NAMES = ("id", "type", "parent", "score", "title", "body", "date", "license")
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INSERT INTO post (start, size, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ANSWERS = f"SELECT {_COLUMNS} FROM post WHERE type = 2 AND parent = ? ORDER BY score DESC, id"
_SIZE = "SELECT sum(length(title) + length(body)), count(*) FROM post WHERE id = ? OR (type = 2 AND parent = ?)"
_HEADS = """
SELECT id, type FROM post WHERE type <> 2
    OR NOT EXISTS (SELECT 1 FROM post AS question WHERE question.id = post.parent AND question.type = 1)
ORDER BY id
"""
_REPEATED_ARE_BAD = """
INSERT INTO bad SELECT start, 'repeated_id', CAST(substr(title || ' ' || body, 1, ?) AS BLOB), size FROM post
    WHERE start IN (SELECT start FROM repeated)
"""
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE post (start INTEGER, size INTEGER, id INTEGER, type INTEGER, parent INTEGER, score INTEGER,
                   title TEXT, body TEXT, date TEXT, license TEXT);
CREATE TABLE bad (start INTEGER, reason TEXT, raw BLOB, size INTEGER);
CREATE TABLE repeated (start INTEGER PRIMARY KEY);
"""
