"""Finds which of our packages a foreign one hides, for `filters` and `trainer` are names that others use too.

Python takes the first package of a name on its path, and pip writes one over another without a word. Nothing of ours
is imported here, and only the standard library: whatever else is meant may be another's.
"""

import base64
import csv
import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

PACKAGES = ("pipeline", "filters", "tokenizer", "mixtures", "trainer")
"""All of our top-level packages but this one, whose name is the distribution's own."""

OURS = "tokenmill"
_REINSTALL = f"pip install --force-reinstall --no-deps {OURS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """A package of ours that Python does not find. `place` is what it finds instead, empty where that is nothing."""

    name: str
    place: str
    distributions: tuple[str, ...]
    is_overwritten: bool = False

    def __str__(self) -> str:
        return f"Tokenmill's package {self.name} is {self.state}: {self.mend}"

    @property
    def state(self) -> str:
        """What became of the package, in a few words."""
        if not self.place:
            return "missing"
        if self.is_overwritten:
            by = f" by the distribution {self._named}" if self.distributions else ""
            return f"overwritten in {self.place}{by}"
        return f"hidden by {self.place}, of {f'the distribution {self._named}' if self._named else 'no distribution'}"

    @property
    def mend(self) -> str:
        """What to do about it."""
        if not self.place:
            return _REINSTALL
        remove = f"pip uninstall {' '.join(self.distributions)}"
        if self.is_overwritten:
            return f"{remove}, then {_REINSTALL}" if self.distributions else _REINSTALL
        if self.distributions:
            return f"{remove}, or install {OURS} into an environment of its own"
        folder = Path(self.place).parent
        return f"start from another folder than {folder}, take it off PYTHONPATH, or give what lies there another name"

    @property
    def _named(self) -> str:
        return ", ".join(f"{name} {distribution(name).version}" for name in self.distributions)


def find_shadowed() -> tuple[Shadowed, ...]:
    """The packages that are not those which lie beside this one, as they were installed there."""
    home = Path(__file__).resolve().parent.parent
    return tuple(_shadowed(name, home) for name in PACKAGES if not _is_ours(name, home))


def _is_ours(name: str, home: Path) -> bool:
    return _place(name) == home / name and (home / name / "__init__.py").is_file() and not _is_overwritten(name, home)


def _place(name: str) -> Path | None:
    """The folder of the package that Python finds under this name, or the file of the module."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    # A folder without an __init__.py is a package too, and may be of several folders.
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    return Path(places[0]).resolve()


def _is_overwritten(name: str, home: Path) -> bool:
    """Whether the package's first file is another than was installed; never for a checkout, whose files may change."""
    file = f"{name}/__init__.py"
    installed = _installed(home)
    rows = csv.reader((installed.read_text("RECORD") or "").splitlines() if installed else ())
    digest = next((row[1] for row in rows if row[:1] == [file]), "")
    content = hashlib.sha256((home / file).read_bytes()).digest()
    return bool(digest) and digest != f"sha256={base64.urlsafe_b64encode(content).rstrip(b'=').decode()}"


def _installed(home: Path) -> Distribution | None:
    """Our distribution, where it is the one whose files lie in `home`."""
    try:
        found = distribution(OURS)
    except PackageNotFoundError:
        return None
    return found if Path(str(found.locate_file(""))).resolve() == home else None


def _shadowed(name: str, home: Path) -> Shadowed:
    place = _place(name)
    return Shadowed(
        name=name,
        place=str(place or ""),
        distributions=tuple(_owners(name, place)) if place else (),
        is_overwritten=place == home / name,
    )


def _owners(name: str, place: Path) -> Iterator[str]:
    """Other distributions that installed a package of this name beside `place`."""
    for other in sorted(set(packages_distributions().get(name, ())) - {OURS}):
        if Path(str(distribution(other).locate_file(""))).resolve() == place.parent:
            yield other
