"""What a training run costs: tokens a parameter, GPU-hours, days, energy and carbon.

Source: Touvron et al. 2023, section 6 and Table 15: Wh = GPU-hours * watts of a GPU * PUE, and 0.385 kg of CO2e for
each kWh, the mean of the grid of the United States, whatever grid the data centre hangs on.
Differs: the formula gives 449.8 MWh for 65B, where the paper prints 449, and 476.5 for BLOOM, where it prints 475.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from trainer.config import TrainerConfig
from trainer.errors import SettingsError
from trainer.model import count_parameters
from trainer.speed import flops_per_token
from trainer.tables import text_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What GPU-hours draw and emit; the defaults are the paper's."""

    watts: float = 400.0
    """Of one GPU: its rated power, as in the paper, which leaves out the rest of the machine."""
    pue: float = 1.1
    """Power usage effectiveness: energy of the data centre by energy of its machines."""
    kilograms_per_kwh: float = 0.385
    """Carbon dioxide equivalent."""

    def __post_init__(self) -> None:
        for name, least in (("watts", 0.0), ("pue", 1.0), ("kilograms_per_kwh", 0.0)):
            if not getattr(self, name) >= least:
                raise SettingsError(f"{name} must be >= {least:g}, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One row: a model, what it reads and what that takes. None where it does not follow from what is known."""

    model: str
    parameters: int | None
    tokens: float | None
    tokens_per_second_per_gpu: float | None
    gpus: int
    gpu_hours: float
    power: Power

    @property
    def tokens_per_parameter(self) -> float | None:
        """How many tokens the model reads for each of its parameters; about 20 is the optimum of Hoffmann et al."""
        return self.tokens / self.parameters if self.tokens and self.parameters else None

    @property
    def days(self) -> float:
        """On so many GPUs, none of them ever idle."""
        return self.gpu_hours / self.gpus / 24

    @property
    def megawatt_hours(self) -> float:
        """Energy."""
        return self.gpu_hours * self.power.watts * self.power.pue / 1e6

    @property
    def tonnes(self) -> float:
        """Carbon dioxide equivalent."""
        return self.megawatt_hours * self.power.kilograms_per_kwh

    def to_record(self) -> dict[str, float | str | None]:
        """All figures by name."""
        power = self.power
        return {
            "model": self.model,
            "parameters": self.parameters,
            "tokens": self.tokens,
            "tokens_per_parameter": self.tokens_per_parameter,
            "tokens_per_second_per_gpu": self.tokens_per_second_per_gpu,
            "gpus": self.gpus,
            "gpu_hours": self.gpu_hours,
            "days": self.days,
            "megawatt_hours": self.megawatt_hours,
            "tonnes_co2e": self.tonnes,
            "watts": power.watts,
            "pue": power.pue,
            "kilograms_co2e_per_kwh": power.kilograms_per_kwh,
        }


# GPU-hours of Table 15, on A100-80GB of 400 W. OPT's and BLOOM's are what their own papers and logs state.
PAPER_GPU_HOURS: Mapping[str, int] = MappingProxyType(
    {"7b": 82_432, "13b": 135_168, "33b": 530_432, "65b": 1_022_362, "OPT-175B": 809_472, "BLOOM-175B": 1_082_880}
)
PAPER_GPUS = 2048


def cost_of(
    model: str,
    config: TrainerConfig,
    *,
    vocabulary_size: int,
    sequence_tokens: int,
    tokens: float | None,
    tokens_per_second: float,
    gpus: int,
    power: Power,
) -> Cost:
    """Cost at a speed of one GPU; `tokens` of None are those of the config's own steps."""
    if tokens is None:
        tokens = float(config.steps * config.batch_sequences * sequence_tokens)
    for name, value in (("tokens", tokens), ("tokens_per_second", tokens_per_second), ("gpus", gpus)):
        if not value > 0:
            raise SettingsError(f"{name} must be > 0, got {value:g}")
    return Cost(
        model=model,
        parameters=count_parameters(config, vocabulary_size),
        tokens=tokens,
        tokens_per_second_per_gpu=tokens_per_second,
        gpus=gpus,
        gpu_hours=tokens / tokens_per_second / 3600,
        power=power,
    )


def assumed_speed(
    config: TrainerConfig, *, vocabulary_size: int, sequence_tokens: int, mfu: float, peak: float
) -> float:
    """Tokens a second of a GPU that reaches `mfu` (FULL convention) of a peak in FLOP/s."""
    if not 0 < mfu <= 1:
        raise SettingsError(f"mfu must be above 0 and at most 1, got {mfu:g}")
    return mfu * peak / flops_per_token(config, vocabulary_size, sequence_tokens).full


def paper_table(presets: Mapping[str, TrainerConfig], power: Power, gpus: int = PAPER_GPUS) -> list[Cost]:
    """Table 15: from the GPU-hours that the paper states, with the speed they imply for models that we know."""
    return [_paper_row(model, hours, presets.get(model), power, gpus) for model, hours in PAPER_GPU_HOURS.items()]


def _paper_row(model: str, hours: int, config: TrainerConfig | None, power: Power, gpus: int) -> Cost:
    # The paper's steps at 2,048 sequences of 2,048 tokens, and its vocabulary.
    tokens = None if config is None else float(config.steps * config.batch_sequences * 2048)
    return Cost(
        model=model,
        parameters=None if config is None else count_parameters(config, 32_000),
        tokens=tokens,
        tokens_per_second_per_gpu=None if tokens is None else tokens / hours / 3600,
        gpus=gpus,
        gpu_hours=float(hours),
        power=power,
    )


def cost_table(costs: Sequence[Cost]) -> str:
    """The costs as text."""
    header = ("model", "parameters", "tokens", "tokens/parameter", "tokens/s/GPU", "GPU-hours", "GPUs", "days", "MWh")
    rows = [
        (
            cost.model,
            _amount(cost.parameters),
            _amount(cost.tokens),
            "-" if cost.tokens_per_parameter is None else f"{cost.tokens_per_parameter:.1f}",
            "-" if cost.tokens_per_second_per_gpu is None else f"{cost.tokens_per_second_per_gpu:,.0f}",
            f"{cost.gpu_hours:,.0f}",
            f"{cost.gpus:,}",
            f"{cost.days:,.1f}",
            f"{cost.megawatt_hours:,.3g}" if cost.megawatt_hours < 100 else f"{cost.megawatt_hours:,.0f}",
            f"{cost.tonnes:,.3g}" if cost.tonnes < 100 else f"{cost.tonnes:,.0f}",
        )
        for cost in costs
    ]
    return text_table((*header, "t CO2e"), rows)


def _amount(number: float | None) -> str:
    """In thousands, millions, billions or trillions, to four digits."""
    if number is None:
        return "-"
    for letter, unit in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if number >= unit:
            return f"{number / unit:.4g}{letter}"
    return f"{number:.4g}"
