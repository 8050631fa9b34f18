import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mixtures.stream import Stream
from trainer import batches, checkpoint
from trainer.errors import SettingsError
from trainer.parallel import World
from trainer.train import Training, train

CPU = torch.device("cpu")


@pytest.fixture
def training(array_stream, tiny, tmp_path) -> Callable[..., Training]:
    """`training(steps=3)`: a run in a folder of its own name."""

    def build(folder: str = "out", **settings: Any) -> Training:
        config = tiny(**settings)
        return Training(config=config, stream=array_stream(), output=tmp_path / folder, world=World(device=CPU), seed=1)

    return build


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class BrokenOffError(Exception):
    """What stands for the power cut."""


def break_off(patched: pytest.MonkeyPatch, micro_batches: int) -> None:
    """The run ends when it has seen so many micro-batches and asks for one more."""
    seen = iter(range(micro_batches))

    def counted(*arguments: Any) -> Any:
        for piece in batches.micro_batches(*arguments):
            if next(seen, None) is None:
                raise BrokenOffError
            yield piece

    patched.setattr("trainer.step.micro_batches", counted)


def test_the_loss_falls_by_two_nats_and_more(training):
    run = training(steps=60, batch_sequences=1, learning_rate=2e-2, warmup_steps=5)
    train(run, lambda line: None)
    losses = [line["loss"] for line in metrics(run.output)]
    assert losses[0] == pytest.approx(3.47, abs=0.1)
    assert losses[0] - losses[-1] >= 2.0


def test_metrics_hold_what_repeats_and_nothing_else(training):
    run = training(steps=2)
    train(run, lambda line: None)
    first, second = metrics(run.output)
    figures = ["loss", "source_losses", "gradient_norm", "learning_rate", "skipped", "clipped"]
    assert list(first) == ["step", "tokens", *figures]
    assert (first["step"], first["tokens"], second["tokens"]) == (1, 64, 128)
    assert (first["learning_rate"], second["learning_rate"]) == (0.005, 0.01)
    assert sum(first["source_losses"].values()) / 2 == pytest.approx(first["loss"], rel=1e-6)
    assert list(first["source_losses"]) == ["books", "c4"]


@pytest.mark.parametrize("seen", range(1, 12))
def test_a_run_broken_off_anywhere_ends_in_the_same_bytes(training, seen, monkeypatch):
    """Two pieces a step, a checkpoint every two steps of six: broken in each step's middle and between steps."""
    whole, broken = training("whole", steps=6), training("broken", steps=6)
    train(whole, lambda line: None)
    with monkeypatch.context() as patched, pytest.raises(BrokenOffError):
        break_off(patched, seen)
        train(broken, lambda line: None)
    said: list[str] = []
    train(broken, said.append)
    assert contents(broken.output) == contents(whole.output)
    assert any(line.startswith("resumes after step") for line in said) == (seen >= 4)


def test_a_run_broken_off_while_it_saves_ends_in_the_same_bytes(training, monkeypatch):
    whole, broken = training("whole"), training("broken")
    train(whole, lambda line: None)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(checkpoint.Path, "rename", lambda self, target: (_ for _ in ()).throw(KeyboardInterrupt))
        train(broken, lambda line: None)
    assert (broken.checkpoints / "step-00000002.tmp").is_dir()
    (broken.checkpoints / "step-00000099.tmp").mkdir()  # What a kill in the middle of a removal leaves.
    (broken.checkpoints / "step-00000099.tmp" / "weights.safetensors").touch()
    train(broken, lambda line: None)
    assert contents(broken.output) == contents(whole.output)


def test_a_resumed_run_does_not_read_what_it_has_read(training, monkeypatch):
    run, read = training(steps=4), []
    with monkeypatch.context() as patched, pytest.raises(BrokenOffError):
        break_off(patched, 5)
        train(run, lambda line: None)
    genuine = run.stream.read
    run.stream.read = lambda start, count, dtype: read.append((start, count)) or genuine(start, count, dtype)
    train(run, lambda line: None)
    assert read == [(8, 4), (12, 4)]


# Sequences whose length changes: three steps of 8 tokens, two of 16, three of 32.


@pytest.fixture
def lengthening(training, longer_and_longer) -> Callable[..., Training]:
    return lambda name: replace(training(name, steps=8), stream=Stream.open(longer_and_longer))


def test_each_step_has_its_own_length_and_tokens_are_counted(lengthening, tmp_path):
    run, said = replace(lengthening("out"), timings=tmp_path / "timings.jsonl"), []
    train(run, said.append)
    lines = metrics(run.output)
    assert [line["tokens"] for line in lines] == [32, 64, 96, 160, 224, 352, 480, 608]
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert said[0] == "trains 7,760 parameters for 8 steps of 32, then 64, then 128 tokens on cpu, in float32"
    speeds = [json.loads(line) for line in run.timings.read_text().splitlines()]
    tokens = [line["tokens_per_second"] * line["step_ms"] / 1000 for line in speeds]
    assert tokens == pytest.approx([32, 32, 32, 64, 64, 128, 128, 128], rel=0.01)


@pytest.mark.parametrize("seen", [5, 7, 9, 11])
def test_a_run_broken_off_beside_a_change_of_length_ends_in_the_same_bytes(lengthening, seen, monkeypatch):
    """Two pieces a step: in the last step of 8 tokens and the first of 16, in the last of those and the first of 32."""
    whole, broken = lengthening("whole"), lengthening("broken")
    train(whole, lambda line: None)
    with monkeypatch.context() as patched, pytest.raises(BrokenOffError):
        break_off(patched, seen)
        train(broken, lambda line: None)
    train(broken, lambda line: None)
    assert contents(broken.output) == contents(whole.output)


def test_a_longer_sequence_changes_nothing_of_the_shorter_ones_before(lengthening, training, longer_and_longer):
    """The table of angles is the longest sequences'; three steps of 8 tokens give what they give alone."""
    run, alone = lengthening("out"), replace(training("alone", steps=3), stream=Stream.open(longer_and_longer))
    run = replace(run, config=replace(run.config, min_learning_rate_fraction=1.0))
    alone = replace(alone, config=replace(alone.config, min_learning_rate_fraction=1.0))
    for some in (run, alone):
        train(some, lambda line: None)
    assert metrics(run.output)[:3] == metrics(alone.output)


def test_a_stream_of_changing_length_that_no_batch_fits_is_refused_before_any_work(lengthening):
    run = lengthening("out")
    with pytest.raises(SettingsError, match=r"batch_sequences must divide 12, .* got 5"):
        train(replace(run, config=replace(run.config, batch_sequences=5, steps=4)), lambda line: None)
    assert not run.output.exists()


def test_lost_metrics_make_the_run_go_back_to_what_they_hold(training):
    whole, broken = training("whole", steps=6), training("broken", steps=6)
    train(whole, lambda line: None)
    train(broken, lambda line: None)
    lines = broken.metrics.read_bytes().splitlines(keepends=True)
    broken.metrics.write_bytes(b"".join(lines[:5]))
    train(broken, lambda line: None)
    assert broken.metrics.read_bytes() == whole.metrics.read_bytes()


def test_a_finished_run_does_nothing_and_says_so(training):
    run, said = training(), []
    train(run, lambda line: None)
    before = {path: path.stat().st_mtime_ns for path in run.output.rglob("*")}
    train(run, said.append)
    assert said == [f"already trained: 4 steps, {run.output}"]
    assert {path: path.stat().st_mtime_ns for path in run.output.rglob("*")} == before


@pytest.mark.parametrize("change", [{"seed": 2}, {"stream": None}, {"config": None}])
def test_an_output_of_another_run_is_refused_and_kept(training, array_stream, tiny, change):
    run = training()
    train(run, lambda line: None)
    before = contents(run.output)
    other = {"seed": 2, "stream": array_stream(digest="other"), "config": tiny(learning_rate=0.5)}
    with pytest.raises(SettingsError, match="use another output folder"):
        train(replace(run, **{key: other[key] for key in change}), lambda line: None)
    assert contents(run.output) == before


def test_a_run_goes_on_where_the_stream_changes_only_behind_it(training):
    run = training(steps=4)
    train(run, lambda line: None)
    other, said = training(steps=4).stream, []
    other.digest_until = lambda position: run.stream.digest_until(position) if position <= 16 else "changed"
    train(replace(run, stream=other), said.append)
    assert said == [f"already trained: 4 steps, {run.output}"]


def test_a_run_of_another_stream_gives_way_where_that_is_asked_for(training, array_stream):
    run, said = training(), []
    train(run, lambda line: None)
    train(replace(run, stream=array_stream(digest="other"), replaces=True), said.append)
    assert said[0].startswith("begins anew: ") and "holds a run with stream = stream 16, not other 16" in said[0]
    fresh = replace(training("fresh"), stream=array_stream(digest="other"))
    train(fresh, lambda line: None)
    assert contents(run.output) == contents(fresh.output)


def test_the_seed_decides_the_run(training):
    runs = [replace(training(name), seed=seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)]]
    for run in runs:
        train(run, lambda line: None)
    a, b, c = (run.metrics.read_bytes() for run in runs)
    assert a == b != c


def test_timings_are_one_line_a_step_in_a_file_of_their_own(training, tmp_path):
    run = replace(training(steps=3), timings=tmp_path / "logs" / "timings.jsonl")
    train(run, lambda line: None)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "timings.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    parts = ["data_ms", "forward_ms", "backward_ms", "optimizer_ms"]
    rates = ["step_ms", "tokens_per_second", "mfu_full", "mfu_causal"]
    memory = ["memory_allocated_gib", "memory_reserved_gib"]
    assert list(lines[0]) == ["step", "data_wait_ms", "batches_ready", *parts, *rates, *memory, "data_wait_share"]
    assert all(line[part] > 0 for line in lines for part in parts)
    assert 0 <= lines[0]["data_wait_ms"] <= lines[0]["step_ms"] and 0 <= lines[0]["batches_ready"] <= 2
    assert lines[0]["mfu_full"] == lines[0]["memory_reserved_gib"] == "n/a" and lines[0]["step_ms"] > 0


def test_progress_is_plain_lines_with_rate_and_time_left(training):
    said: list[str] = []
    train(training(steps=3), said.append)
    assert said[0] == "trains 7,760 parameters for 3 steps of 64 tokens on cpu, in float32"
    assert said[1].startswith("step 1/3  loss 3.") and said[1].endswith(" left")
    assert said[-1].startswith("step 3/3  loss 3.") and said[-1].endswith("tokens/s  0:00:00 left")
