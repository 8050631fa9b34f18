"""Real faults on real commands: one clear line, nothing lost, and the same command completes once it is mended."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from filters.batch import document_batch
from pipeline.faults import GO_ON
from pipeline.guards import INTERRUPTED
from pipeline.held_out import HeldOutFile
from pipeline.ledger import read_ledger
from pipeline.progress import BEGINS
from pipeline.storage import Folder
from pipeline.units import UnitOutputs
from pipeline.usage import UNIT, measured

FAULTY = Path(__file__).parent / "faulty"
NOBODY = 65534
PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root without the right to pass over permissions."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount, and become another user")


@dataclass
class Command:
    """A command under way. What it says is read as it comes, so that a fault can strike when a stage has begun."""

    process: subprocess.Popen
    marker: str

    def until_begun(self):
        line = ""
        while not line.rstrip().endswith(BEGINS):
            line = self.process.stderr.readline()
            assert line, "it ended before a stage began"

    def end(self):
        """Its exit code and what it said last; there is one error, and no trace of Python's."""
        _, said = self.process.communicate(timeout=180)
        assert "Traceback" not in said
        assert said.count("error: ") <= 1
        return self.process.returncode, (said.strip().splitlines() or [""])[-1]

    def left(self):
        """Processes that came of it and are there, by what stands in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                found += [path.parent.name] if self.marker.encode() in path.read_bytes() else []
            except OSError:
                continue  # It has ended meanwhile.
        return found


def start(run, verb, *extra, ahead=(), **environment):
    marker = f"MARKER={uuid.uuid4().hex}"
    command = [*ahead, sys.executable, "-m", "pipeline.cli", verb, *run.arguments(), *extra]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    found = os.environ | environment | dict([marker.split("=")])
    return Command(subprocess.Popen(command, env=found, start_new_session=True, **pipes), marker)


def undo(run, *ledgers):
    """As if these stages, or sources of a stage, had never been done."""
    for name in ledgers:
        shutil.rmtree(run.output / "ledger" / name)
    (run.output / "manifest.json").unlink()


def digest(run):
    return json.loads((run.output / "manifest.json").read_text())["digest"]


def assert_sound(run):
    """What is recorded is there and balances, and nothing half done lies about."""
    output = run.run().output
    entries = read_ledger(output)
    assert [fault for entry in entries for fault in entry.faults()] == []
    assert all(output.digest(name) == o["digest"] for entry in entries for name, o in entry.outputs.items())
    assert [path for path in run.output.rglob("*") if path.name.endswith((".part", ".tmp"))] == []


def assert_mended(run, whole, verb):
    assert start(run, verb, "--workers=2").end()[0] == 0
    assert_sound(run)
    assert digest(run) == digest(whole)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    with mounted(tmp_path / "disk", "128m") as folder:
        yield folder


def fill(disk, leave):
    free = os.statvfs(disk)
    with (disk / "full").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, free.f_bavail * free.f_frsize - leave)


@pytest.mark.slow
@as_root
@pytest.mark.parametrize(
    ("verb", "ledger", "leave"),
    [("clean", "clean", 300_000), ("dedup", "dedup", 50_000), ("train-tokenizer", "train-tokenizer", 4096)],
)
def test_a_disk_that_fills_is_one_line_and_the_command_goes_on_once_there_is_room(small_run, disk, verb, ledger, leave):
    run = small_run.copied_to(disk)
    undo(run, ledger)
    command = start(run, verb, "--workers=2")
    command.until_begun()
    fill(disk, leave)
    code, line = command.end()
    assert code == 1
    assert "no space is left on the device" in line
    assert str(disk) in line
    assert line.endswith(f": free some, {GO_ON}")
    assert_sound(run)
    (disk / "full").unlink()
    assert_mended(run, small_run, verb)


def _unit(folder):
    with UnitOutputs(folder, "clean", "c4", "a", keep_rejected=True):
        pass


def _held_out(folder):
    row = {"doc_id": "1", "source": "c4", "origin": "a#1", "text": "Hi"}
    with HeldOutFile(folder, "c4", "a") as held:
        held.reject("held_out", document_batch([row]), None)


def _timed(folder):
    with measured(folder, UNIT, "clean"):
        pass


@as_root
@pytest.mark.parametrize(
    "write, named",
    [(_unit, "documents/clean/c4/a.parquet"), (_held_out, "held-out/c4/a.parquet"), (_timed, "logs/usage/")],
)
def test_whatever_finds_no_room_for_its_first_byte_names_its_file_and_leaves_nothing(disk, write, named):
    fill(disk, 0)
    with pytest.raises(OSError, match="No space left on device") as raised:
        write(Folder(str(disk / "out")))
    assert raised.value.filename.startswith(f"{disk}/out/{named}")
    assert [path for path in (disk / "out").rglob("*") if path.is_file() and path.name.endswith(".part")] == []


@as_root
def test_a_full_disk_is_found_before_any_work(small_run, disk):
    fill(disk, 1_000_000)
    code, line = start(replace(small_run, output=disk / "out"), "clean").end()
    assert (code, line) == (2, f"error: --output {disk}/out has 1.0 MB free, and at least 16.8 MB are needed")
    assert not (disk / "out").exists()


@as_root
def test_a_checkpoint_that_finds_no_room_ends_the_training_and_the_next_goes_on(small_run, disk):
    run = small_run.copied_to(disk)
    undo(run, "train")
    shutil.rmtree(run.output / "training")
    command = start(run, "train")
    command.until_begun()
    fill(disk, 1_000_000)
    _, said = command.process.communicate(timeout=180)
    assert command.process.returncode == 1
    assert "Traceback" not in said
    assert "the checkpoint of step 10 was not written: " in said
    assert "No space left on device" in said
    assert_sound(run)
    (disk / "full").unlink()
    assert_mended(run, small_run, "train")


@as_root
def test_a_store_that_may_only_be_read_is_found_before_any_work(small_run, disk):
    run = small_run.copied_to(disk)
    undo(run, "report")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    code, line = start(run, "report").end()
    assert (code, line) == (2, f"error: --output {run.output} cannot be written to: the file system is read-only")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert_mended(run, small_run, "report")


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, to be root who may not do all")
def test_a_folder_of_another_user_is_one_line_and_the_command_goes_on_once_it_is_given_over(small_run, tmp_path):
    run = small_run.copied_to(tmp_path, dumps=True)
    undo(run, "clean/c4")
    secret, taken = next(run.dumps.glob("c4/*")), run.output / "documents/clean/c4"
    os.chown(secret, NOBODY, NOBODY)
    secret.chmod(0o600)
    code, line = start(run, "clean", ahead=PLAIN).end()
    assert (code, line) == (2, f"error: inputs.c4: {secret} cannot be read: permission denied")
    os.chown(secret, 0, 0)
    os.chown(taken, NOBODY, NOBODY)
    code, line = start(run, "clean", "--workers=2", ahead=PLAIN).end()
    assert code == 1
    assert f"permission denied ({taken}/" in line
    assert line.endswith(f": give this user access, {GO_ON}")
    os.chown(taken, 0, 0)
    assert_mended(run, small_run, "clean")


@pytest.mark.slow
def test_units_that_always_fail_are_told_when_the_others_are_done_and_done_once_mended(small_run, copied_run):
    undo(copied_run, "clean/c4", "clean/books")
    ways = {"c4-train.00000": "raise", "c4-train.00001": "SIGSEGV", "c4-train.00002": "memory"}
    faulty = {"PYTHONPATH": str(FAULTY), "FAULT": json.dumps(ways)}
    code, line = start(copied_run, "clean", "--workers=2", **faulty).end()
    assert code == 1
    assert line.endswith(" (2 more pieces failed; logs/run.log has all)")
    done = {entry.unit for entry in read_ledger(copied_run.run().output) if entry.stage == "clean"}
    units = {unit.name for source in ("c4", "books") for unit in copied_run.run().units(source)}
    assert {unit[:14] for unit in units - done} == set(ways)
    log = (copied_run.output / "logs/run.log").read_text()
    for told in (
        ": ValueError: no good can come of it\n",
        ": its worker process was ended by SIGSEGV",
        ": out of memory",
    ):
        assert "attempt 3 of 3: clean of c4/c4-train.0000" in log
        assert told in log
    assert_sound(copied_run)
    assert_mended(copied_run, small_run, "clean")


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
static long jump(void) { static long calls; return (calls++ / 7 % 3 - 1) * 86400; }
int clock_gettime(clockid_t clock, struct timespec *now) {
    int code = ((int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime"))(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += jump();
    return code;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
"""


@pytest.fixture(scope="session")
def jumping_clock(tmp_path_factory):
    """What makes a program's clock jump a day forth and back, every few looks at it."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build a clock that jumps")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    build = ["cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"]
    subprocess.run(build, check=True, capture_output=True)
    return {"LD_PRELOAD": str(folder / "clock.so")}


@pytest.mark.slow
def test_a_clock_that_jumps_changes_nothing(small_run, copied_run, jumping_clock):
    days = "import time; print(len({time.time() // 86400 for _ in range(60)}))"
    seen = subprocess.run([sys.executable, "-c", days], env=os.environ | jumping_clock, capture_output=True, check=True)
    assert int(seen.stdout) >= 3
    undo(copied_run, "clean/c4")
    assert start(copied_run, "clean", "--workers=2", **jumping_clock).end()[0] == 0
    assert digest(copied_run) == digest(small_run)
    assert start(copied_run, "clean", **jumping_clock).end()[1].startswith("nothing to do: clean of ")


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize(
    ("verb", "ledger", "numbers", "code"),
    [
        ("clean", "clean", [signal.SIGTERM], 143),
        ("dedup", "dedup", [signal.SIGINT], 130),
        ("train-tokenizer", "train-tokenizer", [signal.SIGHUP], 129),
        ("mix", "mix", [signal.SIGINT, signal.SIGINT], 130),
        ("train", "train", [signal.SIGTERM], 143),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_signal_ends_each_kind_of_stage_and_leaves_nobody_behind(copied_run, verb, ledger, numbers, code):
    undo(copied_run, ledger)
    command = start(copied_run, verb, "--workers=2")
    command.until_begun()
    for number in numbers:
        time.sleep(0.3)
        command.process.send_signal(number)
    assert command.end() == (code, f"error: {INTERRUPTED}")
    end = time.monotonic() + 10
    while command.left():
        assert time.monotonic() < end, command.left()
        time.sleep(0.1)


def test_a_reader_of_the_console_that_has_enough_stops_no_work(small_run, copied_run):
    undo(copied_run, "report")
    command = start(copied_run, "report")
    with command.process:
        command.process.stderr.close()
    assert command.process.returncode == 0
    assert digest(copied_run) == digest(small_run)
