"""A checkpoint in the layout of Meta's release, and back: `params.json` and shards `consolidated.NN`.

Each shard holds a part of every matrix, as the processes of the release's model parallelism held it: rows of wq, wk,
wv, w1, w3 and output, columns of wo, w2 and tok_embeddings, and every norm whole. Its rotary embedding turns columns
2i and 2i + 1 of a head together where ours turns i and i + K/2: the rows of wq and wk are permuted.

The release's shards are pickles (`.pth`), which run code when they are loaded: here they are safetensors with the same
names and tensors. Source: facebookresearch/llama, model.py and example.py. Shapes: D dimension.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.config import TrainerConfig
from trainer.errors import SettingsError
from trainer.saved_model import ImportedModel, SavedModel, new_folder, weight_shapes
from trainer.stored_tensors import (
    Entry,
    Naming,
    StoredTensors,
    naming,
    put_together,
    read_json,
    taken_apart,
    write_json,
    write_tensors,
)

_LAYER: Naming = {
    "attention_norm": ("attention_norm.weight",),
    "wqkv": ("attention.wq.weight", "attention.wk.weight", "attention.wv.weight"),
    "wo": ("attention.wo.weight",),
    "feed_forward_norm": ("ffn_norm.weight",),
    "w1w3": ("feed_forward.w1.weight", "feed_forward.w3.weight"),
    "w2": ("feed_forward.w2.weight",),
}
_REST: Naming = {"embedding": ("tok_embeddings.weight",), "norm": ("norm.weight",), "output": ("output.weight",)}
_ROWS, _COLUMNS = 0, 1
_CUTS = {"wq": _ROWS, "wk": _ROWS, "wv": _ROWS, "w1": _ROWS, "w3": _ROWS, "output": _ROWS}
_CUTS |= {"wo": _COLUMNS, "w2": _COLUMNS, "tok_embeddings": _COLUMNS}
_BUFFERS = "rope.freqs"
"""The release's shards hold the rotation's frequencies, which follow from the sizes."""

CONVERT = (
    'python -c "import sys, torch; from safetensors.torch import save_file; [save_file({name: tensor.contiguous() '
    "for name, tensor in torch.load(path, map_location='cpu', weights_only=True).items()}, path[:-3] + 'safetensors') "
    'for path in sys.argv[1:]]" consolidated.*.pth'
)
"""Makes safetensors of the release's shards, run where the release is trusted."""


def export_meta(model: SavedModel, target: Path, *, dtype: torch.dtype, shards: int, tokenizer: Path | None) -> None:
    """Writes the folder; a shard at a time, tensor by tensor.

    Raises SettingsError where the target is not empty, or where so many shards cannot share the model.
    """
    config = model.config
    for name, whole in (
        ("heads", config.heads),
        ("feed_forward", config.feed_forward),
        ("vocabulary_size", model.vocabulary_size),
    ):
        if whole % shards:
            raise SettingsError(f"--shards must divide {name} = {whole}, got {shards}")
    names = naming(config.layers, "layers.", _LAYER, _REST)
    with new_folder(target) as folder:
        write_json(folder / "params.json", _params(config))
        if tokenizer is not None:
            (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
        for shard in range(shards):
            entries = [
                Entry(name, dtype, _shard_shape(name, shape, shards))
                for ours, theirs in names.items()
                for name, shape in zip(theirs, _their_shapes(model.shape(ours), theirs), strict=True)
            ]
            parts = _parts(model, names, shard, shards)
            write_tensors(folder / f"consolidated.{shard:02d}.safetensors", entries, parts)


def import_meta(folder: Path, *, context_tokens: int) -> ImportedModel:
    """The model of a folder with params.json and shards; weights are read as they are asked for.

    Raises SettingsError where it is no LLaMA model, or where its shards are pickles.
    """
    shards = [StoredTensors([path]) for path in _shard_files(folder)]
    config, vocabulary_size = _config_of(folder / "params.json", shards)
    names = naming(config.layers, "layers.", _LAYER, _REST)
    for shard in shards:
        shard.refuse_other_than(itertools.chain.from_iterable(names.values()), _BUFFERS)
    shapes = weight_shapes(config, vocabulary_size)

    def read_theirs(name: str, shape: tuple[int, ...]) -> Tensor:
        parts = [shard.read(name, _shard_shape(name, shape, len(shards))) for shard in shards]
        cut = _cut(name)
        whole = parts[0] if cut is None else torch.cat(parts, dim=cut)
        return halved(whole, config.heads) if _is_turned(name) else whole

    def read(ours: str) -> Tensor:
        theirs = names[ours]
        pairs = zip(theirs, _their_shapes(shapes[ours], theirs), strict=True)
        return put_together([read_theirs(name, shape) for name, shape in pairs])

    tokenizer = folder / "tokenizer.model"
    return ImportedModel(
        config=config,
        vocabulary_size=vocabulary_size,
        context_tokens=context_tokens,
        read=read,
        tokenizer=tokenizer if tokenizer.exists() else None,
    )


def interleaved(weight_DD: Tensor, heads: int) -> Tensor:
    """Rows of wq or wk from our order to Meta's."""
    rows, columns = weight_DD.shape
    return weight_DD.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def halved(weight_DD: Tensor, heads: int) -> Tensor:
    """Rows of wq or wk from Meta's order to ours."""
    rows, columns = weight_DD.shape
    return weight_DD.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def _parts(model: SavedModel, names: Naming, shard: int, shards: int) -> Iterator[Tensor]:
    """A shard's tensors, in order."""
    for ours, theirs in names.items():
        for name, tensor in zip(theirs, taken_apart(model.read(ours), theirs), strict=True):
            whole = interleaved(tensor, model.config.heads) if _is_turned(name) else tensor
            cut = _cut(name)
            yield whole if cut is None else whole.chunk(shards, dim=cut)[shard]


def _is_turned(name: str) -> bool:
    return name.endswith(("attention.wq.weight", "attention.wk.weight"))


def _cut(name: str) -> int | None:
    """Which dimension the shards share; None where each has the whole."""
    return _CUTS.get(name.split(".")[-2])


def _shard_shape(name: str, shape: tuple[int, ...], shards: int) -> tuple[int, ...]:
    return tuple(size // shards if at == _cut(name) else size for at, size in enumerate(shape))


def _their_shapes(shape: tuple[int, ...], theirs: Sequence[str]) -> list[tuple[int, ...]]:
    return [shape[1:] if len(theirs) > 1 else shape] * len(theirs)


def _params(config: TrainerConfig) -> dict[str, Any]:
    params = {
        "dim": config.dimension,
        "multiple_of": config.feed_forward_multiple,
        "n_heads": config.heads,
        "n_layers": config.layers,
        "norm_eps": config.norm_epsilon,
        "vocab_size": -1,  # As in the release, which takes it from the tokenizer.
    }
    return params | ({} if config.rope_base == 10000.0 else {"rope_theta": config.rope_base})


def _config_of(path: Path, shards: Sequence[StoredTensors]) -> tuple[TrainerConfig, int]:
    """The settings and the vocabulary's size, of params.json and what the shards hold."""
    params = read_json(path)
    known = {"dim", "multiple_of", "n_heads", "n_layers", "norm_eps", "vocab_size", "rope_theta", "n_kv_heads"}
    if unknown := sorted(set(params) - known):
        raise SettingsError(f"{path}: {unknown[0]} is no key of a LLaMA model's")
    if params.get("n_kv_heads") not in (None, params.get("n_heads")):
        raise SettingsError(f"{path}: n_kv_heads must be n_heads = {params.get('n_heads')}, got {params['n_kv_heads']}")
    try:
        config = TrainerConfig(
            dimension=params["dim"],
            layers=params["n_layers"],
            heads=params["n_heads"],
            feed_forward_multiple=params["multiple_of"],
            norm_epsilon=params["norm_eps"],
            rope_base=float(params.get("rope_theta", 10000.0)),
        )
    except (KeyError, TypeError) as error:
        raise SettingsError(f"{path}: {type(error).__name__}: {error}") from error
    vocabulary_size = shards[0].shape("tok_embeddings.weight")[0]
    if params.get("vocab_size", -1) not in (-1, vocabulary_size):
        raise SettingsError(f"{path}: vocab_size must be {vocabulary_size}, got {params['vocab_size']}")
    return config, vocabulary_size


def _shard_files(folder: Path) -> list[Path]:
    if files := sorted(folder.glob("consolidated.*.safetensors")):
        return files
    if pickles := sorted(folder.glob("consolidated.*.pth")):
        raise SettingsError(
            f"{pickles[0]} is a pickle, which runs whatever code is in it when it is loaded: it is never read here. "
            f"Convert it where you trust it: {CONVERT}"
        )
    raise SettingsError(f"{folder} holds no consolidated.*.safetensors")
