"""Which raw files a run reads: what the recipe's patterns match, less what its other keys leave out.

A pattern that ends in `/` matches folders: each is read as if it were a tar archive of its files; of a git repository,
bare or not, what HEAD holds is read instead.
"""

import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir
from typing import BinaryIO, cast

from pipeline.corpora.corpus import GIT_SUFFIX, RawFile
from pipeline.corpora.stackexchange import choose_sites, count_posts, site_of
from pipeline.corpora.wikinames import index_names, is_index, read_as_another
from pipeline.faults import writing
from pipeline.raw_reads import open_raw
from pipeline.recipe import Recipe
from pipeline.storage import Folder, digest_of, digest_of_stream

_LEFT_OUT_OF_TREES = {".git", ".hg", ".svn"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """The raw files below a folder. `memory` is where what is slow to find out is remembered, once a run has begun."""

    folder: Folder
    memory: Folder | None = None

    def names(self, source: str, recipe: Recipe) -> list[str]:
        """The source's files that the recipe asks for, in name order."""
        found = self._found(source, recipe)
        if source == "commoncrawl" and recipe.commoncrawl.dumps:
            found = [name for name in found if any(dump in name for dump in recipe.commoncrawl.dumps)]
        if source == "stackexchange":
            found = sorted(self._largest_sites(found, recipe.stackexchange.sites))
        if source == "wikipedia":
            again = read_as_another(found)
            found = [name for name in found if name not in again and not is_index(name)]
        return found

    def _found(self, source: str, recipe: Recipe) -> list[str]:
        return sorted({name for pattern in recipe.patterns(source) for name in self.folder.glob(pattern)})

    def left_out(self, source: str, recipe: Recipe) -> dict[str, str]:
        """What the patterns match and is not read: name → why."""
        found = self._found(source, recipe)
        again = read_as_another(found) if source == "wikipedia" else {}
        why = {name: f"the same dump is read as {other}" for name, other in again.items()}
        return {name: why.get(name, "by the recipe") for name in sorted(set(found) - set(self.names(source, recipe)))}

    def companions(self, source: str, name: str) -> list[str]:
        """Files that are there and read along with one of the source."""
        folder = name.rpartition("/")[0]
        found = index_names(name) if source == "wikipedia" else []
        names = [f"{folder}/{other}" if folder else other for other in found]
        return [other for other in names if self.folder.size(other) is not None][:1]

    def without_index(self, source: str, recipe: Recipe) -> list[str]:
        """Multistream dumps beside which no index lies: what a damaged stream costs cannot be said of them."""
        names = self.names(source, recipe) if source == "wikipedia" else []
        return [name for name in names if index_names(name) and not self.companions(source, name)]

    def file(self, name: str, part: int = 1, parts: int = 1) -> RawFile:
        """The raw file of a name, or a part of it: a file, a folder as a tar archive, or a git repository."""
        git = self._git_folder(name)
        if git is not None:
            return RawFile(
                name=name.rstrip("/") if name.endswith(f"{GIT_SUFFIX}/") else f"{name}{GIT_SUFFIX}",
                size=self.size(name),
                opener=lambda: open_raw(name, lambda: self._tar(name)),
                git_folder=lambda: self._local(name, git),
            )
        if name.endswith("/"):
            archive = f"{name.rstrip('/')}.tar"
            return RawFile(name=archive, size=self.size(name), opener=lambda: open_raw(name, lambda: self._tar(name)))
        return RawFile(
            name=name,
            size=self.size(name),
            opener=lambda: self._open(name),
            beside=partial(self._beside, name.rpartition("/")[0]),
            part=part,
            parts=parts,
        )

    def _beside(self, folder: str, name: str) -> RawFile | None:
        path = f"{folder}/{name}" if folder else name
        return self.file(path) if self.folder.size(path) is not None else None

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
            return digest_of({member: self._digest(member) for member in self._members(name)})
        return self._digest(name)

    def _open(self, name: str) -> BinaryIO:
        return open_raw(self.folder.address(name), lambda: self.folder.open(name))

    def _digest(self, name: str) -> str:
        with self._open(name) as stream:
            return digest_of_stream(stream)

    def _git_folder(self, name: str) -> str | None:
        """The folder of a repository's objects: the folder itself where it is bare, or the `.git/` in it."""
        if not name.endswith("/"):
            return None
        folders = (name, f"{name}.git/")
        return next((f for f in folders if self.folder.exists(f"{f}HEAD") and self.folder.exists(f"{f}objects")), None)

    @contextmanager
    def _local(self, name: str, git: str) -> Iterator[Path]:
        """A repository's folder on this machine; from elsewhere, copied to a temporary one."""
        if self.folder.is_local:
            yield self.folder.local_path(git)
            return
        with TemporaryDirectory() as temporary:
            for member in self._members(name):
                copy = Path(temporary, member[len(git) :])
                if ".." in copy.parts:
                    continue
                copy.parent.mkdir(parents=True, exist_ok=True)
                with self._open(member) as stream, writing(copy), copy.open("wb") as target:
                    shutil.copyfileobj(stream, target)
            yield Path(temporary)

    def _members(self, name: str) -> list[str]:
        git = self._git_folder(name)
        if git is not None:
            kept = tuple(git + part for part in ("HEAD", "packed-refs", "refs/", "objects/"))
            return [member for member in self.folder.walk(git) if member.startswith(kept)]
        return [member for member in self.folder.walk(name) if not _LEFT_OUT_OF_TREES & set(member.split("/"))]

    def _tar(self, name: str) -> BinaryIO:
        """An uncompressed archive in a temporary file that is gone when it is closed: the same bytes each time."""
        spool = TemporaryFile()  # noqa: SIM115 - the caller closes it
        top = name.rstrip("/").rpartition("/")[0]
        with (
            writing(Path(gettempdir())),
            tarfile.open(fileobj=spool, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member in self._members(name):
                info = tarfile.TarInfo(member[len(top) + 1 :] if top else member)
                with self._open(member) as stream:
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
        if self.memory is None or not self.memory.exists("logs"):
            return count_posts(self.file(name))
        remembered = f"logs/posts/{digest_of(name)}.json"
        fingerprint = self.fingerprint(name)
        held: Mapping[str, object] = self.memory.read_json(remembered) or {}
        if held.get("fingerprint") == fingerprint:
            return int(str(held["posts"]))
        count = count_posts(self.file(name))
        self.memory.write_json(remembered, {"name": name, "fingerprint": fingerprint, "posts": count})
        return count
