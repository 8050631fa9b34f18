"""What the names of Wikipedia's dumps say: which are the same pages in another packing, and which index goes along."""

import re
from collections.abc import Iterable

_DUMP = re.compile(
    r"(?P<job>.+?)(?P<multistream>-multistream)?(?P<number>\d*)\.xml(?P<pages>-p\d+p\d+)?(?P<packing>\.bz2|\.gz|\.xz|\.lzma|\.7z)?"
)
"""`enwiki-20220720-pages-articles-multistream1.xml-p1p41242.bz2`, and simpler ones."""

_INDEX = re.compile(r".*-index\d*\.txt(-p\d+p\d+)?(\.bz2)?")
_DATED = re.compile(r"[a-z_-]+-\d{8}-")
_PACKINGS = (".bz2", "", ".xz", ".gz", ".lzma", ".7z")
"""The best first: a bzip2 stream tells where it is damaged, and both it and a plain file can be split."""


def is_index(name: str) -> bool:
    """Whether the file is the index of a multistream dump."""
    return _INDEX.fullmatch(name.rpartition("/")[2]) is not None


def index_names(name: str) -> list[str]:
    """What the index of a multistream dump may be called, in its own folder."""
    dump = _DUMP.fullmatch(name.rpartition("/")[2])
    if dump is None or not dump["multistream"]:
        return []
    index = f"{dump['job']}-multistream-index{dump['number']}.txt{dump['pages'] or ''}"
    return [f"{index}.bz2", index]


def read_as_another(names: Iterable[str]) -> dict[str, str]:
    """Of dumps that hold the same pages all but one, each with the one to read in its place.

    The same dump may lie there packed and unpacked, as multistream and not, whole and in numbered parts. A dump with a
    date in its name is the same in any folder; another only in its own.
    """
    forms: dict[tuple[str, str, str], list[str]] = {}
    for name in sorted(names):
        if (identity := _identity(name)) is not None:
            forms.setdefault(identity, []).append(name)
    best = {identity: min(found, key=_rank) for identity, found in forms.items()}
    again = {name: best[identity] for identity, found in forms.items() for name in found if name != best[identity]}
    for (folder, job, piece), name in best.items():
        whole = best.get((folder, job, ""))
        if piece and whole is not None:
            again |= dict.fromkeys(forms[folder, job, piece], whole)
            again[name] = whole
    return again


def _identity(name: str) -> tuple[str, str, str] | None:
    """Folder where it counts, job, and number and range of pages of a part."""
    folder, _, base = name.rpartition("/")
    dump = _DUMP.fullmatch(base)
    if dump is None:
        return None
    job, piece = dump["job"], dump["pages"] or ""
    if dump["number"] and not piece:  # A number that is part of the name, as in `2022.xml`.
        job += dump["number"]
    return "" if _DATED.match(base) else folder, job, piece


def _rank(name: str) -> tuple[int, bool, str]:
    dump = _DUMP.fullmatch(name.rpartition("/")[2])
    assert dump is not None  # only names with an identity are compared
    return _PACKINGS.index(dump["packing"] or ""), not dump["multistream"], name
