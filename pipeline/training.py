"""Stage `train`: starts the trainer on the stream, one process or one for each GPU, and records what it made.

Whether a run can be gone on with is the trainer's own question: its checkpoints say what they belong to. What no longer
fits the recipe is refused in one line, unless the recipe says that it gives way (`trainer.replace`).
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mixtures.stream import RECORD_NAME
from pipeline.errors import FatalError, SettingError
from pipeline.faults import writing
from pipeline.held_out import HELD_OUT
from pipeline.ledger import WHOLE_RUN, Tally
from pipeline.models import TOKENIZER
from pipeline.progress import Reporter
from pipeline.run import Run
from pipeline.stage_names import TRAIN
from pipeline.storage import Output

TRAINING = "training"
_COPIED = ("metrics.jsonl", "evaluation.jsonl")
"""What of a run in a folder of its own is put into the output."""


def check_training() -> None:
    """Raises SettingError where the trainer is not installed, before any work."""
    if importlib.util.find_spec("torch") is None:
        raise SettingError("train needs PyTorch: pip install 'tokenmill[train]'")


def train(run: Run, reporter: Reporter) -> bool:
    """Trains to the recipe's last step, or goes on to it; whether there was anything to do."""
    record = run.output.read_json(f"stream/{RECORD_NAME}")
    if record is None:
        raise FatalError("stage train needs the stream: run `tokenmill mix` first")
    inputs = {f"stream/{RECORD_NAME}": str(record["digest"])}
    settings = run.recipe.trainer
    key = run.key(TRAIN, WHOLE_RUN, "model", [settings.settings, settings.skip_steps, run.recipe.seed], inputs)
    if run.current(TRAIN, WHOLE_RUN, "model", key):
        return False
    check_training()
    if not run.output.is_local and not settings.folder:
        raise SettingError(
            f"train writes checkpoints and metrics to a folder of this machine, which {run.output.url} is not: "
            "set trainer.folder; the stream is read from where it lies"
        )
    reporter.begins(TRAIN)
    code, reason = relayed([*launcher(run), *options(run)], reporter)
    if code == 130:
        raise KeyboardInterrupt
    if code == 2:
        raise SettingError(f"the trainer refused to start: {reason}")
    if code:
        raise FatalError(f"the trainer ended with exit code {code}: {reason}")
    run.record(Tally().entry(TRAIN, WHOLE_RUN, "model", key, inputs, dict(_outputs(run))))
    return True


def launcher(run: Run) -> list[str]:
    """The command before its options: `trainer.processes` of them, 0 as many as this machine has GPUs."""
    settings = run.recipe.trainer
    processes = settings.processes or (1 if settings.device == "cpu" else max(1, _gpus()))
    if processes == 1:
        return [sys.executable, "-m", "trainer", "train"]
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [sys.executable, *start, "-m", "trainer", "train"]


def options(run: Run) -> list[str]:
    """The options of `python -m trainer train`. The settings lie with the logs, where a command by hand finds them."""
    output, settings = run.output, run.recipe.trainer
    logs = _folder(run, "logs")
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / "train-settings.json"
    with writing(path):
        path.write_text(json.dumps(settings.settings, indent=1) + "\n")
    stream = str(output.local_path("stream")) if output.is_local else output.address("stream")
    given = ["--stream", stream, "--output", str(_folder(run, TRAINING)), "--settings", str(path)]
    given += ["--seed", str(run.recipe.seed), "--device", settings.device, "--timings", str(logs / "train.jsonl")]
    given += ["--replace"] if settings.replace else []
    given += [word for span in settings.skip_steps for word in ("--skip-steps", span)]
    if settings.evaluation_steps and any(output.list(f"{HELD_OUT}/{source}") for source in run.recipe.sources):
        held_out = str(output.local_path(HELD_OUT)) if output.is_local else output.address(HELD_OUT)
        given += ["--held-out", held_out, "--tokenizer", TOKENIZER.path(run, "tokenizer.model")]
    given += ["--tensorboard", str(logs / "tensorboard")] if settings.tensorboard else []
    given += ["--wandb", settings.wandb] if settings.wandb else []
    return given


def relayed(command: Sequence[str], reporter: Reporter) -> tuple[int, str]:
    """Runs a command and passes on what it says but errors; gives its exit code, and the last of those."""
    # Threads that spin while they wait for each other starve on a machine that does something else too. Its input is
    # ours to hold: when this process is killed the training ends too (trainer/starter.py).
    # And a folder `trainer` of whoever started us is not the one that is meant.
    own = {"TOKENMILL_ENDS_WITH_INPUT": "1", "PYTHONSAFEPATH": "1"}
    environment = {"GOMP_SPINCOUNT": "2000"} | os.environ | own
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            error = "it said no more than is above"
            for line in process.stderr or ():
                if line.startswith("error"):
                    error = line.rstrip().removeprefix("error: ")
                else:
                    reporter.say(f"  {line.rstrip()}")
            return process.wait(), error
        except BaseException:
            process.terminate()  # An interrupt may have been sent to this process alone.
            raise


def _gpus() -> int:
    """As the trainer will see them: asked in a process of its own, since only the trainer imports torch."""
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    if found.returncode:
        raise FatalError(f"PyTorch does not load: {found.stderr.strip().splitlines()[-1]}")
    return int(found.stdout)


def _folder(run: Run, name: str) -> Path:
    """A folder of the output, or where the recipe says that training lies elsewhere, of that one."""
    own = run.recipe.trainer.folder
    return Path(own) / name if own else run.output.local_path(name)


def _outputs(run: Run) -> Iterator[tuple[str, Output]]:
    """What the training left, by name in the output; of a folder of its own the figures are put there."""
    if run.recipe.trainer.folder:
        for name in _COPIED:
            if (path := _folder(run, TRAINING) / name).exists():
                yield f"{TRAINING}/{name}", run.output.put(path, f"{TRAINING}/{name}")
        return
    for name in sorted(run.output.glob(f"{TRAINING}/**/*")):
        yield name, Output(run.output.size(name) or 0, run.output.digest(name))
