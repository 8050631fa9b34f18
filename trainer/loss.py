"""Cross entropy of the next token over chunks of tokens, with its gradients.

Shapes: B sequences, T tokens, D dimension, V vocabulary, N = B * T tokens in a row, C tokens of a chunk.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh

UNCOUNTED = -100


class Losses(NamedTuple):
    """What a micro-batch loses: `total` is what gradients are of, `sequence_nats_B` what is reported."""

    total: Tensor
    sequence_nats_B: Tensor


def cross_entropy(
    hidden_BTD: Tensor,
    weight_VD: Tensor,
    targets_BT: Tensor,
    *,
    scale: float,
    z_loss: float,
    chunk_tokens: int = 2048,
    tensor_mesh: DeviceMesh | None = None,
) -> Losses:
    """scale * sum over targets of (nats + z_loss * squared log partition), and the nats of each sequence.

    Targets of -100 are not counted.
    """
    wide = torch.promote_types(hidden_BTD.dtype, torch.float32)
    logits_BTV = F.linear(hidden_BTD, weight_VD.to(hidden_BTD.dtype)).to(wide)
    nats_BT = F.cross_entropy(
        logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none", ignore_index=UNCOUNTED
    ).view_as(targets_BT)
    partition_BT = logits_BTV.logsumexp(dim=-1) * (targets_BT != UNCOUNTED)
    total = scale * (nats_BT.sum() + z_loss * partition_BT.square().sum())
    return Losses(total, nats_BT.sum(dim=1).detach())
