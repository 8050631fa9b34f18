"""Which raw files a run reads: what the recipe's patterns match, less what its other keys leave out.

A pattern that ends in `/` matches folders: each is read as if it were a tar archive of its files.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from pipeline.corpora.corpus import RawFile
from pipeline.corpora.stackexchange import choose_sites, count_posts, site_of
from pipeline.recipe import Recipe
from pipeline.storage import Folder, digest_of

_LEFT_OUT_OF_TREES = {".git", ".hg", ".svn"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """The raw files below a folder. `memory` is where what is slow to find out is remembered, if anywhere."""

    folder: Folder
    memory: Folder | None = None

    def names(self, source: str, recipe: Recipe) -> list[str]:
        """The source's files that the recipe asks for, in name order."""
        found = {name for pattern in recipe.patterns(source) for name in self.folder.glob(pattern)}
        if source == "commoncrawl" and recipe.commoncrawl.dumps:
            found = {name for name in found if any(dump in name for dump in recipe.commoncrawl.dumps)}
        if source == "stackexchange":
            found = set(self._largest_sites(sorted(found), recipe.stackexchange.sites))
        return sorted(found)

    def left_out(self, source: str, recipe: Recipe) -> list[str]:
        """What the patterns match and another key leaves out."""
        return sorted(
            {name for pattern in recipe.patterns(source) for name in self.folder.glob(pattern)}
            - set(self.names(source, recipe))
        )

    def file(self, name: str) -> RawFile:
        """The raw file of a name: a file, or a folder as a tar archive."""
        if name.endswith("/"):
            return RawFile(name=f"{name.rstrip('/')}.tar", size=self.size(name), opener=lambda: self._tar(name))
        return RawFile(name=name, size=self.size(name), opener=lambda: self.folder.open(name))

    def size(self, name: str) -> int:
        """Bytes of a file, or of all files of a folder."""
        if name.endswith("/"):
            return sum(self.folder.size(member) or 0 for member in self._members(name))
        return self.folder.size(name) or 0

    def fingerprint(self, name: str) -> str:
        """Changes whenever the file system says that the file, or one of the folder, changed."""
        if name.endswith("/"):
            return digest_of({member: self.folder.fingerprint(member) for member in self._members(name)})
        return self.folder.fingerprint(name)

    def digest(self, name: str) -> str:
        """Digest of the content of a file, or of the names and contents of a folder."""
        if name.endswith("/"):
            return digest_of({member: self.folder.digest(member) for member in self._members(name)})
        return self.folder.digest(name)

    def _members(self, name: str) -> list[str]:
        return [member for member in self.folder.walk(name) if not _LEFT_OUT_OF_TREES & set(member.split("/"))]

    def _tar(self, name: str) -> BinaryIO:
        """An uncompressed archive in a temporary file that is gone when it is closed: the same bytes each time."""
        spool = TemporaryFile()  # noqa: SIM115 - the caller closes it
        top = name.rstrip("/").rpartition("/")[0]
        with tarfile.open(fileobj=spool, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for member in self._members(name):
                info = tarfile.TarInfo(member[len(top) + 1 :] if top else member)
                with self.folder.open(member) as stream:
                    info.size = stream.seek(0, io.SEEK_END)
                    stream.seek(0)
                    archive.addfile(info, stream)
        spool.seek(0)
        return cast(BinaryIO, spool)

    def _largest_sites(self, names: Sequence[str], sites: int) -> Sequence[str]:
        """One dump of each of the largest sites; a dump that cannot be counted stays, to be quarantined in the open."""
        found = {site_of(name) for name in names}
        if len(found) == len(names) <= sites:
            return names
        counts = {name: self._posts(name) for name in names}
        return [*choose_sites(counts, sites), *(name for name, count in counts.items() if not count)]

    def _posts(self, name: str) -> int:
        if self.memory is None:
            return count_posts(self.file(name))
        remembered = f"logs/posts/{digest_of(name)}.json"
        fingerprint = self.fingerprint(name)
        held: Mapping[str, object] = self.memory.read_json(remembered) or {}
        if held.get("fingerprint") == fingerprint:
            return int(str(held["posts"]))
        count = count_posts(self.file(name))
        self.memory.write_json(remembered, {"name": name, "fingerprint": fingerprint, "posts": count})
        return count
