import json

import pytest

from trainer.metrics import MetricsFile, TimingsFile, count_steps, last_step

LINES = "".join(json.dumps({"step": step, "loss": 1.5}) + "\n" for step in (1, 2, 3))


@pytest.mark.parametrize(
    "text, steps",
    [
        (LINES, 3),
        ("", 0),
        (LINES + '{"step": 4, "lo', 3),
        (LINES + '{"step": 4}', 3),
        (LINES + '{"step": 5}\n', 3),
        (LINES + LINES, 3),
        ("not json\n" + LINES, 0),
        ("[1]\n", 0),
        ('{"step": "1"}\n', 0),
        ("[" * 100_000 + "\n", 0),
        ("\udc80".encode("utf-8", "surrogateescape").decode("latin-1") + "\n", 0),
    ],
)
def test_whole_lines_in_step_are_counted_up_to_the_first_fault(tmp_path, text, steps):
    (tmp_path / "metrics.jsonl").write_text(text)
    assert count_steps(tmp_path / "metrics.jsonl") == steps


def test_no_file_has_no_steps(tmp_path):
    assert count_steps(tmp_path / "metrics.jsonl") == 0


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_resumed_file_is_cut_back_to_the_step_and_goes_on(tmp_path, steps):
    path = tmp_path / "metrics.jsonl"
    path.write_text(LINES + '{"step": 4, "lo')
    with MetricsFile(path, steps=steps) as metrics:
        metrics.write({"step": steps + 1})
        metrics.to_disk()
    assert path.read_text() == "".join(LINES.splitlines(True)[:steps]) + f'{{"step": {steps + 1}}}\n'


GAPS = "".join(f'{{"step": {step}}}\n' for step in (3, 6, 8))


@pytest.mark.parametrize(
    "tail, up_to, step", [("", 9, 8), ("", 7, 6), ("", 2, 0), ('{"step": 8}\n', 9, 8), ("{", 6, 6)]
)
def test_steps_with_gaps_are_read_up_to_the_first_that_is_broken_or_out_of_order(tmp_path, tail, up_to, step):
    path = tmp_path / "evaluation.jsonl"
    path.write_text(GAPS + tail)
    assert last_step(path, up_to=up_to) == step
    with MetricsFile(path, steps=up_to, has_gaps=True):
        assert path.read_text() == "".join(line for line in GAPS.splitlines(True) if json.loads(line)["step"] <= up_to)


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path):
    with MetricsFile(tmp_path / "metrics.jsonl", steps=0) as metrics:
        metrics.write({"step": 1, "loss": 2.0})
        assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "loss": 2.0}\n'


def test_no_metric_is_nan(tmp_path):
    with MetricsFile(tmp_path / "metrics.jsonl", steps=0) as metrics, pytest.raises(ValueError, match="not JSON"):
        metrics.write({"step": 1, "loss": float("nan")})


def test_timings_are_added_to_what_is_there_and_make_their_folder(tmp_path):
    path = tmp_path / "logs" / "timings.jsonl"
    for step in (1, 2):
        with TimingsFile(path) as timings:
            timings.write({"step": step})
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_timings_without_a_path_are_dropped(tmp_path):
    with TimingsFile(None) as timings:
        timings.write({"step": 1})
    assert list(tmp_path.iterdir()) == []
