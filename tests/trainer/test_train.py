import json
import math
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch

from mixtures.loader import Batch
from mixtures.stream import Stream
from trainer import batches, checkpoint, model
from trainer.batches import batches_from, next_batch
from trainer.checkpoint import Checkpoint
from trainer.errors import SettingsError, TrainingError
from trainer.optimizer import initial_moments
from trainer.train import Training, main, train, train_step

CPU = torch.device("cpu")


@pytest.fixture
def training(array_stream, tiny, tmp_path) -> Callable[..., Training]:
    """`training(steps=3)`: a run in a folder of its own name."""

    def build(folder: str = "out", **settings: Any) -> Training:
        config = tiny(**settings)
        return Training(config=config, stream=array_stream(), output=tmp_path / folder, device=CPU, seed=1)

    return build


def new_state(training: Training, dtype: torch.dtype = torch.float32) -> Checkpoint:
    weights = model.initial_weights(training.config, training.stream.vocabulary_size, seed=1)
    weights = {name: weight.to(dtype).requires_grad_() for name, weight in weights.items()}
    return Checkpoint(step=0, sequences=0, run={}, weights=weights, moments=initial_moments(weights))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def first_batch(training: Training) -> Batch:
    return next_batch(batches_from(0, training.stream, training.config))


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

    patched.setattr("trainer.train.micro_batches", counted)


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
    assert list(first) == ["step", "tokens", "loss", "source_losses", "gradient_norm", "learning_rate"]
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


@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_do_not_change_the_step(training, micro):
    """In float64, so that only a wrong weighting of the uneven last piece could show."""
    results = []
    for size in (micro, 4):
        run = training(micro_batch_sequences=size)
        state, rope = new_state(run, torch.float64), model.rope_table(run.config, 16)
        wide = type("Wide", (Training,), {"__slots__": (), "dtype": torch.float64})
        fields = ("config", "stream", "output", "device", "seed")
        result = train_step(wide(**{name: getattr(run, name) for name in fields}), state, rope, first_batch(run))
        results.append((result, state.weights))
    (split, ours), (whole, theirs) = results
    assert split.loss == pytest.approx(whole.loss, rel=1e-13)
    assert split.gradient_norm == pytest.approx(whole.gradient_norm, rel=1e-10)
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-8, atol=1e-9)


def test_a_step_lowers_the_loss_of_its_own_batch(training):
    run = training(learning_rate=1e-3, warmup_steps=0)
    state, rope, batch = new_state(run), model.rope_table(run.config, 16), first_batch(run)
    assert train_step(run, state, rope, batch).loss > train_step(run, state, rope, batch).loss


def test_gradients_do_not_pile_up_from_step_to_step(training):
    run = training()
    state = new_state(run)
    train_step(run, state, model.rope_table(run.config, 16), first_batch(run))
    assert all(weight.grad is None for weight in state.weights.values())


def test_a_loss_that_is_no_number_stops_the_run_before_the_weights_change(training):
    run = training()
    state = new_state(run)
    with torch.no_grad():
        state.weights["norm"][0] = float("nan")
    before = state.weights["output"].clone()
    with pytest.raises(TrainingError, match="step 1: the loss is nan, the gradient's norm nan; nothing was updated"):
        train_step(run, state, model.rope_table(run.config, 16), first_batch(run))
    assert torch.equal(state.weights["output"], before)


def test_a_cpu_computes_in_float32_whatever_the_precision(training):
    assert training(precision="bfloat16").dtype == torch.float32
    assert replace(training(precision="bfloat16"), device=torch.device("cuda", 0)).dtype == torch.bfloat16


def test_timings_are_one_line_a_step_in_a_file_of_their_own(training, tmp_path):
    run = replace(training(steps=3), timings=tmp_path / "logs" / "timings.jsonl")
    train(run, lambda line: None)
    lines = [json.loads(line) for line in (tmp_path / "logs" / "timings.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    keys = ["step", "data_wait_ms", "batches_ready", "step_ms", "tokens_per_second", "mfu_full", "mfu_causal"]
    assert list(lines[0]) == keys
    assert 0 <= lines[0]["data_wait_ms"] <= lines[0]["step_ms"] and 0 <= lines[0]["batches_ready"] <= 2
    assert lines[0]["mfu_full"] == "n/a" and lines[0]["step_ms"] > 0


def test_progress_is_plain_lines_with_rate_and_time_left(training):
    said: list[str] = []
    train(training(steps=3), said.append)
    assert said[0] == "trains 7,760 parameters for 3 steps of 64 tokens on cpu, in float32"
    assert said[1].startswith("step 1/3  loss 3.") and said[1].endswith(" left")
    assert said[-1].startswith("step 3/3  loss 3.") and said[-1].endswith("tokens/s  0:00:00 left")


# The command line. Steps of some ten milliseconds can be hit.
SLOWER = {"dimension": 64, "batch_sequences": 10, "micro_batch_sequences": 1}


def write_settings(tmp_path: Path, config: Any) -> Path:
    (tmp_path / "settings.json").write_text(json.dumps(asdict(config)))
    return tmp_path / "settings.json"


def arguments(tmp_path: Path, stream: Path | str, settings: Path, output: str = "out") -> list[str]:
    return [f"--stream={stream}", f"--output={tmp_path / output}", f"--settings={settings}", "--device=cpu"]


def test_the_command_trains_and_returns_zero(tmp_path, stream_folder, tiny, capsys):
    assert main(arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny()))) == 0
    assert [line["step"] for line in metrics(tmp_path / "out")] == [1, 2, 3, 4]
    captured = capsys.readouterr()
    assert captured.out == "" and "step 4/4" in captured.err


def test_a_run_from_the_sources_token_shards_is_the_same_run(tmp_path, longer_and_longer, tiny):
    settings = write_settings(tmp_path, tiny(steps=8))
    assert main(arguments(tmp_path, longer_and_longer, settings, "files")) == 0
    for shard in longer_and_longer.glob("*.bin"):
        shard.unlink()
    virtual = [*arguments(tmp_path, longer_and_longer, settings, "virtual"), f"--tokens={tmp_path / 'tokens'}"]
    assert main(virtual) == 0
    assert contents(tmp_path / "virtual") == contents(tmp_path / "files")


def test_a_run_from_an_address_is_the_same_run(tmp_path, stream_folder, tiny):
    settings, address = write_settings(tmp_path, tiny()), f"memory://{uuid.uuid4().hex}"
    assert main(arguments(tmp_path, stream_folder, settings, "files")) == 0
    fsspec.filesystem("memory").put(str(stream_folder), address, recursive=True)
    assert main(arguments(tmp_path, address, settings, "elsewhere")) == 0
    assert contents(tmp_path / "elsewhere") == contents(tmp_path / "files")


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "Expecting property name"),
        ("[]", "must be one JSON object"),
        ("[" * 100_000, "recursion"),
        ('{"stepz": 3}', "unknown key stepz; did you mean steps?"),
        ('{"steps": 0}', "steps must be >= 1, got 0"),
        ('{"warmup_steps": 0}', "steps * batch_sequences must be at most 400"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_2_and_nothing_is_written(tmp_path, stream_folder, capsys, text, said):
    (tmp_path / "settings.json").write_text(text)
    assert main(arguments(tmp_path, stream_folder, tmp_path / "settings.json")) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_stream_that_is_not_whole_is_exit_2(tmp_path, stream_folder, tiny, capsys, damage):
    shard = next(stream_folder.glob("*.bin"))
    shard.unlink() if damage == "missing" else shard.write_bytes(shard.read_bytes()[:-2])
    assert main(arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny()))) == 2
    assert capsys.readouterr().err.startswith(f"error: --stream {stream_folder}: ")


def test_settings_that_are_not_there_are_exit_2(tmp_path, stream_folder, capsys):
    assert main(arguments(tmp_path, stream_folder, tmp_path / "none.json")) == 2
    assert "none.json" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_exit_2(tmp_path, stream_folder, tiny, capsys):
    command = [*arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny()))[:-1], "--device=cuda"]
    assert main(command) == 2
    assert capsys.readouterr().err == "error: --device cuda: torch sees no GPU here\n"


def test_a_negative_seed_is_exit_2(tmp_path, stream_folder, tiny, capsys):
    assert main([*arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny())), "--seed=-1"]) == 2
    assert capsys.readouterr().err == "error: --seed must be >= 0, got -1\n"


def test_an_output_that_cannot_be_written_is_exit_1(tmp_path, stream_folder, tiny, capsys):
    (tmp_path / "out").write_text("a file")
    assert main(arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny()))) == 1
    assert capsys.readouterr().err.startswith("error: ")


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "trainer.train", *command], stderr=subprocess.PIPE, text=True)


def stop_at(process: subprocess.Popen[str], path: Path, lines: int, how: signal.Signals) -> str:
    """Sends the signal as soon as the metrics have so many lines."""
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, how)
    return process.communicate()[1]


@pytest.mark.slow
def test_a_run_killed_twice_ends_in_the_same_bytes_as_an_unbroken_one(tmp_path, stream_folder, tiny):
    settings = write_settings(tmp_path, tiny(**SLOWER, steps=20, checkpoint_steps=10))
    whole, broken = (arguments(tmp_path, stream_folder, settings, name) for name in ("whole", "broken"))
    said = {"whole": start(whole).communicate()[1]}
    for lines in (3, 12):
        process = start(broken)
        said[lines] = stop_at(process, tmp_path / "broken" / "metrics.jsonl", lines, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    said["again"] = start(broken).communicate()[1]
    assert [name for name, lines in said.items() if "resumes after step 10" in lines] == ["again"]
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_exit_130_and_one_line(tmp_path, stream_folder, tiny, how):
    settings = write_settings(tmp_path, tiny(**SLOWER | {"dimension": 512}, steps=20))  # It must not end before.
    process = start(arguments(tmp_path, stream_folder, settings))
    err = stop_at(process, tmp_path / "out" / "metrics.jsonl", 2, how)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("interrupted: ") and "Traceback" not in err
