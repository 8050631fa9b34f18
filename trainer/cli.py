"""The trainer's command line: `tokenmill-trainer VERB`, or `python -m trainer VERB`.

Exit codes: 0 done, 1 the run could not go on, 2 a wrong setting, 130 interrupted; after 1 and 130 a rerun goes on.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from trainer.errors import SettingsError, TrainingError
from trainer.evaluation_commands import choices, evaluate
from trainer.model_commands import export, generate, import_
from trainer.planning_commands import bench, budget, plan
from trainer.progress import say
from trainer.starter import end_with_starter


class _FirstScreen(click.Group):
    """A group whose help names its verbs by what a person wants."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """In sections."""
        for title, verbs in _VERBS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))


_VERBS = {
    "Before": {
        "plan": "what a model takes of each GPU's memory, and which micro-batch fits",
        "budget": "GPU-hours, days, energy and carbon of a run",
        "bench": "how fast steps are here, on random tokens",
    },
    "Train": {"train": "on a stream of tokens, or go on where training stopped"},
    "With a model": {
        "generate": "go on with texts",
        "evaluate": "how well it predicts documents that it was not trained on",
        "choices": "right answers in multiple-choice sets",
        "export": "the files of HuggingFace or of Meta's release",
        "import": "a checkpoint of a model that others left",
    },
}


@click.group(cls=_FirstScreen, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tokenmill", prog_name="tokenmill-trainer")
def cli() -> None:
    """Train LLaMA models on token streams that tokenmill writes, and do with them what comes before and after.

    \b
    Try first:
      tokenmill-trainer plan --preset 7b
      tokenmill-trainer generate out/demo/training --prompt "The coffee"
      tokenmill-trainer evaluate out/demo/training --held-out out/demo/held-out

    The latter two behind `tokenmill run demo --output out/demo`, which trains a small model.
    """


@cli.command()
@click.option("--stream", required=True, help="Folder of the stream to read, a path or an fsspec address.")
@click.option(
    "--tokens",
    help="Folder of the sources' token shards: read the sequences from them, not from the stream's shards.",
)
@click.option("--output", type=Path, required=True, help="Folder for metrics.jsonl and checkpoints/.")
@click.option("--settings", type=Path, required=True, help="JSON file with the keys of the recipe's [trainer].")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the first weights.")
@click.option(
    "--replace",
    is_flag=True,
    help="Remove checkpoints of another stream or of other settings: goes on from one that fits, or begins anew.",
)
@click.option("--timings", type=Path, help="JSON lines of speed a step, appended; none without it.")
@click.option(
    "--held-out", help="Folder of held-out documents to look at between steps, a path or an address: SOURCE/*.parquet."
)
@click.option("--tokenizer", type=Path, help="With --held-out: the tokenizer.model that the stream is of.")
@click.option(
    "--weights", type=Path, help="Begin with this model, a training's or an import's, not with random weights."
)
@click.option(
    "--skip-steps",
    multiple=True,
    metavar="FIRST:LAST",
    help="Pass over the sequences of these steps; all others read what they would have read. May be repeated.",
)
@click.option("--tensorboard", type=Path, metavar="DIR", help="Write TensorBoard's event files there as well.")
@click.option("--wandb", metavar="PROJECT", help="Send the figures of steps to Weights & Biases as well.")
@click.option("--profile", metavar="FIRST:LAST", help="Trace these steps: a chrome trace and a table of kernels.")
@click.option("--profile-to", type=Path, metavar="DIR", help="Where to; default: profile/ beside the timings.")
@click.option("--memory-snapshot", type=Path, metavar="FILE", help="Write the GPU's allocations when the run ends.")
def train(**options: Any) -> None:
    """Train on a stream of tokens, or go on where training stopped.

    \b
    Example: tokenmill-trainer train --stream out/demo/stream --output out/mine --settings settings.json

    The settings of a run lie in its logs/train-settings.json.

    On several GPUs: torchrun --nproc-per-node 8 -m trainer train --stream … (docs/training.md).
    """
    from trainer.prepare import prepared
    from trainer.train import train as run

    end_with_starter()
    with prepared(**options) as (training, say):
        run(training, say)


for _command in (plan, budget, bench, export, import_, generate, evaluate, choices):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb; gives the exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # Also where a script started us in the background, deaf to SIGINT.
        signal.signal(stop, _interrupt)
    try:
        cli.main(
            args=None if arguments is None else list(arguments), prog_name="tokenmill-trainer", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except (SettingsError, click.ClickException) as error:
        return _said(2, error.format_message() if isinstance(error, click.ClickException) else str(error))
    except (TrainingError, OSError) as error:
        return _said(1, str(error))
    except (KeyboardInterrupt, click.Abort):
        if not _rank():
            say("interrupted: run the same command again to go on from the newest checkpoint")
        return 130
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # Torch's own; it is not imported for verbs that do without.
            raise
        return _said(1, f"out of device memory, lower micro_batch_sequences: {str(error).splitlines()[0]}")
    return 0


def _said(code: int, reason: str) -> int:
    """Each process says why it ends: what is wrong may be so on its machine alone."""
    say(f"error in process {_rank()}: {reason}" if _rank() else f"error: {reason}")
    return code


def _rank() -> int:
    """Which of the processes that `torchrun` started this is."""
    return int(os.environ.get("RANK", "0"))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
