"""One model over several processes that share each matrix product, and each sequence between the products.

Weights are DTensors on a mesh of one dimension, activations plain tensors: between products each process holds its
stretch of the sequence, (B, T / n, D), and the norms work on that; a product's input is gathered, (B, T, D), and its
partial outputs are summed as they are scattered again.

Source: Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4.2.2.
"""

import torch.nn.functional as F
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

SEQUENCE = 1
"""The dimension of an activation that is cut."""


def local_weight(weight: Tensor) -> Tensor:
    """This process's part of a weight; of one that each has whole, every process sees a part of the gradient."""
    if not isinstance(weight, DTensor):
        return weight
    whole = all(isinstance(placement, Replicate) for placement in weight.placements)
    return weight.to_local(grad_placements=[Partial()] if whole else None)


def gather_sequence(x_BTD: Tensor, mesh: DeviceMesh | None) -> Tensor:
    """All stretches of the sequence; backward, the processes' gradients are summed and cut."""
    if mesh is None:
        return x_BTD
    cut = DTensor.from_local(x_BTD, mesh, [Shard(SEQUENCE)], run_check=False)
    return cut.redistribute(placements=[Replicate()]).to_local(grad_placements=[Partial()])


def scatter_sequence(x_BTD: Tensor, mesh: DeviceMesh | None) -> Tensor:
    """This process's stretch of the sum over all processes; backward, the gradients are gathered."""
    if mesh is None:
        return x_BTD
    partial = DTensor.from_local(x_BTD, mesh, [Partial()], run_check=False)
    return partial.redistribute(placements=[Shard(SEQUENCE)]).to_local()


def embed(tokens_BT: Tensor, weight_VD: Tensor, mesh: DeviceMesh | None) -> Tensor:
    """Embeddings of tokens; of a cut vocabulary each process looks up the ids that are its own."""
    if mesh is None:
        return F.embedding(tokens_BT, weight_VD)
    rows_VD = local_weight(weight_VD)
    index_BT = tokens_BT - mesh.get_local_rank() * rows_VD.shape[0]
    absent_BT = (index_BT < 0) | (index_BT >= rows_VD.shape[0])
    x_BTD = F.embedding(index_BT.masked_fill(absent_BT, 0), rows_VD)
    return scatter_sequence(x_BTD.masked_fill(absent_BT.unsqueeze(-1), 0.0), mesh)
