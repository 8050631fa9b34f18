import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch

from trainer.cli import cli, main


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# Steps of some ten milliseconds can be hit.
SLOWER = {"dimension": 64, "batch_sequences": 10, "micro_batch_sequences": 1}


def write_settings(tmp_path: Path, config: Any) -> Path:
    (tmp_path / "settings.json").write_text(json.dumps(asdict(config)))
    return tmp_path / "settings.json"


def arguments(tmp_path: Path, stream: Path | str, settings: Path, output: str = "out") -> list[str]:
    return ["train", f"--stream={stream}", f"--output={tmp_path / output}", f"--settings={settings}", "--device=cpu"]


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
    err = capsys.readouterr().err
    assert err.startswith("error: ") and "--seed" in err and "-1" in err


def test_an_output_that_cannot_be_written_is_exit_1(tmp_path, stream_folder, tiny, capsys):
    (tmp_path / "out").write_text("a file")
    assert main(arguments(tmp_path, stream_folder, write_settings(tmp_path, tiny()))) == 1
    assert capsys.readouterr().err.startswith("error: ")


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "trainer", *command], stderr=subprocess.PIPE, text=True)


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


@pytest.mark.parametrize("name", cli.commands)
def test_every_verb_teaches_and_has_an_example(name):
    assert f"Example: tokenmill-trainer {name}" in cli.commands[name].help


def test_help_is_exit_0_and_needs_no_torch():
    code = "import sys; from trainer.cli import main; main(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "train" in done.stdout


def test_a_verb_that_is_not_there_is_exit_2_and_one_line(capsys):
    assert main(["trian"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_each_verb_is_shown_once_by_what_a_person_wants(capsys):
    main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split()[0] for line in lines[lines.index("Before:") :] if line.startswith("  ")]
    assert sorted(shown) == sorted(cli.commands)
    assert len(lines) <= 40


def test_no_verb_is_exit_2_and_help(capsys):
    assert main([]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Usage: tokenmill-trainer") and "train " in err
