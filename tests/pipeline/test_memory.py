"""The memory of a machine, or of the container that it is seen from."""

import os

import pytest

from pipeline.memory import memory_bytes

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    "said, memory", [("1048576\n", 1 << 20), ("max\n", MACHINE), (str(1 << 62), MACHINE), ("", MACHINE)]
)
def test_the_least_that_is_said_counts(tmp_path, said, memory):
    (tmp_path / "max").write_text(said)
    assert memory_bytes((str(tmp_path / "none"), str(tmp_path / "max"))) == memory


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_a_system_that_does_not_say_gives_none(monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(os, "sysconf", refuse)
    assert memory_bytes(()) is None


def test_this_machine_says():
    assert 1 << 20 < memory_bytes() <= MACHINE
