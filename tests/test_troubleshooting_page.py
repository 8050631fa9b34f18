"""The page about faults quotes the lines that the code says."""

import errno
import os
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import faults, guards, places
from pipeline.errors import SettingError
from pipeline.faults import ended, said
from pipeline.outcome import outcome
from pipeline.places import check_writable, crowded
from pipeline.storage import Folder

PAGE = (Path(__file__).parent.parent / "docs/troubleshooting.md").read_text()
QUOTED = re.findall(r"^(?:error|caution): .*", PAGE, re.MULTILINE)
UNIT = "clean of c4/c4-train.00001-of-01024.json.gz"
PATH = "/data/out/documents/clean/c4/c4-train.00001-of-01024.json.gz.parquet"


def system(number, path=PATH):
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    "line",
    [
        said(system(errno.ENOSPC), UNIT),
        said(system(errno.EDQUOT), UNIT),
        said(system(errno.EROFS), UNIT),
        said(system(errno.EACCES), UNIT),
        said(system(errno.EMFILE), UNIT),
        said(system(errno.EIO, "/data/dumps/c4/c4-train.00001-of-01024.json.gz"), UNIT),
        said(system(errno.ESTALE), UNIT),
        said(MemoryError(), UNIT),
        f"{UNIT}: its worker process {ended(-signal.SIGKILL)}",
        f"{UNIT}: its worker process {ended(-signal.SIGSEGV)}",
        said(ValueError("no such letter"), UNIT) + " (2 more pieces failed; logs/run.log has all)",
        guards.INTERRUPTED,
    ],
)
def test_a_line_of_a_fault_is_quoted(line):
    assert f"error: {line}" in QUOTED


def refused(folder):
    with pytest.raises(SettingError) as raised:
        check_writable(Folder(str(folder)))
    return f"error: {raised.value}".replace(str(folder), "/data/out")


def test_the_lines_about_places_are_quoted(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file") in QUOTED
    disk = SimpleNamespace(free=300_000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: disk)
    assert refused(tmp_path / "full") in QUOTED
    monkeypatch.setattr(places, "memory_bytes", lambda: 16_000_000_000)
    assert crowded(64) in QUOTED


def test_each_fault_that_has_words_is_on_the_page():
    missing = [what for what, _ in faults._WORDS.values() if what not in PAGE]
    assert missing == []


def test_the_exit_codes_are_those_of_commands(capsys):
    def fail(error):
        raise error

    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    found = {outcome(lambda error=error: fail(error)) for error in (
        SettingError("x"), MemoryError(), KeyboardInterrupt(), *map(guards.Interrupt, guards._ENDING)
    )}  # fmt: skip
    assert codes == found | {0, guards.EXIT_BROKEN_PIPE}
