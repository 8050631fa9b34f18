"""The model is LLaMA: transformers' LlamaForCausalLM and a float64 reference give the same numbers."""

import math
from collections.abc import Mapping

import pytest
import torch
from llama_reference import reference_logits, reference_nats, turned
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from trainer.config import PRESETS, TrainerConfig
from trainer.loss import UNCOUNTED
from trainer.meta_release import interleaved
from trainer.model import Llama, count_parameters, new_model, rope_table, rotate

VOCABULARY = 37
# (dimension, layers, heads, feed_forward_multiple), (sequences, tokens)
SIZES = [
    ((24, 3, 3, 8), (2, 7)), ((64, 2, 4, 16), (1, 33)), ((32, 1, 1, 32), (3, 3)), ((48, 2, 12, 4), (4, 16)),
]  # fmt: skip
Weights = dict[str, Tensor]


def config_of(size: tuple[int, ...], base: float = 10000.0) -> TrainerConfig:
    names = ("dimension", "layers", "heads", "feed_forward_multiple")
    return TrainerConfig(**dict(zip(names, size, strict=True)), initial_std=0.2, rope_base=base, norm_epsilon=1e-6)


def ours(config: TrainerConfig, dtype: torch.dtype = torch.float64, seed: int = 0) -> Llama:
    """A model of which no weight, and no norm's, is what a mistake would leave it at."""
    model, generator = new_model(config, VOCABULARY, seed=seed), torch.Generator().manual_seed(seed + 1)
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.data += 0.4 * torch.randn(weight.shape, generator=generator)
    return model.to(dtype)


def weights_of(model: Llama, dtype: torch.dtype = torch.float64) -> Weights:
    return {name: weight.detach().to(dtype).requires_grad_() for name, weight in model.named_parameters()}


def some_tokens(shape: tuple[int, int], seed: int = 5) -> Tensor:
    return torch.randint(1, VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def logits_of(model: Llama, config: TrainerConfig, tokens: Tensor) -> Tensor:
    return model.logits(tokens, rope_table(config, tokens.shape[1], dtype=torch.float64))


def mean_loss(model: Llama, config: TrainerConfig, tokens: Tensor) -> Tensor:
    """The mean over all next tokens, as the trainer asks for it."""
    targets = torch.nn.functional.pad(tokens[:, 1:], (0, 1), value=UNCOUNTED)
    rope = rope_table(config, tokens.shape[1], dtype=torch.float64)
    return model(tokens, targets, rope, scale=1 / tokens[:, 1:].numel()).total


def theirs(config: TrainerConfig, weights: Mapping[str, Tensor], dtype: torch.dtype) -> LlamaForCausalLM:
    """transformers' model with our weights; the names are written out here, apart from those of the export."""
    sizes = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=config.dimension, intermediate_size=config.feed_forward, rms_norm_eps=1e-6,
        num_hidden_layers=config.layers, num_attention_heads=config.heads, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
    )  # fmt: skip
    model = LlamaForCausalLM(sizes).to(dtype)
    model.load_state_dict(their_names({name: weight.detach() for name, weight in weights.items()}))
    return model.to(dtype)


def their_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {"model.embed_tokens.weight": weights["embedding"], "model.norm.weight": weights["norm"]}
    found["lm_head.weight"] = weights["output"]
    for name, weight in weights.items():
        if not name.startswith("layers."):
            continue
        _, layer, kind = name.split(".")
        inside = {
            "attention_norm": ["input_layernorm"], "feed_forward_norm": ["post_attention_layernorm"],
            "wqkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "wo": ["self_attn.o_proj"],
            "w1w3": ["mlp.gate_proj", "mlp.up_proj"], "w2": ["mlp.down_proj"],
        }[kind]  # fmt: skip
        parts = weight if len(inside) > 1 else [weight]
        found |= {f"model.layers.{layer}.{at}.weight": part for at, part in zip(inside, parts, strict=True)}
    return found


def distance(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, over the largest of what is wanted."""
    return ((found.double() - wanted.double()).abs().max() / wanted.double().abs().max()).item()


@pytest.mark.parametrize("size, shape", SIZES)
@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_logits_loss_and_gradients_are_those_of_transformers(size, shape, base):
    config, tokens = config_of(size, base), some_tokens(shape)
    model = ours(config, torch.float32)
    other = theirs(config, weights_of(model), torch.float32)
    assert distance(logits_of(model, config, tokens), other(tokens).logits) <= 1e-5
    loss, wanted = mean_loss(model, config, tokens), other(tokens, labels=tokens).loss
    assert distance(loss, wanted) <= 1e-5
    loss.backward(), wanted.backward()
    gradients = their_names({name: weight.grad for name, weight in model.named_parameters()})
    assert gradients.keys() == dict(other.named_parameters()).keys()
    for name, weight in other.named_parameters():
        assert distance(gradients[name], weight.grad) <= 1e-5, name


@pytest.mark.parametrize("size, shape", SIZES)
def test_logits_loss_and_gradients_are_those_of_the_reference(size, shape):
    config, tokens = config_of(size), some_tokens(shape)
    model = ours(config)
    weights = weights_of(model)
    assert distance(logits_of(model, config, tokens), reference_logits(weights, tokens, config)) <= 1e-12
    loss, wanted = mean_loss(model, config, tokens), reference_nats(weights, tokens, config).mean()
    assert distance(loss, wanted) <= 1e-12
    loss.backward(), wanted.backward()
    for name, weight in model.named_parameters():
        assert distance(weight.grad, weights[name].grad) <= 1e-12, name


@pytest.mark.parametrize("seed", range(3))
def test_bfloat16_strays_no_further_from_the_truth_than_transformers(seed):
    config, tokens = config_of((64, 3, 4, 16)), some_tokens((4, 32), seed)
    model = ours(config, torch.bfloat16, seed)
    exact = weights_of(model)
    other = theirs(config, exact, torch.bfloat16)
    reference_nats(exact, tokens, config).mean().backward()
    mean_loss(model, config, tokens).backward()
    other(tokens, labels=tokens).loss.backward()
    truth = {"logits": reference_logits(exact, tokens, config)}
    truth |= their_names({name: weight.grad for name, weight in exact.items()})
    our = {"logits": logits_of(model, config, tokens)}
    our |= their_names({name: weight.grad for name, weight in model.named_parameters()})
    their = {"logits": other(tokens).logits} | {name: weight.grad for name, weight in other.named_parameters()}
    for name, wanted in truth.items():
        error, allowed = ((found[name].double() - wanted).square().mean().sqrt() for found in (our, their))
        # We apply a norm's weight before its output is rounded, they after.
        assert error <= (1.2 if name != "logits" else 0.95) * allowed, name


KINDS = ("embedding", "attention_norm", "wqkv", "wo", "feed_forward_norm", "w1w3", "w2", "norm", "output")


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_reference_are_finite_differences(kind):
    config, tokens, step = config_of((24, 2, 3, 8)), some_tokens((2, 7)), 1e-5
    weights = weights_of(ours(config))
    name = kind if kind in weights else f"layers.1.{kind}"
    direction = torch.randn(weights[name].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    reference_nats(weights, tokens, config).sum().backward()
    slope = (weights[name].grad * direction).sum()
    there, back = (
        reference_nats(weights | {name: weights[name] + sign * step * direction}, tokens, config).sum()
        for sign in (1, -1)
    )
    assert distance((there - back) / (2 * step), slope) <= 1e-7


@pytest.mark.parametrize("size", [size for size, _ in SIZES])
def test_metas_columns_give_the_same_model_only_with_the_rows_permuted(size):
    config, tokens = config_of(size), some_tokens((2, 9))
    weights = weights_of(ours(config))
    permuted = dict(weights)
    for name in (name for name in weights if name.endswith("wqkv")):
        q, k, v = weights[name]
        permuted[name] = torch.stack([interleaved(q, config.heads), interleaved(k, config.heads), v])
    wanted = logits_of(ours(config), config, tokens)
    assert distance(reference_logits(permuted, tokens, config, "pairs"), wanted) <= 1e-12
    assert distance(reference_logits(weights, tokens, config, "pairs"), wanted) >= 1e-4
    assert distance(reference_logits(permuted, tokens, config), wanted) >= 1e-4


def test_the_rotation_is_the_reference_s():
    x = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    config = TrainerConfig(dimension=24, heads=3, rope_base=77.0)
    found = rotate(x, rope_table(config, 9, dtype=torch.float64))
    torch.testing.assert_close(found.flatten(0, 1), turned(x.flatten(0, 1), 77.0), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "preset, parameters",
    [("7b", 6_738_415_616), ("13b", 13_015_864_320), ("33b", 32_528_943_616), ("65b", 65_285_660_672)],
)
def test_the_paper_s_sizes_have_the_parameters_of_the_released_models(preset, parameters):
    config = PRESETS[preset]
    assert count_parameters(config, 32000) == parameters
    assert sum(weight.numel() for weight in Llama(config, 32000).parameters()) == parameters
    assert config.head_size == 128


@pytest.mark.parametrize("preset", PRESETS)
def test_every_size_has_the_parameters_of_the_formula(preset):
    config = PRESETS[preset]
    d, f = config.dimension, config.feed_forward
    assert count_parameters(config, 32000) == 2 * 32000 * d + config.layers * (4 * d * d + 3 * d * f + 2 * d) + d
    assert f == math.ceil(8 * d // 3 / config.feed_forward_multiple) * config.feed_forward_multiple
