"""What is done once all units are: findings of `decontaminate`, then verify, train, report."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mixtures.stream import RECORD_NAME
from pipeline.context import Run
from pipeline.corpora.registry import DECONTAMINATE, chains
from pipeline.decontaminate import write_findings
from pipeline.engine import Engine
from pipeline.errors import FatalError, SettingError
from pipeline.ledger import MODELS, Tally, read_ledger
from pipeline.progress import Reporter
from pipeline.report import NAME as REPORT
from pipeline.report import write_report
from pipeline.storage import Output, digest_of
from pipeline.verify import verify
from pipeline.verify_work import VERIFY
from pipeline.version import VERSION, code_digest

TRAINING = "training"


def finish_steps(run: Run, reporter: Reporter, names: Sequence[str], engine: Engine) -> list[str]:
    """Bring what those that are named leave behind up to date; gives those that did something."""
    steps: dict[str, Callable[[Run, Reporter], bool]] = {
        DECONTAMINATE: write_findings,
        VERIFY: lambda run, reporter: verify(run, lambda work, folder: engine.run_groups([work], folder), reporter),
        "train": _train,
        "report": _report,
    }
    return [name for name, step in steps.items() if name in names and step(run, reporter)]


def check_finish(names: Sequence[str]) -> None:
    """Raise SettingError where a stage needs what is not installed, before any work."""
    if "train" in names and importlib.util.find_spec("torch") is None:
        raise SettingError("train needs PyTorch: pip install 'tokenmill[train]'")


def _stream_inputs(run: Run, stage: str) -> dict[str, str]:
    held = run.output.read_json(f"stream/{RECORD_NAME}")
    if held is None:
        raise FatalError(f"stage {stage} needs the stream: run `tokenmill mix` first")
    return {f"stream/{RECORD_NAME}": str(held["digest"])}


def _train(run: Run, reporter: Reporter) -> bool:
    settings = run.recipe.trainer.model_dump(mode="json")
    inputs = _stream_inputs(run, "train")
    follows = [settings, run.recipe.seed, code_digest(("trainer",))]
    key = run.key("train", MODELS, "model", follows, inputs)
    if run.current("train", MODELS, "model", key):
        return False
    if not run.output.is_local:
        raise FatalError(f"train reads a local folder: copy {run.output.address('stream')} to this machine first")
    check_finish(["train"])
    output, device = run.output, settings.pop("device")
    began = {"key": digest_of([VERSION, follows])}
    if output.read_json(f"{TRAINING}/key.json") != began:
        output.delete(TRAINING)  # Checkpoints of other code or settings cannot be gone on from.
        output.write_json(f"{TRAINING}/key.json", began)
    with TemporaryDirectory(prefix="tokenmill-") as folder:
        path = Path(folder) / "settings.json"
        path.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "trainer", "train", "--settings", str(path), "--seed", str(run.recipe.seed)]
        command += ["--device", device, "--replace"]  # The stream may differ from where training has come to.
        command += ["--stream", str(output.local_path("stream")), "--output", str(output.local_path(TRAINING))]
        command += ["--timings", str(output.local_path("logs/train.jsonl"))]
        code = _relayed(command, reporter)
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise FatalError(f"the trainer ended with exit code {code}; its last lines are above")
    names = sorted(run.output.glob(f"{TRAINING}/**/*"))
    outputs = {name: Output(run.output.size(name) or 0, run.output.digest(name)) for name in names}
    run.record(Tally().entry("train", MODELS, "model", key, inputs, outputs))
    return True


def _relayed(command: Sequence[str], reporter: Reporter) -> int:
    # Threads that spin while they wait for each other starve on a machine that does something else too.
    environment = {"GOMP_SPINCOUNT": "2000"} | os.environ
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stderr or ():
            reporter.say(f"  {line.rstrip()}")
        return process.wait()


def _report(run: Run, reporter: Reporter) -> bool:
    entries = [entry.to_json() for entry in read_ledger(run.output) if entry.stage != "report"]
    inputs = {"ledger": digest_of(entries)}
    key = run.key("report", MODELS, "report", run.recipe.model_dump(mode="json"), inputs)
    if run.current("report", MODELS, "report", key):
        return False
    written = write_report(run.output, run.recipe, chains(run.recipe))
    run.record(Tally().entry("report", MODELS, "report", key, inputs, {REPORT: written}))
    reporter.say(f"  report: {run.output.address(REPORT)}")
    return True
