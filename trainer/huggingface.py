"""A checkpoint as the folder that transformers loads, and all that builds on it, and back.

Source: huggingface/transformers, LlamaForCausalLM. Its rotary embedding has our layout: fused weights are taken apart,
and no number changes. Shapes: V vocabulary, D dimension, F feed-forward.
"""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenizer.huggingface import huggingface_files
from tokenizer.special_ids import BOS, EOS
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
    "attention_norm": ("input_layernorm.weight",),
    "wqkv": tuple(f"self_attn.{name}_proj.weight" for name in "qkv"),
    "wo": ("self_attn.o_proj.weight",),
    "feed_forward_norm": ("post_attention_layernorm.weight",),
    "w1w3": ("mlp.gate_proj.weight", "mlp.up_proj.weight"),
    "w2": ("mlp.down_proj.weight",),
}
_REST: Naming = {
    "embedding": ("model.embed_tokens.weight",),
    "norm": ("model.norm.weight",),
    "output": ("lm_head.weight",),
}
_BUFFERS = "rotary_emb.inv_freq"
"""Older exports of others hold the rotation's frequencies, which follow from the config."""

# What a config may not say otherwise, and what it means where it says nothing.
_FIXED = {
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": False,
}
_ENDS = {"bos_token_id": BOS, "eos_token_id": EOS}


def export_huggingface(
    model: SavedModel, target: Path, *, dtype: torch.dtype, file_bytes: int, tokenizer: Path | None
) -> None:
    """Writes the folder: config, weights in files of at most `file_bytes`, and the tokenizer where there is one.

    In float32 no bit is lost. Raises SettingsError where the target is not empty or the tokenizer is another.
    """
    tokenizer_files = {} if tokenizer is None else _tokenizer_files(model, tokenizer)
    with new_folder(target) as folder:
        for name, content in tokenizer_files.items():
            (folder / name).write_bytes(content)
        write_json(folder / "config.json", _config_json(model, dtype))
        write_json(folder / "generation_config.json", {"_from_model_config": True} | _ENDS)
        _write_weights(model, folder, dtype, file_bytes)


def import_huggingface(folder: Path) -> ImportedModel:
    """The model of a folder with config.json and safetensors; weights are read as they are asked for.

    Raises SettingsError where it is no LLaMA model, or where its weights are pickles.
    """
    about = read_json(folder / "config.json")
    files = _weight_files(folder)
    tensors = StoredTensors(files)
    vocabulary_size, config = _config_of(about, folder / "config.json")
    names = naming(config.layers, "model.layers.", _LAYER, _REST)
    tensors.refuse_other_than(itertools.chain.from_iterable(names.values()), _BUFFERS)
    shapes = weight_shapes(config, vocabulary_size)

    def read(name: str) -> Tensor:
        theirs = names[name]
        shape = shapes[name][1:] if len(theirs) > 1 else shapes[name]
        return put_together([tensors.read(one, shape) for one in theirs])

    tokenizer = folder / "tokenizer.model"
    return ImportedModel(
        config=config,
        vocabulary_size=vocabulary_size,
        context_tokens=int(about.get("max_position_embeddings", 2048)),
        read=read,
        tokenizer=tokenizer if tokenizer.exists() else None,
    )


def _config_json(model: SavedModel, dtype: torch.dtype) -> dict[str, Any]:
    config = model.config
    return {
        **_FIXED,
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": model.vocabulary_size,
        "hidden_size": config.dimension,
        "intermediate_size": config.feed_forward,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.head_size,
        "max_position_embeddings": model.context_tokens,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_base,
        "initializer_range": config.initial_std,
        "attention_dropout": 0.0,
        **_ENDS,
        "use_cache": True,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }


def _config_of(about: Mapping[str, Any], path: Path) -> tuple[int, TrainerConfig]:
    """The vocabulary's size and the model's settings, of a config.json."""
    for key, wanted in _FIXED.items():
        if about.get(key, wanted) != wanted or (key == "model_type" and key not in about):
            raise SettingsError(f"{path}: {key} must be {wanted!r}, got {about.get(key)!r}")
    rope = about.get("rope_parameters") or about.get("rope_scaling") or {}
    if (kind := rope.get("rope_type", rope.get("type", "default"))) != "default":
        raise SettingsError(f"{path}: the rotary embedding must be the default one, got {kind!r}")
    try:
        width, heads = int(about["hidden_size"]), int(about["num_attention_heads"])
        inner = int(about["intermediate_size"])
        for key, same in (("num_key_value_heads", heads), ("head_dim", width // heads)):
            if (found := about.get(key) or same) != same:
                raise SettingsError(f"{path}: {key} must be {same}, got {found}")
        config = TrainerConfig(
            dimension=width,
            layers=int(about["num_hidden_layers"]),
            heads=heads,
            feed_forward_multiple=feed_forward_multiple(width, inner),
            initial_std=float(about.get("initializer_range") or 0.02),
            norm_epsilon=float(about["rms_norm_eps"]),
            rope_base=float(rope.get("rope_theta", about.get("rope_theta", 10000.0))),
        )
        return int(about["vocab_size"]), config
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise SettingsError(f"{path}: {type(error).__name__}: {error}") from error


def feed_forward_multiple(width: int, inner: int) -> int:
    """To what multiple 2/3 * 4 * width is rounded up where it becomes `inner`. Raises SettingsError where to none."""
    least = 2 * (4 * width) // 3
    for multiple in (256, 128, 64, 32, 16, 8, 4, 2, 1, inner):
        if math.ceil(least / multiple) * multiple == inner:
            return multiple
    raise SettingsError(f"the feed-forward width must be at least 2/3 * 4 * {width} = {least}, got {inner}")


def _write_weights(model: SavedModel, folder: Path, dtype: torch.dtype, file_bytes: int) -> None:
    names = naming(model.config.layers, "model.layers.", _LAYER, _REST)
    entries = [
        Entry(one, dtype, model.shape(ours)[1:] if len(theirs) > 1 else model.shape(ours))
        for ours, theirs in names.items()
        for one in theirs
    ]
    tensors = (part for ours, theirs in names.items() for part in taken_apart(model.read(ours), theirs))
    files = _dealt(entries, file_bytes)
    for file, its_entries in files.items():
        write_tensors(folder / file, its_entries, tensors)
    if len(files) > 1:
        weight_map = {entry.name: file for file, its_entries in files.items() for entry in its_entries}
        size = sum(entry.nbytes for entry in entries)
        write_json(
            folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": weight_map}
        )


def _dealt(entries: list[Entry], file_bytes: int) -> dict[str, list[Entry]]:
    """Which file holds which tensors: in their order, as many as fit, at least one."""
    files: list[list[Entry]] = []
    room = 0
    for entry in entries:
        if not files or entry.nbytes > room:
            files.append([])
            room = file_bytes
        files[-1].append(entry)
        room -= entry.nbytes
    if len(files) == 1:
        return {"model.safetensors": files[0]}
    return {f"model-{place:05d}-of-{len(files):05d}.safetensors": some for place, some in enumerate(files, start=1)}


def _tokenizer_files(model: SavedModel, tokenizer: Path) -> dict[str, bytes]:
    try:
        written = huggingface_files(tokenizer, model.context_tokens)
    except ValueError as error:
        raise SettingsError(f"{tokenizer}: {error}") from error
    return {"tokenizer.model": tokenizer.read_bytes()} | {name: text.encode() for name, text in written.items()}


def _weight_files(folder: Path) -> list[Path]:
    """The files with weights: those that the index names, or all."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return sorted({folder / Path(name).name for name in read_json(index).get("weight_map", {}).values()})
    if files := sorted(folder.glob("*.safetensors")):
        return files
    if pickles := sorted(itertools.chain(folder.glob("*.bin"), folder.glob("*.pt"), folder.glob("*.pth"))):
        raise SettingsError(
            f"{pickles[0]} is a pickle, which runs whatever code is in it when it is loaded: it is never read here. "
            f"Convert it where you trust it: model.save_pretrained(…) of transformers writes safetensors"
        )
    raise SettingsError(f"{folder} holds no *.safetensors")
