"""Causal attention that never forms the weights, and masks that keep packed documents apart.

Shapes: B sequences, H heads, T tokens, K head size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

DocumentMask = Tensor | BlockMask
"""Which positions see which, of one micro-batch: a BlockMask on a GPU, else booleans (B, 1, T, T)."""

BOS = 1


def attend(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, mask: DocumentMask | None = None) -> Tensor:
    """Causal attention of all heads, (B, H, T, K), scaled by 1 / sqrt(K)."""
    if mask is None:
        return F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=True)
    if isinstance(mask, Tensor):
        return F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, attn_mask=mask)
    return flex_attention(q_BHTK, k_BHTK, v_BHTK, block_mask=mask)


def document_mask(tokens_BT: Tensor) -> DocumentMask:
    """Lets each position see its own document's tokens up to itself; a document begins at BOS."""
    document_BT = (tokens_BT == BOS).cumsum(dim=1, dtype=torch.int32)
    batch, tokens = tokens_BT.shape
    if tokens_BT.device.type != "cuda":
        same_BTT = document_BT[:, :, None] == document_BT[:, None, :]
        return same_BTT.tril()[:, None]

    def is_seen(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q >= k) & (document_BT[b, q] == document_BT[b, k])

    return create_block_mask(is_seen, batch, None, tokens, tokens, device=tokens_BT.device)
