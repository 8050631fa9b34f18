"""`tokenmill-trainer evaluate` and `choices`: what a trained model is worth."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click


def _model_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        [
            click.argument("model", type=Path),
            click.option("--tokenizer", type=Path, help="The model's tokenizer.model; by default the one of its run."),
            click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output."),
        ]
    ):
        command = option(command)
    return command


@click.command()
@_model_options
@click.option("--held-out", required=True, help="Folder of held-out documents, a path or an address: SOURCE/*.parquet.")
@click.option(
    "--documents", type=click.IntRange(min=1), default=64, show_default=True, help="Of each source at most so many."
)
@click.option(
    "--sequence-tokens",
    type=click.IntRange(min=2),
    help="Tokens of a window; by default those of the sequences that the model was trained on.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Windows that go through the model together.",
)
def evaluate(
    model: Path,
    tokenizer: Path | None,
    device: str,
    as_json: bool,
    held_out: str,
    documents: int,
    sequence_tokens: int | None,
    batch: int,
) -> None:
    """Say how well MODEL predicts documents that it was not trained on: nats a token, bits a byte, by source.

    \b
    Example: tokenmill-trainer evaluate out/demo/training --held-out out/demo/held-out
             tokenmill-trainer evaluate out/demo/training/checkpoints/step-00000400 --held-out out/demo/held-out --json

    MODEL is a training's folder, of which the newest checkpoint is taken, or a checkpoint's. docs/evaluation.md says
    what the figures are.
    """
    import torch

    from trainer.evaluation import HeldOut, line_of
    from trainer.evaluation import evaluate as figures_of
    from trainer.model import rope_table
    from trainer.parallel import World
    from trainer.prepare import device_kind
    from trainer.saved_model import open_model
    from trainer.state import compute_dtype

    place, saved = torch.device(device_kind(device)), open_model(model)
    tokens = sequence_tokens or saved.context_tokens
    opened = HeldOut.open(held_out, saved.vocabulary(tokenizer), documents=documents, sequence_tokens=tokens)
    llama, rope = saved.llama(place, compute_dtype(saved.config, place)), rope_table(saved.config, tokens, place)
    found = figures_of(llama, opened, rope, sequences=batch, world=World(device=place))
    if as_json:
        click.echo(json.dumps(line_of(saved.step, found)))
        return
    click.echo(f"step {saved.step}, windows of {tokens} tokens")
    rows = [
        (name, f"{some.bits_per_byte:.4f}", f"{some.nats_per_token:.4f}", *map("{:,}".format, _sizes(asdict(some))))
        for name, some in found.items()
    ]
    _echo_table(("source", "bits a byte", "nats a token", "documents", "bytes", "tokens"), rows)


@click.command()
@_model_options
@click.option("--sets", type=Path, required=True, help="Folder of sets: boolq.jsonl.gz, piqa.jsonl.gz, …")
@click.option("--limit", type=click.IntRange(min=1), help="The first lines of each set alone.")
def choices(model: Path, tokenizer: Path | None, device: str, as_json: bool, sets: Path, limit: int | None) -> None:
    """Say how often MODEL chooses the right answer in the paper's multiple-choice sets.

    \b
    Example: tokenmill-trainer choices out/demo/training --sets evaluation-sets
             tokenmill-trainer choices out/demo/training --sets evaluation-sets --limit 100 --json

    MODEL is a training's folder, of which the newest checkpoint is taken, or a checkpoint's. docs/evaluation.md says
    what a set's file looks like, and by which likelihood an answer is chosen.
    """
    import torch

    from trainer.choice_sets import read_sets
    from trainer.choices import Scorer, score_set
    from trainer.prepare import device_kind
    from trainer.saved_model import open_model
    from trainer.state import compute_dtype

    place, saved, found = torch.device(device_kind(device)), open_model(model), read_sets(sets, limit)
    scorer = Scorer.of_model(
        saved.llama(place, compute_dtype(saved.config, place)),
        saved.config,
        saved.vocabulary(tokenizer),
        context_tokens=saved.context_tokens,
        device=place,
    )
    figures = {held.name: asdict(score_set(held, scorer)) for held in found}
    if as_json:
        click.echo(json.dumps({"step": saved.step, "sets": figures}))
        return
    click.echo(f"step {saved.step}, {saved.context_tokens} tokens of context")
    _echo_table(_CHOICES, [(name, *_choice_row(some)) for name, some in figures.items()])


_CHOICES = ("set", "accuracy", "by", "likelihood", "per character", "per token", "items", "broken", "cut")


def _choice_row(figures: Mapping[str, Any]) -> tuple[str, ...]:
    accuracies = (f"{figures['accuracies'][rule]:.1%}" for rule in ("likelihood", "per_character", "per_token"))
    broken = sum(figures["broken"].values())
    rule = figures["rule"].replace("_", " ")
    return (
        f"{figures['accuracy']:.1%}",
        rule,
        *accuracies,
        *map("{:,}".format, (figures["items"], broken, figures["cut"])),
    )


def _sizes(figures: Mapping[str, Any]) -> tuple[int, ...]:
    return figures["documents"], figures["bytes"], figures["tokens"]


def _echo_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Lines of columns: names to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        click.echo("  ".join([row[0].ljust(widths[0]), *cells]))
