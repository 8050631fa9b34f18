"""How many bytes came, and how many are to come: the figures behind rate and time left."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.fetch.wanted import Wanted


@dataclass(slots=True)
class Tally:
    """Bytes of this run by file. One thread has a file at a time, so no count is touched by two."""

    _came: dict[str, int] = field(default_factory=dict)
    _all: dict[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[Wanted]) -> "Tally":
        """The tally of files that are still to come, with the sizes that listings state."""
        sizes = {wanted.name: wanted.size for wanted in files}
        return cls(dict.fromkeys(sizes, 0), sizes)

    def expect(self, name: str, left: int | None) -> None:
        """So much of a file is left to come."""
        if left is not None:
            self._all[name] = self._came.get(name, 0) + left

    def add(self, name: str, size: int) -> None:
        """So much more of a file came."""
        self._came[name] = self._came.get(name, 0) + size

    def end(self, name: str) -> None:
        """No more of a file comes."""
        self._all[name] = self._came.get(name, 0)

    def came_bytes(self) -> int:
        """What came."""
        return sum(list(self._came.values()))

    def all_bytes(self) -> int:
        """What came and will come; a file whose size nobody said yet counts as the mean of the others."""
        sizes = list(self._all.values())
        known = [size for size in sizes if size]
        unknown = sum(size is None for size in sizes)
        return sum(known) + (unknown * sum(known) // len(known) if known else 0)
