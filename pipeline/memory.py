"""How much memory a process of this machine may take."""

import os
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container's limit stands, by the two ways of Linux."""


def memory_bytes(limits: tuple[str, ...] = _LIMITS) -> int | None:
    """The machine's memory, or the container's if that is less; None where the system does not say."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):  # No such question on Windows, no such name elsewhere.
        found = []
    for path in map(Path, limits):
        try:
            said = path.read_text().strip()
        except OSError:
            continue
        found += [int(said)] if said.isdigit() else []  # `max` is no limit.
    return min(found, default=None)
