"""Small repositories made object by object, so that a test can make broken ones."""

import hashlib
import zlib
from pathlib import Path

FILE, PROGRAM, LINK, TREE, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"


class Repository:
    """A bare repository in a folder, with no branch yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "objects" / "pack").mkdir(parents=True)
        (folder / "refs" / "heads").mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/main\n")

    def path(self, name: str) -> Path:
        """Where a loose object lies."""
        return self.folder / "objects" / name[:2] / name[2:]

    def add(self, content: bytes, kind: bytes = b"blob", size: int | None = None) -> str:
        """A loose object, maybe with a wrong size; its name."""
        whole = b"%s %d\0" % (kind, len(content) if size is None else size) + content
        name = hashlib.sha1(whole).hexdigest()
        self.path(name).parent.mkdir(exist_ok=True)
        self.path(name).write_bytes(zlib.compress(whole))
        return name

    def tree(self, *entries: tuple[bytes, bytes, str]) -> str:
        """A tree of (mode, name, object)."""
        return self.add(b"".join(b"%s %s\0" % entry[:2] + bytes.fromhex(entry[2]) for entry in entries), b"tree")

    def commit(self, tree: str) -> str:
        """A commit of a tree, on the branch that HEAD names."""
        name = self.add(f"tree {tree}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nm\n".encode(), b"commit")
        (self.folder / "refs" / "heads" / "main").write_text(f"{name}\n")
        return name


def small(folder: Path) -> Repository:
    """A licence, two programs, a link and a submodule."""
    repository = Repository(folder)
    source = repository.tree(
        (FILE, b"main.py", repository.add(b"print('hello')\n")),
        (LINK, b"other.py", repository.add(b"main.py")),
    )
    root = repository.tree(
        (FILE, b"LICENSE", repository.add(MIT)),
        (PROGRAM, b"run.sh", repository.add(b"#!/bin/sh\necho\n")),
        (TREE, b"src", source),
        (SUBMODULE, b"sub", "1" * 40),
    )
    repository.commit(root)
    return repository


MIT = b"""MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy. The above copyright notice and this permission notice shall be included in all copies.
"""
