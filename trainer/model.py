"""LLaMA: pre-norm RMSNorm, rotary embedding, SwiGLU, no bias, input and output embeddings not tied, causal attention.

Shapes are named in suffixes: B sequences, T tokens, D dimension, H heads, K head size, F feed-forward, V vocabulary.
Query, key and value are one weight (3, D, D), gate and up one of (2, F, D): one product each, and a process that
shares the products holds a part of the middle dimension. What a layer computes in is its weights' precision; norms,
rotation and loss are worked out in float32 at least.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from trainer.attention import DocumentMask, attend
from trainer.config import TrainerConfig
from trainer.linear import linear
from trainer.loss import Losses, cross_entropy
from trainer.tensor_parallel import embed, gather_sequence, local_weight, scatter_sequence


class Rope(NamedTuple):
    """Cosine and sine of every position's angle, for the first half of a head's columns."""

    cos_TK: Tensor
    sin_TK: Tensor

    def first(self, tokens: int) -> "Rope":
        """Of the first positions: a shorter sequence's are a longer one's."""
        return Rope(self.cos_TK[:tokens], self.sin_TK[:tokens])


Transform = Callable[[Tensor, Rope, DocumentMask | None], Tensor]


class Block(nn.Module):
    """One layer: attention and feed-forward, each added to what came in."""

    attention_norm: nn.Parameter
    wqkv: nn.Parameter
    wo: nn.Parameter
    feed_forward_norm: nn.Parameter
    w1w3: nn.Parameter
    w2: nn.Parameter

    def __init__(self, config: TrainerConfig, device: torch.device | str, dtype: torch.dtype) -> None:
        super().__init__()
        self.head_size, self.epsilon = config.head_size, config.norm_epsilon
        self.float8 = config.precision == "float8"
        self.tensor_mesh: DeviceMesh | None = None
        self.prepared: Transform | None = None
        """`transform` as `activations.prepare_block` wraps it: recomputed in part, compiled."""
        for name, shape in block_shapes(config).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))

    def forward(self, x_BTD: Tensor, rope: Rope, mask: DocumentMask | None) -> Tensor:
        """The layer's output, (B, T, D); where a sequence is cut, of this process's stretch."""
        return (self.prepared or self.transform)(x_BTD, rope, mask)

    def transform(self, x_BTD: Tensor, rope: Rope, mask: DocumentMask | None) -> Tensor:
        """The layer as plain code."""
        x_BTD = x_BTD + self._attention(rms_norm(x_BTD, local_weight(self.attention_norm), self.epsilon), rope, mask)
        return x_BTD + self._feed_forward(rms_norm(x_BTD, local_weight(self.feed_forward_norm), self.epsilon))

    def _attention(self, x_BTD: Tensor, rope: Rope, mask: DocumentMask | None) -> Tensor:
        x_BTD = gather_sequence(x_BTD, self.tensor_mesh)
        batch, tokens, _ = x_BTD.shape
        qkv_BTP = linear(x_BTD, local_weight(self.wqkv), float8=self.float8)
        q_BHTK, k_BHTK, v_BHTK = qkv_BTP.view(batch, tokens, 3, -1, self.head_size).permute(2, 0, 3, 1, 4)
        mixed_BHTK = attend(rotate(q_BHTK, rope), rotate(k_BHTK, rope), v_BHTK, mask)
        mixed_BTD = mixed_BHTK.transpose(1, 2).reshape(batch, tokens, -1)
        return scatter_sequence(linear(mixed_BTD, local_weight(self.wo), float8=self.float8), self.tensor_mesh)

    def _feed_forward(self, x_BTD: Tensor) -> Tensor:
        x_BTD = gather_sequence(x_BTD, self.tensor_mesh)
        gate_BTF, up_BTF = linear(x_BTD, local_weight(self.w1w3), float8=self.float8).chunk(2, dim=-1)
        x_BTD = linear(F.silu(gate_BTF) * up_BTF, local_weight(self.w2), float8=self.float8)
        return scatter_sequence(x_BTD, self.tensor_mesh)


class Llama(nn.Module):
    """The whole model; its weights are not set until `trainer.state` draws or loads them."""

    def __init__(
        self,
        config: TrainerConfig,
        vocabulary_size: int,
        *,
        device: torch.device | str = "meta",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.epsilon, self.z_loss, self.vocabulary_size = config.norm_epsilon, config.z_loss, vocabulary_size
        self.compiles_loss = False if config.compile == "off" else None
        self.tensor_mesh: DeviceMesh | None = None
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, config.dimension, device=device, dtype=dtype))
        self.layers = nn.ModuleList(Block(config, device, dtype) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.empty(config.dimension, device=device, dtype=dtype))
        self.output = nn.Parameter(torch.empty(vocabulary_size, config.dimension, device=device, dtype=dtype))

    @property
    def blocks(self) -> Iterator[Block]:
        """The layers, as what they are."""
        return (cast(Block, layer) for layer in self.layers)

    def forward(
        self, tokens_BT: Tensor, targets_BT: Tensor, rope: Rope, *, scale: float, mask: DocumentMask | None = None
    ) -> Losses:
        """Cross entropy of the targets (-100: none); `scale` times its sum is what gradients are of.

        All T tokens go through the layers, so that attention sees the round length its kernels want.
        """
        hidden_BTD = gather_sequence(self.hidden_states(tokens_BT, rope, mask), self.tensor_mesh)
        return cross_entropy(
            hidden_BTD,
            local_weight(self.output),
            targets_BT,
            scale=scale,
            z_loss=self.z_loss,
            tensor_mesh=self.tensor_mesh,
            compiled=self.compiles_loss,
        )

    def hidden_states(self, tokens_BT: Tensor, rope: Rope, mask: DocumentMask | None = None) -> Tensor:
        """The last layer's normed output, (B, T, D)."""
        x_BTD = embed(tokens_BT, self.embedding, self.tensor_mesh)
        for layer in self.layers:
            x_BTD = layer(x_BTD, rope, mask)
        return rms_norm(x_BTD, local_weight(self.norm), self.epsilon)

    def logits(self, tokens_BT: Tensor, rope: Rope, mask: DocumentMask | None = None) -> Tensor:
        """Scores of the next token at every position, (B, T, V), of a model that one process holds."""
        return linear(self.hidden_states(tokens_BT, rope, mask), self.output)


def block_shapes(config: TrainerConfig) -> dict[str, tuple[int, ...]]:
    """A layer's weights by name."""
    width, inner = config.dimension, config.feed_forward
    return {
        "attention_norm": (width,),
        "wqkv": (3, width, width),
        "wo": (width, width),
        "feed_forward_norm": (width,),
        "w1w3": (2, inner, width),
        "w2": (width, inner),
    }


def initial_weight(name: str, shape: tuple[int, ...], config: TrainerConfig, seed: int) -> Tensor:
    """A float32 weight on the CPU: norms are one, matrices normal with `initial_std`, and those that write to the
    residual narrower by sqrt(2 * layers), as in GPT-2.

    Each weight has a generator of its own, so that a seed means the same weights on every device and layout.
    """
    if len(shape) == 1:
        return torch.ones(shape)
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
    narrower = math.sqrt(2 * config.layers) if name.endswith((".wo", ".w2")) else 1.0
    return torch.empty(shape).normal_(0.0, config.initial_std / narrower, generator=generator)


@torch.no_grad()
def new_model(
    config: TrainerConfig,
    vocabulary_size: int,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Llama:
    """A model with its first weights, whole on one device."""
    model = Llama(config, vocabulary_size, device=device, dtype=dtype)
    for name, weight in model.named_parameters():
        weight.copy_(initial_weight(name, tuple(weight.shape), config, seed))
    return model


def count_parameters(config: TrainerConfig, vocabulary_size: int) -> int:
    """How many numbers the model learns."""
    layer = sum(math.prod(shape) for shape in block_shapes(config).values())
    return 2 * vocabulary_size * config.dimension + config.layers * layer + config.dimension


def rope_table(
    config: TrainerConfig, tokens: int, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Rope:
    """Angles position * base^(-2i / head size), worked out in float64; a model in float64 wants its table so, too."""
    columns_K = torch.arange(0, config.head_size, 2, dtype=torch.float64)
    frequency_K = config.rope_base ** (-columns_K / config.head_size)
    angle_TK = torch.outer(torch.arange(tokens, dtype=torch.float64), frequency_K)
    return Rope(angle_TK.cos().to(device, dtype), angle_TK.sin().to(device, dtype))


def rotate(x_BHTK: Tensor, rope: Rope) -> Tensor:
    """Turns column i and column i + K/2 by the position's angle (the half layout of HuggingFace; Meta's release pairs
    columns 2i and 2i + 1, the same model with the rows of wq and wk permuted). At least float32 inside.
    """
    wide = torch.promote_types(x_BHTK.dtype, torch.float32)
    first, second = x_BHTK.to(wide).chunk(2, dim=-1)
    cos_TK, sin_TK = rope.cos_TK.to(wide), rope.sin_TK.to(wide)
    turned = torch.cat((first * cos_TK - second * sin_TK, second * cos_TK + first * sin_TK), dim=-1)
    return turned.to(x_BHTK.dtype)


def rms_norm(x_BTD: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
    """x / rms(x) * weight, in at least float32; the weight is applied before the result is cast back."""
    wide = torch.promote_types(x_BTD.dtype, torch.float32)
    x = x_BTD.to(wide)
    scaled = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)
    return (scaled * weight_D.to(wide)).to(x_BTD.dtype)
