"""Training is started as the recipe says, gone on with where it can be, and never thrown away in silence."""

import io
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import training
from pipeline.engine import Engine
from pipeline.errors import FatalError, SettingError
from pipeline.finish import finish_steps
from pipeline.ledger import read_entry
from pipeline.mix_work import mix_work
from pipeline.progress import Reporter
from pipeline.storage import Folder
from pipeline.training import check_training, launcher, options, relayed, train
from pipeline.work import WorkList

QUIET = Reporter(quiet=True)
KEEPS = "trainer.replace=false"


def test_training_without_torch_is_refused_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"train needs PyTorch: pip install 'tokenmill\[train\]'"):
        check_training()


# How it is started


@pytest.mark.parametrize(
    "device, processes, gpus, started", [("cpu", 0, 8, 1), ("auto", 0, 0, 1), ("auto", 0, 4, 4), ("cpu", 2, 0, 2)]
)
def test_there_is_a_process_for_each_gpu_unless_the_recipe_says_how_many(
    small_run, monkeypatch, device, processes, gpus, started
):
    monkeypatch.setattr(training, "_gpus", lambda: gpus)
    command = launcher(small_run.run(f"trainer.device={device}", f"trainer.processes={processes}"))
    torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={started}", "-m"]
    assert command == [sys.executable, "-m", *(torchrun if started > 1 else []), "trainer", "train"]


def test_gpus_are_counted_by_torch_itself():
    import torch

    assert training._gpus() == torch.cuda.device_count()


def test_a_torch_that_does_not_load_is_one_line(monkeypatch):
    broken = subprocess.CompletedProcess([], 1, "", "Traceback\nImportError: libcudart.so is missing\n")
    monkeypatch.setattr(training.subprocess, "run", lambda *_, **__: broken)
    with pytest.raises(FatalError, match=r"^PyTorch does not load: ImportError: libcudart.so is missing$"):
        training._gpus()


def given(run):
    """Options by name; a flag is true."""
    words = options(run)
    following = [*words[1:], "--"]
    return {word: next_ if not next_.startswith("--") else True for word, next_ in zip(words, following, strict=True)}


def test_the_trainer_is_told_what_the_recipe_says(copied_run):
    sinks = ("trainer.tensorboard=true", "trainer.wandb=mine", "seed=7")
    asked, plain = given(copied_run.run(*sinks)), given(copied_run.run(KEEPS))
    out = copied_run.output
    assert (asked["--seed"], asked["--device"], asked["--replace"]) == ("7", "cpu", True)
    assert (asked["--stream"], asked["--output"]) == (str(out / "stream"), str(out / "training"))
    assert (asked["--tensorboard"], asked["--wandb"]) == (str(out / "logs/tensorboard"), "mine")
    assert not {"--replace", "--tensorboard", "--wandb"} & set(plain)
    assert json.loads(Path(asked["--settings"]).read_text()) == copied_run.run().recipe.trainer.settings


def test_steps_to_pass_over_are_told_and_make_another_run_of_it(small_run):
    spans = small_run.run('trainer.skip_steps=["3:4", "7"]')
    words = options(spans)
    assert [words[place + 1] for place, word in enumerate(words) if word == "--skip-steps"] == ["3:4", "7"]


def test_held_out_documents_are_looked_at_unless_the_recipe_says_never(copied_run):
    asked, out = given(copied_run.run("trainer.evaluation_steps=10")), copied_run.output
    assert (asked["--held-out"], asked["--tokenizer"]) == (
        str(out / "held-out"), str(out / "models/tokenizer/tokenizer.model")
    )  # fmt: skip
    assert "--held-out" not in given(copied_run.run("trainer.evaluation_steps=0"))


def test_of_a_remote_output_the_stream_is_read_where_it_lies_and_the_rest_is_here(small_run, tmp_path):
    run = replace(small_run.run(f"trainer.folder={tmp_path}"), output=Folder("memory://run-elsewhere"))
    asked = given(run)
    assert asked["--stream"] == "memory://run-elsewhere/stream"
    assert (asked["--output"], asked["--timings"]) == (f"{tmp_path}/training", f"{tmp_path}/logs/train.jsonl")


def test_a_remote_output_without_a_folder_here_is_refused(small_run, monkeypatch):
    monkeypatch.setattr("pipeline.storage.Folder.is_local", property(lambda _: False))
    with pytest.raises(SettingError, match=r"to a folder of this machine, .*: set trainer.folder"):
        train(small_run.run("trainer.learning_rate=0.1"), QUIET)


# What it says, and how it ends


def test_what_the_trainer_says_is_passed_on():
    heard = io.StringIO()
    script = "echo step 1 >&2; echo step 2 >&2; echo error: no room >&2; exit 3"
    assert relayed(["sh", "-c", script], Reporter(stream=heard)) == (3, "no room")
    assert heard.getvalue() == "  step 1\n  step 2\n"


def test_a_trainer_in_the_folder_one_stands_in_is_not_ours(tmp_path, monkeypatch):
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer/__init__.py").write_text("")
    (tmp_path / "trainer/__main__.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(training.__file__).parents[1]))
    assert relayed([sys.executable, "-m", "trainer", "--version"], Reporter(quiet=True))[0] == 0


def test_an_interrupt_of_this_process_alone_ends_the_trainer_too(monkeypatch):
    reporter, processes, start = Reporter(quiet=True), [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: processes.append(start(*a, **k)) or processes[0])
    reporter.say = lambda line: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        relayed(["sh", "-c", "echo step 1 >&2; exec sleep 60"], reporter)
    assert processes[0].returncode == -signal.SIGTERM


@pytest.mark.parametrize("code, error", [(130, KeyboardInterrupt), (1, FatalError), (2, SettingError)])
def test_a_trainer_that_ends_badly_ends_the_run(copied_run, monkeypatch, code, error):
    monkeypatch.setattr(training, "relayed", lambda command, reporter: (code, "no room"))
    with pytest.raises(error, match="no room" if code < 3 else None):
        train(copied_run.run("trainer.learning_rate=0.1"), QUIET)
    assert read_entry(copied_run.run().output, "train", "models", "model").key


# What changes between two starts


def trained(run):
    """Whether there was anything to do, and what was said."""
    heard = io.StringIO()
    return train(run, Reporter(stream=heard)), heard.getvalue()


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_other_code_and_settings_that_only_say_how_leave_a_finished_run_as_it_is(copied_run, monkeypatch):
    before = contents(copied_run.output / "training")
    monkeypatch.setattr("pipeline.run.code_digest", lambda packages: "other code")
    free = ("checkpoint_steps=5", "keep_checkpoints=1", "micro_batch_sequences=4")
    did, said = trained(copied_run.run(KEEPS, *(f"trainer.{setting}" for setting in free)))
    assert did and "already trained: 20 steps" in said
    assert contents(copied_run.output / "training") == before


def test_another_model_is_refused_with_both_values_and_all_of_the_run_is_kept(copied_run):
    before, heard = contents(copied_run.output / "training"), io.StringIO()
    run = copied_run.run("trainer.learning_rate=0.001", KEEPS)
    held = "holds a run with learning_rate = 0.003, not 0.001: use another output folder, or"
    with pytest.raises(SettingError, match=f"the trainer refused to start: .*{held}"):
        train(run, Reporter(stream=heard))
    assert contents(copied_run.output / "training") == before


def test_another_model_takes_the_place_of_the_run_where_the_recipe_says_so(copied_run):
    before = (copied_run.output / "training/metrics.jsonl").read_bytes()
    did, said = trained(copied_run.run("trainer.learning_rate=0.001"))
    assert did and "begins anew: " in said
    assert (copied_run.output / "training/metrics.jsonl").read_bytes() != before
    assert trained(copied_run.run("trainer.learning_rate=0.001")) == (False, "")


def test_training_in_a_folder_of_its_own_leaves_its_figures_in_the_output(copied_run, tmp_path):
    run = copied_run.run("trainer.learning_rate=0.001", f"trainer.folder={tmp_path / 'here'}")
    assert trained(run)[0]
    held = read_entry(run.output, "train", "models", "model").outputs
    assert set(held) == {"training/metrics.jsonl", "training/evaluation.jsonl"} & set(contents(copied_run.output))
    own = tmp_path / "here/training/metrics.jsonl"
    assert (copied_run.output / "training/metrics.jsonl").read_bytes() == own.read_bytes()
    assert list((tmp_path / "here/training/checkpoints").iterdir())


def mixed_anew(run, scratch):
    """The stream with the recipe's changes of the mixture."""
    work, engine = mix_work(run, WorkList(scratch, "mix.json")), Engine(workers=1)
    engine.run_exchanges([work])
    work.finish()
    assert finish_steps(run, QUIET, ("verify",), engine) == ["verify"]


@pytest.mark.parametrize(
    "from_step, said", [(30, "already trained: 20 steps"), (15, "goes on from step 10: "), (5, "begins anew: ")]
)
def test_training_goes_on_from_the_newest_checkpoint_before_a_change_of_the_mixture(
    copied_run, tmp_path, from_step, said
):
    run = copied_run.run(f"mixture.changes=[{{from_step = {from_step}, sequence_tokens = 64}}]")
    metrics = copied_run.output / "training/metrics.jsonl"
    before = metrics.read_bytes().splitlines()
    mixed_anew(run, Folder(str(tmp_path / "scratch")))
    assert said in trained(run)[1]
    same = [one == other for one, other in zip(before, metrics.read_bytes().splitlines(), strict=True)]
    assert same == [True] * min(from_step, 20) + [False] * (20 - min(from_step, 20))


def test_a_change_before_where_training_stands_is_refused_and_says_from_where_it_could_go_on(copied_run, tmp_path):
    run = copied_run.run("mixture.changes=[{from_step = 15, sequence_tokens = 64}]", KEEPS)
    mixed_anew(run, Folder(str(tmp_path / "scratch")))
    before = contents(copied_run.output / "training")
    held = "--replace (trainer.replace of a recipe), which removes what does not fit and goes on from step 10"
    with pytest.raises(SettingError, match=re.escape(held)):
        train(run, QUIET)
    assert contents(copied_run.output / "training") == before
