"""No number of workers makes a run shorter than its longest piece."""

import pytest

from pipeline.planning.walls import makespan, walls


@pytest.mark.parametrize(
    "pieces, workers, seconds",
    [([], 2, 0), ([3, 2, 1], 1, 6), ([3, 3, 2, 2, 2], 2, 7), ([5, 1, 1], 3, 5), ([5, 1, 1], 300, 5)],
)
def test_pieces_are_dealt_the_longest_first(pieces, workers, seconds):
    assert makespan(pieces, workers) == seconds


def test_of_very_many_pieces_their_sum_is_shared():
    assert makespan([1.0] * 200_000, 100) == 2000
    assert makespan([1.0] * 200_000 + [9000.0], 100) == 9000


def test_more_workers_take_less_time_and_never_less_than_the_longest_piece(planned):
    found = walls(planned.found, planned.measured, planned.strata, (1, 2, 16, 10_000))
    seconds = [wall.seconds.value for wall in found]
    assert seconds == sorted(seconds, reverse=True)
    assert all(wall.seconds.low >= wall.longest_piece_seconds for wall in found)
    assert seconds[-1] < seconds[0] / 1.5


def test_one_worker_takes_about_as_long_as_all_pieces_together(planned):
    (alone,) = walls(planned.found, planned.measured, planned.strata, (1,))
    sampled = sum(piece.seconds for piece in planned.measured.pieces)
    assert alone.seconds.value > sampled
    assert alone.to_json()["workers"] == 1
