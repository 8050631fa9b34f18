"""Folders that cannot be used are found before any work."""

import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import places
from pipeline.errors import SettingError
from pipeline.places import MIN_FREE_BYTES, check_places, check_readable, check_temporary, check_writable, crowded
from pipeline.storage import Folder

Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def refuses(monkeypatch):
    """`refuses(path)`: that path is not to be used. Tests may run as root, who may all."""
    known = os.access

    def refuse(*paths):
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in paths and known(path, mode))

    return refuse


@pytest.fixture
def has_free(monkeypatch):
    def fill(path, free):
        known = shutil.disk_usage
        monkeypatch.setattr(shutil, "disk_usage", lambda p: Disk(9, 9, free) if Path(p) == path else known(p))

    return fill


def test_folders_that_can_be_used_pass(small_run):
    check_places(small_run.run())
    check_readable(small_run.run(), small_run.run().units("c4"))
    check_writable(Folder("memory://anywhere"))


@pytest.mark.parametrize("made", ["", "out", "out/logs"])
def test_an_output_that_may_not_be_written_to_is_found(tmp_path, refuses, made):
    """Its parent, itself, or a folder in it that another user made."""
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    refuses(tmp_path / made)
    with pytest.raises(
        SettingError, match=rf"^--to .*/out cannot be written to: permission denied .*\({tmp_path / made}\)$"
    ):
        check_writable(Folder(str(tmp_path / "out")), "--to")
    assert not (tmp_path / "out/documents").exists()


def test_a_file_in_place_of_the_output_is_told(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(SettingError, match="out is not a folder"):
        check_writable(Folder(str(tmp_path / "out")))


@pytest.mark.parametrize(("free", "fails"), [(MIN_FREE_BYTES - 1, True), (MIN_FREE_BYTES, False)])
def test_a_disk_with_next_to_no_room_is_refused(tmp_path, has_free, free, fails):
    has_free(tmp_path, free)
    if not fails:
        check_writable(Folder(str(tmp_path / "out")))
        return
    with pytest.raises(SettingError, match=r"out has 16\.8 MB free, and at least 16\.8 MB are needed$"):
        check_writable(Folder(str(tmp_path / "out")))


@pytest.mark.parametrize(("name", "why"), [("no-such", "no such folder"), ("file", "is not a folder")])
def test_a_tmpdir_that_python_would_pass_over_is_told(tmp_path, monkeypatch, name, why):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(SettingError, match=f"TMPDIR .*{name} cannot be written to: .*{why}"):
        check_temporary()


def test_a_full_tmpdir_is_told(tmp_path, monkeypatch, has_free):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    has_free(tmp_path, 5)
    for found in (None, tempfile.gettempdir()):  # Python finds it good, or passes it over.
        monkeypatch.setattr(tempfile, "tempdir", found)
        with pytest.raises(SettingError, match=r"TMPDIR .* has 0\.0 MB free"):
            check_temporary()


def test_without_any_folder_for_temporary_files_tmpdir_is_named(monkeypatch):
    def none():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(SettingError, match="set TMPDIR to one that can"):
        check_temporary()


def test_inputs_that_may_not_be_read_are_named_before_any_work(small_run, refuses):
    run = small_run.run()
    units = run.units("c4")
    refuses(*(run.inputs.folder.local_path(unit.input) for unit in units[:2]))
    with pytest.raises(SettingError, match=rf"^inputs\.c4: .*{units[0].input} cannot be read: .* \(1 more\)$"):
        check_readable(run, units)


def test_inputs_elsewhere_are_left_to_their_store():
    check_readable(SimpleNamespace(inputs=SimpleNamespace(folder=Folder("memory://x"))), [])


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        (None, None),
        (4 * places.WORKER_BYTES, None),
        (
            4 * places.WORKER_BYTES - 1,
            "caution: 4 workers may take 2.4 GB and this machine has 2.4 GB: --workers 3 fits",
        ),
        (1, "caution: 4 workers may take 2.4 GB and this machine has 0.0 GB: --workers 1 fits"),
    ],
)
def test_more_workers_than_memory_are_told(monkeypatch, memory, told):
    monkeypatch.setattr(places, "memory_bytes", lambda: memory)
    assert crowded(4) == told
