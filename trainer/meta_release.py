"""A checkpoint in the layout of Meta's release, and back: `params.json` and shards `consolidated.NN`.

Each shard holds a part of every matrix, as the processes of the release's model parallelism held it: rows of wq, wk,
wv, w1, w3 and output, columns of wo, w2 and tok_embeddings, and every norm whole. Its rotary embedding turns columns
2i and 2i + 1 of a head together where ours turns i and i + K/2: the rows of wq and wk are permuted.

The release's shards are pickles (`.pth`), which run code when they are loaded: here they are safetensors with the same
names and tensors. Source: facebookresearch/llama, model.py and example.py.
"""

from torch import Tensor


def interleaved(weight_DD: Tensor, heads: int) -> Tensor:
    """Rows of wq or wk from our order to Meta's."""
    rows, columns = weight_DD.shape
    return weight_DD.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def halved(weight_DD: Tensor, heads: int) -> Tensor:
    """Rows of wq or wk from Meta's order to ours."""
    rows, columns = weight_DD.shape
    return weight_DD.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)
