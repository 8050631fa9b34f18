"""transformers' Llama of the same sizes, trained as its users do: SDPA, torch.compile, and Liger's kernels if asked.

    python -m benchmarks.gpu_baseline --preset 1.3b --sequence-tokens 2048 --batch-tokens 524288 --seconds 240

Weights and gradients are bfloat16, and the update is torch's fused AdamW on float32 masters: 16 bytes a parameter, as
ours. Gradients are summed in bfloat16 over micro-batches, which ours are not. The micro-batch is the largest that the
card takes; where none does, layers are checkpointed. Prints one JSON object.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import click
import torch
from torch import Tensor, nn

from trainer.config import PRESETS, TrainerConfig
from trainer.hardware import Sampler, device_bytes, device_facts, versions
from trainer.memory import Job, largest_that_fits
from trainer.speed import flops_per_token, peak_flops, utilisation

MIN_STEPS, WARMUP_STEPS = 3, 2
MAX_MICRO_BATCH = 32


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), required=True)
@click.option("--sequence-tokens", type=int, default=2048)
@click.option("--batch-tokens", type=int, default=524_288)
@click.option("--vocabulary-size", type=int, default=32_000)
@click.option("--seconds", type=float, default=240.0)
@click.option("--liger", is_flag=True, help="Liger's norm, rotation, SwiGLU and loss.")
@click.option("--device", default="cuda")
def main(
    preset: str,
    sequence_tokens: int,
    batch_tokens: int,
    vocabulary_size: int,
    seconds: float,
    liger: bool,
    device: str,
) -> None:
    """Measure transformers' Llama."""
    where = torch.device(device, 0) if device == "cuda" else torch.device(device)
    config = replace(PRESETS[preset], batch_sequences=batch_tokens // sequence_tokens)
    missing = _missing(liger)
    job = Job(config=config, vocabulary_size=vocabulary_size, sequence_tokens=sequence_tokens)
    memory = device_bytes(where)
    if missing:
        click.echo(json.dumps({"skipped": f"{missing} cannot be imported"}))
    elif memory is not None and largest_that_fits(job, memory, "full", compiled=True) is None:
        click.echo("error: weights and AdamW in float32 do not fit this card", err=True)
        sys.exit(2)
    else:
        click.echo(json.dumps(measured(job, where, seconds, liger=liger)))


def _missing(liger: bool) -> str | None:
    """The package that is not there, if one is not."""
    for name in ("transformers", *(["liger_kernel.transformers"] if liger else [])):
        try:
            __import__(name)
        except ImportError:
            return name.partition(".")[0].replace("_", "-")
    return None


def measured(job: Job, device: torch.device, seconds: float, *, liger: bool) -> dict[str, Any]:
    """Speed of whole steps, with what it took to make them fit."""
    model = _model(job, device, liger=liger)
    masters = Masters(model, job.config)
    run = Baseline(job, model, masters, device)
    run.find_micro_batch()
    for _ in range(WARMUP_STEPS):
        run.step(2 * run.micro_batch)
    times: list[float] = []
    began = time.perf_counter()
    with Sampler(device) as sampler:
        while len(times) < MIN_STEPS or time.perf_counter() - began + times[-1] < seconds:
            times.append(run.step(job.config.batch_sequences))
    tokens = job.config.batch_sequences * job.sequence_tokens
    rates = sorted(tokens / step for step in times)
    flops = flops_per_token(job.config, job.vocabulary_size, job.sequence_tokens)
    return {
        "device": device_facts(device),
        "sampled": sampler.summary(),
        "versions": versions() | {"transformers": _version("transformers")} | _liger_version(liger),
        "micro_batch_sequences": run.micro_batch,
        "checkpointed": run.is_checkpointed,
        "compiled": run.is_compiled,
        "steps": len(times),
        "step_seconds": [round(step, 6) for step in times],
        "tokens_per_second_per_gpu": {
            "median": round(median(rates), 1),
            "min": round(rates[0], 1),
            "max": round(rates[-1], 1),
        },
        **utilisation(median(rates), flops, peak_flops(device, torch.bfloat16)),
        "memory": {"reserved_bytes": torch.cuda.max_memory_reserved(device) if device.type == "cuda" else "n/a"},
    }


def _version(name: str) -> str:
    return str(__import__(name).__version__)


def _liger_version(liger: bool) -> dict[str, str]:
    from importlib.metadata import version

    return {"liger-kernel": version("liger-kernel")} if liger else {}


def _model(job: Job, device: torch.device, *, liger: bool) -> nn.Module:
    from transformers import AutoModelForCausalLM, LlamaConfig

    if liger:
        from liger_kernel.transformers import apply_liger_kernel_to_llama  # type: ignore[import-not-found]

        apply_liger_kernel_to_llama(cross_entropy=False, fused_linear_cross_entropy=True)
    config = job.config
    llama = LlamaConfig(
        vocab_size=job.vocabulary_size,
        hidden_size=config.dimension,
        intermediate_size=config.feed_forward,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        max_position_embeddings=job.sequence_tokens,
        rms_norm_eps=config.norm_epsilon,
        tie_word_embeddings=False,
        use_cache=False,
    )
    from_config: Any = AutoModelForCausalLM.from_config
    with device:
        model: nn.Module = from_config(llama, attn_implementation="sdpa", dtype=torch.bfloat16)
    return model.to(torch.bfloat16).train()


class Masters:
    """Float32 copies of a model's weights, and torch's AdamW for them, layer by layer.

    All gradients in float32 at once would take four more bytes a parameter than the card has.
    """

    def __init__(self, model: nn.Module, config: TrainerConfig) -> None:
        self._groups = [list(group) for group in _by_layer(model)]
        self._masters = [[weight.detach().float() for weight in group] for group in self._groups]
        self._optimizers = [
            torch.optim.AdamW(
                masters,
                lr=config.learning_rate,
                betas=(config.beta1, config.beta2),
                eps=config.adam_epsilon,
                weight_decay=config.weight_decay,
                fused=masters[0].is_cuda,
            )
            for masters in self._masters
        ]

    def step(self) -> None:
        """Updates masters and weights, and lets go of the gradients."""
        for weights, masters, optimizer in zip(self._groups, self._masters, self._optimizers, strict=True):
            for weight, master in zip(weights, masters, strict=True):
                master.grad = torch.zeros_like(master) if weight.grad is None else weight.grad.float()
                weight.grad = None
            optimizer.step()
            with torch.no_grad():
                for weight, master in zip(weights, masters, strict=True):
                    weight.copy_(master)
                    master.grad = None


def _by_layer(model: nn.Module) -> Iterator[list[Tensor]]:
    layers: Any = model.model.layers  # type: ignore[union-attr]
    inside = {id(weight) for weight in layers.parameters()}
    yield [weight for weight in model.parameters() if id(weight) not in inside]
    for layer in layers:
        yield list(layer.parameters())


def _checkpoint_layers(model: Any) -> None:
    """By whichever name transformers has for it."""
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable()


class Baseline:
    """Steps of a model on random tokens."""

    def __init__(self, job: Job, model: nn.Module, masters: Masters, device: torch.device) -> None:
        self._job, self._model, self._masters, self._device = job, model, masters, device
        self.micro_batch = 1
        self.is_checkpointed = False
        self.is_compiled = device.type == "cuda"
        self._call: Any = torch.compile(model, dynamic=False) if self.is_compiled else model
        masters.step()  # Moments are there from now on, and in the way of activations as in every later step.

    def find_micro_batch(self) -> None:
        """The largest that runs, from what ours would take; with checkpointing where not even one sequence does."""
        memory = device_bytes(self._device)
        planned = 2 if memory is None else largest_that_fits(self._job, memory, "auto", compiled=True)
        count = min(planned or 1, MAX_MICRO_BATCH)
        while not self._runs(count):
            if count == 1 and self.is_checkpointed:
                raise RuntimeError("not even one checkpointed sequence fits this card")
            self.is_checkpointed |= count == 1
            if self.is_checkpointed:
                _checkpoint_layers(self._model)
            count = max(1, count // 2)
        self.micro_batch = count

    def _runs(self, count: int) -> bool:
        try:
            self._backward(count, 1.0)
        except torch.OutOfMemoryError:
            runs = False
        else:
            runs = True
        for weight in self._model.parameters():
            weight.grad = None
        if not runs:
            torch.cuda.empty_cache()
        return runs

    def _backward(self, count: int, scale: float) -> None:
        shape = (count, self._job.sequence_tokens)
        tokens_BT = torch.randint(3, self._job.vocabulary_size, shape, device=self._device)
        (self._call(input_ids=tokens_BT, labels=tokens_BT).loss * scale).backward()

    def step(self, sequences: int) -> float:
        """Gradients of so many sequences, clipped, and the update; its seconds."""
        self._wait()
        began = time.perf_counter()
        pieces = max(1, sequences // self.micro_batch)
        for _ in range(pieces):
            self._backward(self.micro_batch, 1.0 / pieces)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._masters.step()
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


if __name__ == "__main__":
    main()
