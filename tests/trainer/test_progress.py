"""Progress is said at the first and the last step, and every few seconds between."""

import itertools

from trainer.progress import Progress


def said_by(seconds_a_step, steps=10, done=0):
    """What is said of steps of 1,000 tokens each."""
    said, clock = [], itertools.count(0, seconds_a_step)
    progress = Progress(steps, done, done + 1000 * steps, said.append, clock=lambda: next(clock))
    for step in range(1, steps + 1):
        progress.show(step, 10.0 / step, done + 1000 * step)
    return said


def test_loss_speed_and_time_left_are_said():
    assert said_by(10, steps=2) == [
        "step 1/2  loss 10.0000  100 tokens/s  0:00:10 left",
        "step 2/2  loss 5.0000  100 tokens/s  0:00:00 left",
    ]


def test_lines_are_seconds_apart_and_the_last_step_is_never_left_out():
    assert [line.split()[1] for line in said_by(2)] == ["1/10", "4/10", "7/10", "10/10"]
    assert [line.split()[1] for line in said_by(0.1)] == ["1/10", "10/10"]


def test_long_times_are_in_hours():
    assert said_by(3600, steps=3)[0].endswith("2:00:00 left")


def test_what_an_earlier_run_read_is_no_part_of_the_speed():
    assert said_by(10, steps=2, done=10**9) == said_by(10, steps=2)
