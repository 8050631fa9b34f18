"""The model token by token: keys and values of what came before are kept, so that a token costs one pass of its own.

Shapes: B sequences, T tokens, S places of the cache, D dimension, H heads, K head size, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.attention import attend
from trainer.config import TrainerConfig
from trainer.linear import linear
from trainer.model import Block, Llama, Rope, rms_norm, rope_table, rotate


class Decoder:
    """Sequences that grow together, each from a prompt of its own; what comes later in the cache is not looked at.

    The same numbers as `Llama.logits` gives for each sequence alone, up to the order of sums.
    """

    def __init__(self, model: Llama, config: TrainerConfig, *, sequences: int, tokens: int) -> None:
        """Takes 2 * layers * sequences * tokens * dimension numbers of the model's precision."""
        weight = model.embedding
        self._model = model
        self._blocks = [block for block in model.layers if isinstance(block, Block)]
        # In the weights' precision where that is float64, else rotation is worked out in float32.
        wide = torch.promote_types(weight.dtype, torch.float32)
        self._rope = rope_table(config, tokens, weight.device, wide)
        shape = (config.layers, 2, sequences, config.heads, tokens, config.head_size)
        self._cache_L2BHSK = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
        self._lengths_B = torch.zeros(sequences, dtype=torch.int64, device=weight.device)

    @torch.no_grad()
    def start(self, place: int, prompt: list[int]) -> Tensor:
        """Reads the prompt of sequence `place`; the scores of its next token, (V,)."""
        tokens_BT = torch.tensor([prompt], device=self._lengths_B.device)
        x_BTD = F.embedding(tokens_BT, self._model.embedding)
        rope = self._rope.first(len(prompt))
        for layer, block in enumerate(self._blocks):
            q_BHTK, k_BHTK, v_BHTK = _heads(block, x_BTD, rope)
            for kind, part_BHTK in enumerate((k_BHTK, v_BHTK)):
                self._cache_L2BHSK[layer, kind, place, :, : len(prompt)] = part_BHTK[0]
            x_BTD = _rest(block, x_BTD, attend(q_BHTK, k_BHTK, v_BHTK))
        self._lengths_B[place] = len(prompt)
        return self._scores(x_BTD[:, -1:])[0]

    @torch.no_grad()
    def next(self, tokens: list[int]) -> Tensor:
        """Takes the next token of each sequence; the scores of the one after, (B, V)."""
        tokens_BT = torch.tensor(tokens, device=self._lengths_B.device).unsqueeze(1)
        x_BTD = F.embedding(tokens_BT, self._model.embedding)
        at_B, every_B = self._lengths_B, torch.arange(len(tokens), device=self._lengths_B.device)
        # Each sequence is at a position of its own: (B, 1, 1, K / 2), against heads and the one token.
        rope = Rope(*(part[at_B, None, None] for part in self._rope))
        seen_BHTS = (torch.arange(self._cache_L2BHSK.shape[4], device=at_B.device) <= at_B[:, None])[:, None, None]
        for layer, block in enumerate(self._blocks):
            q_BHTK, *new = _heads(block, x_BTD, rope)
            cache_2BHSK = self._cache_L2BHSK[layer]
            for kind, part_BHTK in enumerate(new):
                cache_2BHSK[kind, every_B, :, at_B] = part_BHTK[:, :, 0]
            x_BTD = _rest(block, x_BTD, attend(q_BHTK, cache_2BHSK[0], cache_2BHSK[1], seen_BHTS))
        self._lengths_B += 1
        self._lengths_B.clamp_(max=self._cache_L2BHSK.shape[4] - 1)  # Of a text that is done while others grow.
        return self._scores(x_BTD)

    def _scores(self, x_BTD: Tensor) -> Tensor:
        scores_BTV = linear(rms_norm(x_BTD, self._model.norm, self._model.epsilon), self._model.output)
        return scores_BTV[:, -1]


def _heads(block: Block, x_BTD: Tensor, rope: Rope) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value of a layer, (B, H, T, K), the first two turned."""
    batch, tokens, _ = x_BTD.shape
    qkv_BTP = linear(rms_norm(x_BTD, block.attention_norm, block.epsilon), block.wqkv)
    q_BHTK, k_BHTK, v_BHTK = qkv_BTP.view(batch, tokens, 3, -1, block.head_size).permute(2, 0, 3, 1, 4)
    return rotate(q_BHTK, rope), rotate(k_BHTK, rope), v_BHTK


def _rest(block: Block, x_BTD: Tensor, mixed_BHTK: Tensor) -> Tensor:
    """The layer's output behind its attention."""
    x_BTD = x_BTD + linear(mixed_BHTK.transpose(1, 2).reshape(x_BTD.shape), block.wo)
    normed_BTD = rms_norm(x_BTD, block.feed_forward_norm, block.epsilon)
    gate_BTF, up_BTF = linear(normed_BTD, block.w1w3).chunk(2, dim=-1)
    return x_BTD + linear(F.silu(gate_BTF) * up_BTF, block.w2)
