"""Which code made an output: the version, and digests of source files.

Outputs follow from inputs, recipe and code, so keys of done records hold the digest of the rooms that decide what
becomes of a document. A change of the command line, the engine or the report makes no document again.
"""

import functools
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from pipeline.storage import digest_of
from tokenmill.shadowed import PACKAGES
from tokenmill.version import installed_version

VERSION = installed_version()
RULES = ("filters", "tokenizer", "mixtures", "pipeline.corpora")


@functools.cache
def code_digest(packages: Iterable[str] = PACKAGES) -> str:
    """Digest of the packages' Python files."""
    return digest_of({name: _sources(name) for name in packages})


def _sources(package: str) -> dict[str, str]:
    folder = Path(str(resources.files(package)))
    return {str(file.relative_to(folder)): digest_of(file.read_text("utf-8")) for file in sorted(folder.rglob("*.py"))}
