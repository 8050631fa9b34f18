"""What of a layer is kept until its gradients are worked out, what is computed again then; and a layer's compiling.

The paper keeps the outputs of linear layers and computes the rest again (section 2.4). The policies:

- `keep-linear`: keeps the outputs of matrix products and of attention; norms, rotation and SwiGLU are computed again.
- `full`: keeps a layer's input alone, and computes the layer again.
- `none`: keeps all, and computes nothing again.
- `auto`: leaves it to the compiler, which computes again what is cheap to; `none` where nothing is compiled.

An operator is judged by what it is, never by how many came before it: a count that two layers share would keep the
output of one product in forward and look for another's in backward.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from trainer.config import Activations

_aten = torch.ops.aten
_DEAR = frozenset(
    {
        _aten.mm.default,
        _aten.addmm.default,
        _aten._scaled_mm.default,
        # A tensor's scale in eight bits: one number, for which all of the tensor is read.
        _aten.amax.default,
        _aten._scaled_dot_product_cudnn_attention.default,
        _aten._scaled_dot_product_flash_attention.default,
        _aten._scaled_dot_product_efficient_attention.default,
        _aten._scaled_dot_product_flash_attention_for_cpu.default,
        torch.ops.higher_order.flex_attention,
        # What processes that share products have summed up.
        torch.ops._c10d_functional.reduce_scatter_tensor.default,
    }
)


class Layer(Protocol):
    """A module whose `forward` calls `prepared` where it is set, else `transform`."""

    prepared: Callable[..., Tensor] | None

    def transform(self, *inputs: Any) -> Tensor:
        """The layer's output: one graph, without hooks."""
        ...


def prepare_block(block: Layer, policy: Activations, *, compiled: bool) -> None:
    """Sets `block.prepared` to its transform under the policy, compiled as one graph if asked to.

    The policy is inside what is compiled, so that one graph holds what is computed again; whatever gathers weights
    (FSDP's hooks on `forward`) stays outside both. Layers of the same shapes share what was compiled for the first.
    """
    transform = _under_policy(block.transform, policy, compiled=compiled)
    block.prepared = torch.compile(transform, fullgraph=True) if compiled else transform


def _under_policy(transform: Callable[..., Tensor], policy: Activations, *, compiled: bool) -> Callable[..., Tensor]:
    if policy == "auto" or (policy == "none" and not compiled):
        return transform
    options: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
    if policy != "full":
        keeps = _keep_all if policy == "none" else _keep_products
        options["context_fn"] = functools.partial(create_selective_checkpoint_contexts, keeps)

    def checkpointed(*inputs: Any) -> Tensor:
        return checkpoint(transform, *inputs, **options)

    return checkpointed


def _keep_products(_context: Any, operator: Any, *_args: Any, **_kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operator in _DEAR else CheckpointPolicy.PREFER_RECOMPUTE


def _keep_all(_context: Any, _operator: Any, *_args: Any, **_kwargs: Any) -> CheckpointPolicy:
    """Tells the compiler, which would compute cheap things again of its own accord."""
    return CheckpointPolicy.MUST_SAVE
