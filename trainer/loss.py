"""Cross entropy of the next token with its gradients, worked out over chunks of tokens.

Scores of all tokens over the vocabulary would be the largest tensor of a run: here no more than a chunk's are ever
held. Both gradients are worked out with the loss, so that nothing is computed twice; backward only scales them.

Shapes: B sequences, T tokens, D dimension, V vocabulary (this process's part of it), N = B * T, C tokens of a chunk.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributed._functional_collectives import all_reduce
from torch.distributed.device_mesh import DeviceMesh

from trainer.linear import add_product, product

UNCOUNTED = -100
"""The target of a position whose prediction counts for nothing."""
CHUNK_TOKENS = 4096
"""Tokens whose scores are there at once."""


class Losses(NamedTuple):
    """What a micro-batch loses: `total`, a scalar, is what gradients are of; `sequence_nats_B` is what is reported."""

    total: Tensor
    sequence_nats_B: Tensor


class _Chunk(NamedTuple):
    loss: Tensor
    nats_C: Tensor
    gradient_CV: Tensor | None


_Judge = Callable[[Tensor, Tensor], _Chunk]


def cross_entropy(
    hidden_BTD: Tensor,
    weight_VD: Tensor,
    targets_BT: Tensor,
    *,
    scale: float,
    z_loss: float,
    chunk_tokens: int = CHUNK_TOKENS,
    tensor_mesh: DeviceMesh | None = None,
    compiled: bool | None = None,
) -> Losses:
    """Cross entropy of each position's target, in at least float32.

    `total` is scale * sum over counted targets of (nats + z_loss * log(partition)^2); nats are without the second term
    and carry no gradient. Scores are worked out in float32 from hidden states that may be bfloat16; their gradients
    have the hidden states' precision. The weight's gradient is summed in float32, and in backward added to
    `weight_VD.gradient_sum` where there is one (`trainer.linear`), else returned in the weight's precision. Where
    autograd is off no gradient is worked out.

    With `tensor_mesh` the weight is this process's rows as a plain tensor, the first process's first; hidden states
    and targets are the same everywhere, as are the losses. The gradient of the hidden states is then what this
    process's rows give: the caller sums it over the mesh, as `DTensor.to_local(grad_placements=[Partial()])` does.

    `compiled` fuses what is done to a chunk's scores into few passes over them: on a GPU, unless told.
    """
    wants_gradients = torch.is_grad_enabled() and (hidden_BTD.requires_grad or weight_VD.requires_grad)
    wide = torch.promote_types(hidden_BTD.dtype, torch.float32)
    judge = functools.partial(
        _compiled_judge() if (hidden_BTD.is_cuda if compiled is None else compiled) else _judge_chunk,
        # A tensor, since a compiled function is compiled anew for another number.
        scale=torch.full((), scale, dtype=wide, device=hidden_BTD.device),
        z_loss=z_loss,
        mesh=tensor_mesh,
        gradient_dtype=hidden_BTD.dtype if wants_gradients else None,
    )
    gradient_sum_VD = getattr(weight_VD, "gradient_sum", None)
    total, nats_N = _ChunkedCrossEntropy.apply(
        hidden_BTD.flatten(0, 1), weight_VD, gradient_sum_VD, targets_BT.flatten(), chunk_tokens, judge, wants_gradients
    )
    return Losses(total, nats_N.view_as(targets_BT).sum(dim=1))


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Gradients come with the loss; backward multiplies them by what it is given.

    Only backward writes to the gradient sum: a loss of which no gradient is taken leaves no trace in it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        gradient_sum_VD: Tensor | None,
        targets_N: Tensor,
        chunk_tokens: int,
        judge: _Judge,
        wants_gradients: bool,
    ) -> tuple[Tensor, Tensor]:
        matrix_VD = weight_VD.to(hidden_ND.dtype)
        gradients = _Gradients.zeros(hidden_ND, matrix_VD) if wants_gradients else None
        chunks = [
            _add_chunk(hidden_ND, matrix_VD, targets_N, slice(start, start + chunk_tokens), judge, gradients)
            for start in range(0, len(hidden_ND), chunk_tokens)
        ]
        losses, nats = zip(*chunks, strict=True)
        if gradients is not None:
            ctx.save_for_backward(*gradients)
        ctx.gradient_sum_VD, ctx.weight_dtype = gradient_sum_VD, weight_VD.dtype
        nats_N = torch.cat(nats)
        ctx.mark_non_differentiable(nats_N)
        return torch.stack(losses).sum(), nats_N

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden_ND, weight_VD = ctx.saved_tensors
        factor = upstream[0]
        hidden_ND = hidden_ND * factor.to(hidden_ND.dtype)
        if ctx.gradient_sum_VD is None:
            return hidden_ND, (weight_VD * factor).to(ctx.weight_dtype), None, None, None, None, None
        ctx.gradient_sum_VD.addcmul_(weight_VD, factor)
        return hidden_ND, None, None, None, None, None, None


class _Gradients(NamedTuple):
    hidden_ND: Tensor
    weight_VD: Tensor

    @classmethod
    def zeros(cls, hidden_ND: Tensor, matrix_VD: Tensor) -> "_Gradients":
        wide = torch.promote_types(matrix_VD.dtype, torch.float32)
        return cls(torch.zeros_like(hidden_ND), torch.zeros_like(matrix_VD, dtype=wide))


def _add_chunk(
    hidden_ND: Tensor, matrix_VD: Tensor, targets_N: Tensor, rows: slice, judge: _Judge, gradients: _Gradients | None
) -> tuple[Tensor, Tensor]:
    """The chunk's loss and nats; its part of the gradients is written. Its scores are gone on return."""
    hidden_CD = hidden_ND[rows]
    loss, nats_C, gradient_CV = judge(product(hidden_CD, matrix_VD.t()), targets_N[rows])
    if gradients is not None and gradient_CV is not None:
        torch.mm(gradient_CV, matrix_VD, out=gradients.hidden_ND[rows])
        add_product(gradients.weight_VD, gradient_CV.t(), hidden_CD)
    return loss, nats_C


def _judge_chunk(
    scores_CV: Tensor,
    targets_C: Tensor,
    *,
    scale: Tensor,
    z_loss: float,
    mesh: DeviceMesh | None,
    gradient_dtype: torch.dtype | None,
) -> _Chunk:
    """Loss of a chunk from its scores, and with a dtype the loss's gradient to them."""
    rows = scores_CV.shape[1]
    row_C = targets_C - (0 if mesh is None else mesh.get_local_rank() * rows)
    is_here_C = (row_C >= 0) & (row_C < rows)
    row_C1 = row_C.clamp(0, rows - 1)[:, None]
    highest_C = _over_vocabulary(scores_CV.amax(dim=1), "max", mesh)
    lowered_CV = scores_CV - highest_C[:, None]
    weights_CV = lowered_CV.exp()
    target_C = torch.where(is_here_C, lowered_CV.gather(1, row_C1)[:, 0], 0)
    total_C, target_C = _over_vocabulary(torch.stack((weights_CV.sum(dim=1), target_C)), "sum", mesh).unbind()
    is_counted_C = targets_C != UNCOUNTED
    nats_C = torch.where(is_counted_C, total_C.log() - target_C, 0)
    log_partition_C = torch.where(is_counted_C, total_C.log() + highest_C, 0)
    loss = scale * (nats_C + z_loss * log_partition_C.square()).sum()
    if gradient_dtype is None:
        return _Chunk(loss, nats_C, None)
    slope_C = torch.where(is_counted_C, scale, 0)
    share_C1 = (slope_C * (1 + 2 * z_loss * log_partition_C) / total_C)[:, None]
    of_target_C1 = weights_CV.gather(1, row_C1) * share_C1 - torch.where(is_here_C, slope_C, 0)[:, None]
    # The one score of the target after all others, and after rounding, so that those are one pass when compiled.
    gradient_CV = (weights_CV * share_C1).to(gradient_dtype).scatter_(1, row_C1, of_target_C1.to(gradient_dtype))
    return _Chunk(loss, nats_C, gradient_CV)


@functools.cache
def _compiled_judge() -> Callable[..., _Chunk]:
    return torch.compile(_judge_chunk, fullgraph=True)


def _over_vocabulary(part: Tensor, reduction: str, mesh: DeviceMesh | None) -> Tensor:
    return part if mesh is None else all_reduce(part, reduction, mesh)
