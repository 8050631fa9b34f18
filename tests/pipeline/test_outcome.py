"""A command ends in one line and an exit code."""

import errno
import os
import signal
import subprocess
import sys

import click
import pytest

from pipeline.errors import FatalError, PieceError, SettingError
from pipeline.faults import GO_ON
from pipeline.guards import INTERRUPTED, Interrupt
from pipeline.outcome import outcome


def ends(capsys, error):
    def fail():
        raise error

    code = outcome(lambda: click.Command("x", callback=fail).main([], standalone_mode=False))
    return code, capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (SettingError("a.key must be 1"), 2, "a.key must be 1"),
        (click.UsageError("no such option"), 2, "no such option"),
        (FatalError("it does not balance"), 1, "it does not balance"),
        (PieceError("clean of c4/a: ValueError"), 1, "clean of c4/a: ValueError"),
        (OSError(errno.ENOSPC, os.strerror(28), "/x"), 1, f"no space is left on the device (/x): free some, {GO_ON}"),
        (MemoryError(), 1, f"out of memory: use fewer --workers or a machine with more, {GO_ON}"),
        (KeyboardInterrupt(), 130, INTERRUPTED),
        (Interrupt(signal.SIGTERM), 143, INTERRUPTED),
    ],
)
def test_what_ends_a_command_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert ends(capsys, error) == (code, f"error: {line}")


def test_a_bug_is_not_hidden(capsys):
    with pytest.raises(ZeroDivisionError):
        ends(capsys, ZeroDivisionError())


def test_a_command_that_goes_well_says_nothing(capsys):
    assert (outcome(lambda: None), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_has_enough_ends_the_command_without_a_word(lines):
    script = f"""import click, sys; from pipeline.outcome import outcome
sys.exit(outcome(lambda: click.echo("a\\n" * {lines})))"""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_that_is_gone_does_not_change_the_exit_code():
    script = "import sys; from pipeline.outcome import outcome\ndef fail(): raise MemoryError\nsys.exit(outcome(fail))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", script], stderr=writer, check=False)
    os.close(writer)
    assert done.returncode == 1
