"""The files of a git repository's HEAD, as members of an archive: bounded, and without a checkout."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dulwich.errors import ObjectFormatException
from dulwich.objects import parse_tree

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.git_objects import GitError, GitObjects, ObjectTooLargeError
from pipeline.corpora.source_archives import ExpansionError, Member, expansion_limit, name_fault
from pipeline.raw_reads import refuse

MAX_DEPTH = 100
MAX_ENTRIES = 1_000_000
"""Linux has 90,000; ten trees that each name one other ten times stand for as many as there are digits."""

BAD_OBJECT_REASONS = ("broken_repository", "broken_object", "object_too_large", "tree_too_deep")

_TREE, _LINK, _SUBMODULE = 0o040000, 0o120000, 0o160000
_KIND_BITS = 0o170000


def git_members(file: RawFile, max_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member | BadRecord]:
    """The files of HEAD's tree whose name is wanted, with at most `max_bytes` of each, in the tree's order.

    A link is a member with its target, a submodule one with the id of the commit that it stands for; nobody follows
    them. What cannot be read, or is named so that it would escape from a folder, is a bad record.
    """
    if file.git_folder is None:
        yield BadRecord(key="repository", reason="broken_repository", detail="no folder of git", size=file.size)
        return
    try:
        with file.git_folder() as folder, GitObjects(folder) as objects:
            walk = _Walk(objects, max_bytes, wanted, bytes_left=expansion_limit(file), entries_left=MAX_ENTRIES)
            yield from walk.tree(objects.tree_of(objects.head()), "", 0)
    except ExpansionError as error:
        yield BadRecord(key="repository", reason="archive_too_large", detail=str(error), size=file.size)
    except (GitError, OSError) as error:
        refuse(error, file.name)
        yield BadRecord(key="repository", reason="broken_repository", detail=str(error)[:200], size=file.size)


@dataclass(slots=True)
class _Walk:
    objects: GitObjects
    max_bytes: int
    wanted: Callable[[str], bool]
    bytes_left: int
    entries_left: int

    def tree(self, name: str, above: str, depth: int) -> Iterator[Member | BadRecord]:
        """All members below a tree."""
        try:
            kind, content = self.objects.read(name)
            entries = list(parse_tree(content, 20)) if kind == b"tree" else None
        except (GitError, ObjectFormatException, ValueError) as error:
            yield _bad(above, error)
            return
        if entries is None:
            yield BadRecord(key=above.rstrip("/") or "repository", reason="broken_object", detail=f"{name} is no tree")
            return
        self._take(len(content), len(entries))
        for raw_name, mode, entry in entries:
            path = above + raw_name.decode("utf-8", "replace")
            fault = "unsafe_name" if b"/" in raw_name else name_fault(path)
            if fault is not None:
                yield BadRecord(key=path, reason=fault)
            elif mode & _KIND_BITS == _TREE and depth >= MAX_DEPTH:
                yield BadRecord(key=path, reason="tree_too_deep", detail=f"more than {MAX_DEPTH} folders")
            elif mode & _KIND_BITS == _TREE:
                yield from self.tree(entry.decode(), f"{path}/", depth + 1)
            elif self.wanted(path):
                yield self._member(path, mode & _KIND_BITS, entry)

    def _member(self, path: str, kind: int, name: bytes) -> Member | BadRecord:
        if kind == _SUBMODULE:
            return Member(path, name, is_link=True)
        try:
            found, content = self.objects.read(name.decode())
        except GitError as error:
            return _bad(path, error)
        if found != b"blob":
            return BadRecord(key=path, reason="broken_object", detail=f"{name.decode()} is no file")
        self._take(len(content), 0)
        return Member(path, content[: self.max_bytes], is_link=kind == _LINK)

    def _take(self, size: int, entries: int) -> None:
        self.bytes_left -= size
        self.entries_left -= entries
        if self.bytes_left < 0 or self.entries_left < 0:
            raise ExpansionError("the repository unpacks to too much")


def _bad(path: str, error: Exception) -> BadRecord:
    reason = "object_too_large" if isinstance(error, ObjectTooLargeError) else "broken_object"
    return BadRecord(key=path.rstrip("/") or "repository", reason=reason, detail=str(error)[:200])
