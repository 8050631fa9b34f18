"""Causal attention that never forms the weights on a GPU, the choice of its backend, and masks between documents.

Shapes: B sequences, H heads, T tokens, K head size.
"""

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from tokenizer.special_ids import BOS
from trainer.progress import Say

DocumentMask = Tensor | BlockMask
"""Which positions see which, of one micro-batch: a BlockMask on a GPU, else booleans (B, 1, T, T)."""

"""The id that every document begins with."""

# Best first. Only the last forms the weights, (B, H, T, T).
_BACKENDS = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
# Of the largest number that is right. Sums in another order and roundings to bfloat16 stay below a fifth of it.
_TOLERANCE = 0.05
# Plain attention of longer sequences takes gigabytes. What kernels get wrong depends on the rest of their last tile.
_MOST_TOKENS, _TILE = 4096, 128

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, mask: DocumentMask | None = None) -> Tensor:
    """Causal attention of all heads, (B, H, T, K), of scores q . k / sqrt(K); under a mask, within documents.

    A mask is about who sees whom alone: positions go on through the sequence, since a rotary embedding makes scores
    depend on distances, which are the same wherever a document begins.
    """
    if mask is None:
        return F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=True)
    if isinstance(mask, Tensor):
        return F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, attn_mask=mask)
    # Only its compiled form never holds the weights; within a compiled layer it becomes part of the layer's graph.
    flex: Callable[..., Tensor] = flex_attention if torch.compiler.is_compiling() else _compiled(flex_attention)  # type: ignore[assignment]
    return flex(q_BHTK, k_BHTK, v_BHTK, block_mask=mask)


def document_mask(tokens_BT: Tensor) -> DocumentMask:
    """Lets each position see its own document's tokens up to itself; a document begins at BOS.

    To be made once for a micro-batch, and given to all its layers.
    """
    document_BT = (tokens_BT == BOS).cumsum(dim=1, dtype=torch.int32)
    if tokens_BT.is_cuda:
        return block_mask(document_BT, _compiled(create_block_mask))
    is_same_BTT = document_BT[:, :, None] == document_BT[:, None, :]
    return is_same_BTT.tril()[:, None]


def block_mask(document_BT: Tensor, create: Callable[..., BlockMask] = create_block_mask) -> BlockMask:
    """The same from each position's document, as tiles to pass over and tiles to look into.

    `create` compiled works the tiles out without the (B, T, T) of all pairs.
    """
    batch, tokens = document_BT.shape

    def is_seen(b: Tensor, _h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q >= k) & (document_BT[b, q] == document_BT[b, k])

    return create(is_seen, batch, None, tokens, tokens, device=document_BT.device)


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function)


def choose_backend(
    *, tokens: int, head_size: int, dtype: torch.dtype, device: torch.device, say: Say | None = None
) -> None:
    """Makes attention of this process use the best backend that is right for sequences of this shape on this GPU.

    Each is compared with plain attention in float32. Those that are right stay on in their order, so that a shape that
    the first does not take (a short sequence, say) goes to the next. Compiled layers take over what is in force when
    they are compiled, so this comes before. Nothing is chosen on a CPU.
    """
    if device.type != "cuda":
        return
    right, faults = _probed(tokens, head_size, dtype, device)
    _in_force.close()
    _in_force.enter_context(sdpa_kernel([_BACKENDS[name] for name in right], set_priority=True))
    if say is not None:
        say(f"attention: {right[0]}" + "".join(f"; {name} {fault}" for name, fault in faults.items()))


_in_force = ExitStack()
"""The context of the chosen backends, which is never left: what is compiled needs no context of its own then."""


@functools.cache
def _probed(tokens: int, head_size: int, dtype: torch.dtype, device: torch.device) -> tuple[list[str], dict[str, str]]:
    faults = find_faults(
        {name: _alone(backend) for name, backend in _BACKENDS.items() if name != "math"},
        tokens=min(tokens, _MOST_TOKENS + tokens % _TILE),
        head_size=head_size,
        dtype=dtype,
        device=device,
    )
    return [name for name in _BACKENDS if name not in faults], faults


def _alone(backend: SDPBackend) -> Attend:
    def attend_by(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
        with sdpa_kernel(backend):
            return attend(q_BHTK, k_BHTK, v_BHTK)

    return attend_by


def find_faults(
    candidates: Mapping[str, Attend], *, tokens: int, head_size: int, dtype: torch.dtype, device: torch.device
) -> dict[str, str]:
    """What is wrong with each of the candidates, for those with which something is: "gives wrong gradients here (…)".

    One head has random scores, and is compared. Another's lie all far below zero, as does the logarithm of a row's sum:
    kernels that read beyond the last token have overflowed there (pytorch#196678, under a mask). It has to be finite;
    its gradients are differences of large numbers and mean nothing.
    """
    generator = torch.Generator().manual_seed(0)
    q, k, v, upstream = (torch.randn(1, tokens, 2, head_size, generator=generator).to(dtype) for _ in range(4))
    q[:, :, 1], k[:, :, 1] = q[:, :, 1] / 10, k[:, :, 1] / 10
    q[:, :, 1, 0], k[:, :, 1, 0] = 1.0, -120 * math.sqrt(head_size)
    # Heads lie within tokens in memory, as they come out of a layer's product.
    inputs = [x.to(device).transpose(1, 2) for x in (q, k, v, upstream)]
    wanted = _with_gradients(_plain_attention, [x.float() for x in inputs])
    faults = {}
    for name, candidate in candidates.items():
        try:
            with warnings.catch_warnings(action="ignore"):  # Torch warns of each reason not to run.
                fault = _difference(_with_gradients(candidate, inputs), wanted)
        except RuntimeError as error:
            fault = f"does not run here ({str(error).splitlines()[0]})"
        if fault is not None:
            faults[name] = fault
    return faults


def _plain_attention(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
    """The definition, weights and all."""
    tokens = q_BHTK.shape[2]
    is_later_TT = torch.ones(tokens, tokens, dtype=torch.bool, device=q_BHTK.device).triu(1)
    scores_BHTT: Tensor = q_BHTK @ k_BHTK.transpose(-1, -2) / math.sqrt(q_BHTK.shape[-1])
    return scores_BHTT.masked_fill(is_later_TT, float("-inf")).softmax(dim=-1) @ v_BHTK


def _with_gradients(attention: Attend, inputs: list[Tensor]) -> dict[str, Tensor]:
    *qkv, upstream = (x.detach() for x in inputs)
    leaves = [x.requires_grad_() for x in qkv]
    output = attention(*leaves)
    gradients = torch.autograd.grad(output, leaves, upstream)
    names = ("output", "gradient of q", "gradient of k", "gradient of v")
    return dict(zip(names, (output.detach(), *gradients), strict=True))


def _difference(got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """What the first tensor is that is not as it should be, None where all are."""
    for name, right_BHTK in wanted.items():
        kind = "results" if name == "output" else "gradients"
        if not got[name].isfinite().all():
            return f"gives {kind} here that are not finite ({name})"
        right_BTK = right_BHTK[:, 0]
        share = ((got[name][:, 0].float() - right_BTK).abs().max() / right_BTK.abs().max()).item()
        if share > _TOLERANCE:
            return f"gives wrong {kind} here ({name} off by {share:.1g} of its largest)"
    return None
