"""Progress says how far, how fast and how long, in plain lines where nobody watches."""

import os
import time

import pytest

from pipeline import progress
from pipeline.progress import Reporter


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.02)
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.02)


def test_piped_progress_is_plain_lines_with_rate_and_time_left(fast, capsys):
    with Reporter().watch("clean", 2_000_000, lambda: 1_000_000):
        time.sleep(0.15)
    said = capsys.readouterr()
    assert said.out == ""
    assert "clean: 1.0 MB of 2.0 MB, " in said.err
    assert "/s, 0:00 left" in said.err
    assert said.err.splitlines()[-1].startswith("clean: 2.0 MB in 0:00")
    assert "\x1b" not in said.err


def test_before_the_first_byte_no_time_left_is_promised(fast, capsys):
    with Reporter().watch("clean", 10, lambda: 0):
        time.sleep(0.1)
    assert "left" not in capsys.readouterr().err


def test_a_terminal_gets_a_bar(fast, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with Reporter().watch("clean", 100, lambda: 50):
        time.sleep(0.15)
    assert "50%" in capsys.readouterr().err


def test_work_without_a_size_tells_only_how_long_it_takes(fast, capsys):
    with Reporter().watch("train", 0, lambda: 0):
        time.sleep(0.1)
    assert set(capsys.readouterr().err.splitlines()) == {"train begins", "train: 0:00"}


def test_a_pipe_is_told_at_once_what_begins_and_a_terminal_is_not(capsys, monkeypatch):
    with Reporter().watch("clean", 10, lambda: 0):
        assert capsys.readouterr().err == "clean begins\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    Reporter().begins("train")
    assert "begins" not in capsys.readouterr().err


def test_a_total_may_be_found_out_on_the_way(fast, capsys):
    with Reporter().watch("fetch", lambda: 4_000_000, lambda: 1_000_000):
        time.sleep(0.1)
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
            with reporter.watch("clean", 10, lambda: 5):
                time.sleep(0.05)
        stream.write("the reader is gone")
