"""`tokenmill-trainer plan`, `budget` and `bench`: what a run would take, and how fast it is."""

import dataclasses
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.config import PRESETS, TrainerConfig
from trainer.errors import SettingsError
from trainer.progress import say

if TYPE_CHECKING:
    from trainer.cost import Cost

H200_BYTES = 139 * 2**30
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_UNITS |= {"TiB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class Amount(click.ParamType[float]):
    """A positive number with a unit: 1.4T tokens, 139GiB."""

    name = "amount"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """The number, or one line that says what it may look like."""
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?(?:e[0-9]+)?)\s*([A-Za-z]*)", str(value))
        if match is None or match[2] not in _UNITS or float(match[1]) <= 0:
            self.fail(f"{value!r} is no amount above 0, as 1.4T, 300B or 139GiB", parameter, context)
        return float(match[1]) * _UNITS[match[2]]


def model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a model: a preset or a file of settings, and single keys of them."""
    for option in reversed(
        [
            click.option("--preset", type=click.Choice(list(PRESETS)), help="A model by name.  [default: 7b]"),
            click.option(
                "--settings", type=Path, help="JSON file with the keys of the recipe's [trainer], in place of a preset."
            ),
            click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One key of the settings."),
            click.option("--vocabulary-size", type=click.IntRange(min=4), default=32_000, show_default=True),
            click.option("--sequence-tokens", type=click.IntRange(min=2), default=2048, show_default=True),
        ]
    ):
        command = option(command)
    return command


def chosen_config(preset: str | None, settings: Path | None, overrides: tuple[str, ...]) -> TrainerConfig:
    """The settings that the options name. Raises SettingsError."""
    if preset and settings:
        raise SettingsError("--preset and --settings: give one of the two")
    config = TrainerConfig.from_file(settings) if settings else PRESETS[preset or "7b"]
    changed: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"--set must be KEY=VALUE, got {override!r}")
        changed[key] = _value(text)
    return TrainerConfig.from_mapping(dataclasses.asdict(config) | changed)


def _value(text: str) -> Any:
    """A number, true or false as JSON has them; anything else is a word."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command()
@model_options
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="That train together.")
@click.option(
    "--device-memory", type=Amount(), help="Of one GPU, as 79GiB.  [default: this machine's GPU, or an H200: 139GiB]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def plan(
    preset: str | None,
    settings: Path | None,
    overrides: tuple[str, ...],
    vocabulary_size: int,
    sequence_tokens: int,
    gpus: int,
    device_memory: float | None,
    as_json: bool,
) -> None:
    """Say what a model takes of each GPU's memory, by policy for activations, and which micro-batch fits.

    Needs no GPU.

    \b
    Example: tokenmill-trainer plan --preset 13b --gpus 2 --device-memory 139GiB
    """
    import torch

    from trainer.hardware import device_bytes
    from trainer.memory import Job
    from trainer.plan import plan as planned
    from trainer.plan import plan_table

    config = chosen_config(preset, settings, overrides)
    job = Job(config=config, vocabulary_size=vocabulary_size, sequence_tokens=sequence_tokens, gpus=gpus)
    here = device_bytes(torch.device("cuda", 0)) if torch.cuda.is_available() else None
    found = planned(job, int(device_memory or here or H200_BYTES))
    click.echo(json.dumps(found) if as_json else plan_table(found))


@click.command()
@model_options
@click.option("--paper", is_flag=True, help="The paper's own table, from its GPU-hours; no model is named then.")
@click.option("--tokens", type=Amount(), help="To train on, as 1.4T.  [default: those of the settings' steps]")
@click.option("--gpus", type=click.IntRange(min=1), default=2048, show_default=True, help="That train together.")
@click.option("--tokens-per-second", type=Amount(), help="Measured speed of one GPU: `bench` gives it.")
@click.option("--mfu", type=float, default=0.5, show_default=True, help="Else the share of the peak assumed, FULL.")
@click.option(
    "--device", default="NVIDIA A100-SXM4-80GB", show_default=True, help="GPU whose peak that is, as its driver says."
)
@click.option("--watts", type=float, default=400.0, show_default=True, help="Of one GPU.")
@click.option("--pue", type=float, default=1.1, show_default=True, help="Power usage effectiveness of the data centre.")
@click.option("--carbon", type=float, default=0.385, show_default=True, help="Kilograms of CO2e for each kWh.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def budget(*, paper: bool, gpus: int, watts: float, pue: float, carbon: float, as_json: bool, **options: Any) -> None:
    """Say what a training run costs: tokens a parameter, GPU-hours, days, energy and carbon.

    Needs no GPU.

    \b
    Example: tokenmill-trainer budget --preset 7b --tokens 1T --gpus 8 --tokens-per-second 14500 --watts 700
             tokenmill-trainer budget --paper
    """
    from trainer.cost import Power, cost_table, paper_table

    power = Power(watts=watts, pue=pue, kilograms_per_kwh=carbon)
    costs = paper_table(PRESETS, power, gpus) if paper else [_cost(gpus=gpus, power=power, **options)]
    click.echo(json.dumps([cost.to_record() for cost in costs]) if as_json else cost_table(costs))


def _cost(
    *,
    preset: str | None,
    settings: Path | None,
    overrides: tuple[str, ...],
    vocabulary_size: int,
    sequence_tokens: int,
    tokens_per_second: float | None,
    mfu: float,
    device: str,
    **known: Any,
) -> "Cost":
    import torch

    from trainer.cost import assumed_speed, cost_of
    from trainer.speed import PEAKS

    config = chosen_config(preset, settings, overrides)
    lengths: Any = {"vocabulary_size": vocabulary_size, "sequence_tokens": sequence_tokens}
    if tokens_per_second is None:
        peaks = PEAKS[torch.bfloat16]
        if device not in peaks:
            raise SettingsError(f"--device {device}: no peak is known; known: {', '.join(peaks)}")
        tokens_per_second = assumed_speed(config, mfu=mfu, peak=peaks[device], **lengths)
        say(f"assumes {mfu:.1%} of the {peaks[device] / 1e12:g} TFLOP/s of {device}")
    model = preset or ("7b" if settings is None else settings.name)
    return cost_of(model, config, tokens_per_second=tokens_per_second, **lengths, **known)


@click.command()
@model_options
@click.option("--batch-tokens", type=Amount(), help="Tokens of a step.  [default: those of the settings]")
@click.option("--seconds", type=click.FloatRange(min=0), default=240.0, show_default=True, help="To time steps for.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def bench(
    preset: str | None,
    settings: Path | None,
    overrides: tuple[str, ...],
    vocabulary_size: int,
    sequence_tokens: int,
    batch_tokens: float | None,
    seconds: float,
    device: str,
) -> None:
    """Measure training steps on random tokens: one JSON object on standard output.

    \b
    Example: tokenmill-trainer bench --preset 1.3b --batch-tokens 524288 --seconds 240
    """
    began = time.perf_counter()
    from trainer.bench import Case
    from trainer.bench import bench as measured
    from trainer.parallel import joined
    from trainer.prepare import device_kind, set_up_torch

    config = chosen_config(preset, settings, overrides)
    if batch_tokens is not None:
        if batch_tokens % sequence_tokens:
            raise SettingsError(
                f"--batch-tokens must be a multiple of --sequence-tokens = {sequence_tokens}, got {batch_tokens:.0f}"
            )
        config = dataclasses.replace(config, batch_sequences=int(batch_tokens) // sequence_tokens)
    case = Case(config=config, vocabulary_size=vocabulary_size, sequence_tokens=sequence_tokens, seconds=seconds)
    with joined(config, device_kind(device)) as world:
        set_up_torch(config, world)
        found = measured(case, world, say if world.is_first else lambda _line: None, began=began)
        if world.is_first:
            click.echo(json.dumps(found))
