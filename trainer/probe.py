"""What a device reaches at the products that a model is made of, and at copying: the ceiling of a step.

A data sheet's peak is reached by no product: clocks fall under load, and each shape has its own rate. Numbers are
random, as in training: products of zeros draw less power and run faster.

Shapes: M tokens that go together, K and N the two sides of a weight.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from trainer.config import TrainerConfig
from trainer.linear import add_product

SQUARE = 8192
COPY_BYTES = 2**31


class Shape(NamedTuple):
    """A weight's product: N outputs of K inputs, and how often a model's step has it for each token."""

    outputs: int
    inputs: int
    times: int


def model_shapes(config: TrainerConfig, vocabulary_size: int) -> dict[str, Shape]:
    """The weights that take part in products; one process has all of each."""
    width, inner, layers = config.dimension, config.feed_forward, config.layers
    return {
        "wqkv": Shape(3 * width, width, layers),
        "wo": Shape(width, width, layers),
        "w1w3": Shape(2 * inner, width, layers),
        "w2": Shape(width, inner, layers),
        "output": Shape(vocabulary_size, width, 1),
    }


def probe(
    config: TrainerConfig,
    vocabulary_size: int,
    *,
    tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    seconds: float = 0.5,
) -> dict[str, Any]:
    """Rates in FLOP/s of each weight's three products, of all together, and of a large square; bytes/s of a copy.

    `model` weighs the products as a step does, for `tokens` that go together: no step can be faster in its products.
    Each is repeated for about so many seconds.
    """
    rates = {
        name: _weight_rates(shape, tokens, device, dtype, seconds)
        for name, shape in model_shapes(config, vocabulary_size).items()
    }
    side = SQUARE if device.type == "cuda" else min(SQUARE, config.dimension)
    square = _weight_rates(Shape(side, side, 1), side, device, dtype, seconds)["forward"]
    return {
        "tokens": tokens,
        "dtype": str(dtype).removeprefix("torch."),
        "flops_per_second": {
            **rates,
            "square": {"side": side, "forward": square},
            "model": round(_of_model(model_shapes(config, vocabulary_size), rates)),
        },
        "copy_bytes_per_second": round(copy_rate(device, seconds)),
    }


def _weight_rates(
    shape: Shape, tokens: int, device: torch.device, dtype: torch.dtype, seconds: float
) -> dict[str, int]:
    """Of the outputs, of the inputs' gradient, and of the weight's gradient into its float32 sum."""
    x_MK, gradient_MN, weight_NK = (
        torch.randn(size, device=device, dtype=torch.float32).to(dtype)
        for size in ((tokens, shape.inputs), (tokens, shape.outputs), (shape.outputs, shape.inputs))
    )
    sum_NK = torch.zeros(shape.outputs, shape.inputs, device=device)
    products: Mapping[str, Callable[[], object]] = {
        "forward": lambda: x_MK @ weight_NK.t(),
        "input_gradient": lambda: gradient_MN @ weight_NK,
        "weight_gradient": lambda: add_product(sum_NK, gradient_MN.t(), x_MK),
    }
    flops = 2.0 * tokens * shape.inputs * shape.outputs
    return {name: round(flops / seconds_of(call, device, seconds)) for name, call in products.items()}


def _of_model(shapes: Mapping[str, Shape], rates: Mapping[str, Mapping[str, int]]) -> float:
    """All products of a token by the time that they take one after the other."""
    flops = sum(3.0 * shape.times * shape.inputs * shape.outputs for shape in shapes.values())
    time_taken = sum(
        shape.times * shape.inputs * shape.outputs / rate
        for name, shape in shapes.items()
        for rate in rates[name].values()
    )
    return flops / time_taken


def copy_rate(device: torch.device, seconds: float) -> float:
    """Bytes read and written in a second by a copy within the device's memory."""
    size = COPY_BYTES if device.type == "cuda" else 2**24
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    return 2.0 * size / seconds_of(lambda: target.copy_(source), device, seconds)


def seconds_of(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Of one call, from as many in a row as take about so many seconds; three before are not counted."""
    for _ in range(3):
        call()
    once = _timed(call, 1, device)
    repeats = max(1, min(10_000, int(seconds / max(once, 1e-7))))
    return _timed(call, repeats, device) / repeats


def _timed(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
