"""Progress says how far, how fast and how long, in plain lines where nobody watches."""

import os
import pty
import re
import threading
from contextlib import suppress

import pytest

from pipeline import progress
from pipeline.progress import Phase, Reporter


class Asked:
    """What a reporter asks how far the work is: one answer after the other, the last for good; the work can wait."""

    def __init__(self, *answers):
        self.answers, self.times, self.changed = answers, 0, threading.Condition()

    def __call__(self):
        with self.changed:
            self.times += 1
            self.changed.notify_all()
            return self.answers[min(self.times, len(self.answers)) - 1]

    def until_all_are_told(self):
        """What is asked once more has said what it heard before."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.times > len(self.answers), 60)


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.02)
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.02)


def test_piped_progress_is_plain_lines_with_rate_and_time_left(fast, capsys):
    with Reporter().watch("clean", 2_000_000, asked := Asked(1_000_000)):
        asked.until_all_are_told()
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(r"^clean: 1.0 MB of 2.0 MB, \S+ [kM]B/s, 0:\d\d left$", said.err, re.M)
    assert re.fullmatch(r"clean: 2.0 MB in 0:\d\d", said.err.splitlines()[-1])
    assert "\x1b" not in said.err


def test_before_the_first_byte_no_time_left_is_promised(fast, capsys):
    with Reporter().watch("clean", 10, asked := Asked(0)):
        asked.until_all_are_told()
    said = capsys.readouterr().err
    assert "clean: 0 B of 10 B, " in said and "left" not in said


@pytest.fixture
def terminal(monkeypatch):
    """`terminal(act)`: what a real terminal is sent while `act(reporter)` is at work there."""
    monkeypatch.setenv("TERM", "xterm")

    def look(act):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w", buffering=1) as stream:
            act(Reporter(stream=stream))
        said = b""
        with suppress(OSError):  # So ends what a terminal was sent that nobody writes to any more.
            while piece := os.read(ours, 1 << 20):
                said += piece
        os.close(ours)
        return said.decode()

    return look


def test_a_terminal_gets_one_live_line_with_rate_and_time_left(fast, terminal):
    def act(reporter):
        with reporter.watch("clean", 4_000_000, asked := Asked(2_000_000)):
            asked.until_all_are_told()
        reporter.say("done")

    said = terminal(act)
    frames = said.split("\r")
    assert any(re.search(r"clean .* 50% .*[kM]B/s .*0:00:\d\d", frame) for frame in frames)
    assert all(frame.count("\n") <= 1 for frame in frames)
    assert "begins" not in said and said.endswith("done\r\n")


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_a_log_has_plain_lines_whatever_the_environment_forces(fast, capsys, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    with Reporter().watch("clean", 100, asked := Asked(50)):
        asked.until_all_are_told()
    said = capsys.readouterr().err
    assert said.startswith("clean begins\nclean: 50 B of 100 B, ")
    assert "\x1b" not in said and "\r" not in said


def test_a_terminal_that_knows_no_commands_gets_plain_lines_too(fast, terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    said = terminal(lambda reporter: reporter.begins("clean"))
    assert said == "clean begins\r\n"


def phased(reporter):
    asked = Asked(Phase(1_000, 2_000, "taking fingerprints"), Phase(0, 0, "judging"), Phase(500, 1_000, "writing"))
    with reporter.watch_phases("dedup", lambda: 2_000, asked):
        asked.until_all_are_told()


def test_a_log_names_the_phase_that_is_at_work(fast, capsys):
    phased(Reporter())
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r", .*|\d:\d\d$", "", line) for line in lines[:4]] == [
        "dedup begins", "dedup: taking fingerprints: 1.0 kB of 2.0 kB", "dedup: judging: ",
        "dedup: writing: 500 B of 1.0 kB",
    ]  # fmt: skip
    assert lines[-1].startswith("dedup: 2.0 kB in ")


def test_a_terminal_shows_the_phase_that_is_at_work(fast, terminal):
    said = terminal(phased)
    shown = re.findall(r"dedup: (taking fingerprints|judging|writing)", said)
    assert list(dict.fromkeys(shown)) == ["taking fingerprints", "judging", "writing"]


def test_work_without_a_size_tells_only_how_long_it_takes(fast, capsys):
    with Reporter().watch("train", 0, asked := Asked(0)):
        asked.until_all_are_told()
    begins, *lines = capsys.readouterr().err.splitlines()
    assert begins == "train begins" and len(lines) >= 2
    assert all(re.fullmatch(r"train: 0:\d\d", line) for line in lines)


def test_a_pipe_is_told_at_once_what_begins_and_a_terminal_is_not(capsys, terminal):
    with Reporter().watch("clean", 10, lambda: 0):
        assert capsys.readouterr().err == "clean begins\n"
    assert terminal(lambda reporter: (reporter.begins("train"), reporter.say("."))) == ".\r\n"


def test_a_total_may_be_found_out_on_the_way(fast, capsys):
    with Reporter().watch("fetch", lambda: 4_000_000, asked := Asked(1_000_000)):
        asked.until_all_are_told()
    assert "fetch: 1.0 MB of 4.0 MB, " in capsys.readouterr().err


def test_an_error_ends_the_watching(fast):
    with pytest.raises(ValueError), Reporter().watch("x", 1, lambda: 0):
        raise ValueError


def test_what_is_said_is_never_markup(capsys):
    Reporter().say("[bold]x[/bold]")
    assert capsys.readouterr().err == "[bold]x[/bold]\n"


def test_a_quiet_reporter_says_nothing(capsys):
    Reporter(quiet=True).say("x")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "count, said", [(999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2 * 10**9, "2.0 GB")]
)
def test_sizes_are_readable(count, said):
    assert progress._size(count) == said


@pytest.mark.parametrize("seconds, said", [(0, "0:00"), (61, "1:01"), (3600, "1:00:00"), (3599.6, "1:00:00")])
def test_durations_are_readable(seconds, said):
    assert progress._duration(seconds) == said


def test_work_goes_on_when_nobody_reads_what_it_says(fast):
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError), os.fdopen(writer, "w", buffering=1) as stream:
        reporter = Reporter(stream=stream)
        for _ in range(2):
            with reporter.watch("clean", 10, asked := Asked(5)):
                asked.until_all_are_told()
        stream.write("the reader is gone")
