"""The licence of each folder of a source archive: from its metadata, and from the licence texts that lie in it."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import PurePosixPath
from typing import Any

from filters.licenses import all_of, license_of_text, spdx_expression
from pipeline.corpora.source_archives import Member

MAX_FOLDERS = 10_000
"""Licence files taken in; an archive with more has its further folders judged by those above them."""

UNKNOWN = "LicenseRef-Unknown"

_LICENSE_FILE = re.compile(r"(?:UN)?(?:LICEN[SC]E|COPYING)(?:[-._][\w.+-]{1,40})?\Z|MIT-LICENSE(?:\.txt)?\Z")
_ROOT_LICENSE_FILE = re.compile(
    r"(?:[\w-]{1,20}[-._])?(?:licen[sc]e|copying)s?(?:[-._][\w.+-]{1,40})?\Z", re.IGNORECASE
)
_CODE_SUFFIXES = frozenset(
    f".{suffix}" for suffix in "c cs go h java js json php py rb rs sh toml ts xml yaml yml".split()
)


def is_license_file(name: str) -> bool:
    """Whether a member may say which licence holds in its folder: cheap, by its name."""
    path = PurePosixPath(name)
    if path.suffix.lower() in _CODE_SUFFIXES:
        return path.name in _METADATA
    in_root = len(path.parts) <= 2 and _ROOT_LICENSE_FILE.match(path.name)
    return bool(in_root or path.name in _METADATA or _LICENSE_FILE.match(path.name) or path.parent.name == "LICENSES")


@dataclass(slots=True)
class FolderLicenses:
    """What the licence files of an archive say; a file is under the licence of the nearest folder that has one."""

    _declared: dict[str, set[str]] = field(default_factory=dict)
    _texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, member: Member) -> None:
        """Take in a licence file or a file of metadata."""
        path = PurePosixPath(member.name)
        text = member.content.decode("utf-8-sig", "replace")
        # REUSE keeps its licence texts in LICENSES/; they speak of the folder above.
        folder = str(path.parent.parent if path.parent.name == "LICENSES" else path.parent)
        if len(self._declared) + len(self._texts) >= MAX_FOLDERS:
            return
        if path.name in _METADATA:
            declared = spdx_expression(_METADATA[path.name](text))
            if declared is not None:
                self._declared.setdefault(folder, set()).add(declared)
        else:
            found = license_of_text(text)
            if found is not None or len(path.parts) > 2:
                self._texts.setdefault(folder, set()).add(found or UNKNOWN)

    def of(self, name: str) -> str | None:
        """The licence of a file by its name in the archive; None where no folder above it says."""
        for folder in map(str, PurePosixPath(name).parents):
            declared, texts = self._declared.get(folder, set()), self._texts.get(folder, set())
            if declared or texts:
                return all_of(declared | _beyond(texts, declared))
        return None


def _beyond(texts: set[str], declared: set[str]) -> set[str]:
    """Licence texts that the metadata does not speak of; one that cannot be read says nothing beside metadata."""
    if not declared:
        return texts
    named = {word for item in declared for word in re.findall(r"[\w.+-]+", item)}
    families = {word.removesuffix("-only").removesuffix("-or-later") for word in named}
    beyond = set()
    for text in texts - {UNKNOWN}:
        parts = {part for part in re.findall(r"[\w.+-]+", text) if part not in ("AND", "OR", "WITH")}
        if not all(part.removesuffix("-only").removesuffix("-or-later") in families for part in parts):
            beyond.add(text)
    return beyond


def _of_package_info(text: str) -> str | None:
    headers = HeaderParser().parsestr(text[: 1 << 16])
    return _one_line(headers.get("License-Expression") or headers.get("License"))


def _of_package_json(text: str) -> str | None:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return None
    license = package.get("license") if isinstance(package, dict) else None
    return _one_line(license.get("type") if isinstance(license, dict) else license)


def _of_toml(table: str) -> Callable[[str], str | None]:
    def declared(text: str) -> str | None:
        try:
            project = tomllib.loads(text).get(table)
        except (ValueError, RecursionError):
            return None
        license = project.get("license") if isinstance(project, dict) else None
        return _one_line(license.get("text") if isinstance(license, dict) else license)

    return declared


def _of_cargo(text: str) -> str | None:
    # Before SPDX expressions Cargo wrote a choice with a slash, and still reads it: "MIT/Apache-2.0".
    declared = _of_toml("package")(text)
    return declared and declared.replace("/", " OR ")


def _one_line(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and "\n" not in value.strip() else None


_METADATA: dict[str, Callable[[str], str | None]] = {
    "PKG-INFO": _of_package_info,
    "package.json": _of_package_json,
    "pyproject.toml": _of_toml("project"),
    "Cargo.toml": _of_cargo,
}
