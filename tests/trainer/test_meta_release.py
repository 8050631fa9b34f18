import json
import re
import shlex
import sys
from dataclasses import replace

import pytest
import torch
from llama_reference import reference_logits
from safetensors.torch import load_file, save_file
from saved_models import PIECES, SMALL, all_weights, edit_json, logits_of, same_tensors, saved, small_model

from trainer.errors import SettingsError
from trainer.meta_release import CONVERT, export_meta, halved, import_meta, interleaved

CONFIG = replace(SMALL, dimension=32, heads=4)
D, F = 32, CONFIG.feed_forward


def export(tmp_path, shards=2, *, dtype=torch.float32, tokenizer=None, config=CONFIG):
    model = saved(tmp_path / "ours", config, tokenizer)
    export_meta(model, tmp_path / "theirs", dtype=dtype, shards=shards, tokenizer=tokenizer)
    return tmp_path / "theirs"


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_a_round_trip_through_any_number_of_shards_loses_no_bit(tmp_path, shards):
    folder = export(tmp_path, shards)
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"consolidated.{shard:02d}.safetensors" for shard in range(shards)),
        "params.json",
    ]
    back = import_meta(folder, context_tokens=99)
    assert same_tensors(all_weights(back), dict(small_model(CONFIG).named_parameters()))
    assert (back.config, back.vocabulary_size, back.context_tokens) == (replace(CONFIG, initial_std=0.02), PIECES, 99)


def test_each_shard_holds_the_release_s_part_of_each_matrix(tmp_path):
    shards = [load_file(path) for path in sorted(export(tmp_path).glob("*.safetensors"))]
    shapes = {name: tuple(tensor.shape) for name, tensor in shards[1].items() if not name.startswith("layers.1")}
    assert shapes == {
        "tok_embeddings.weight": (PIECES, D // 2), "output.weight": (PIECES // 2, D), "norm.weight": (D,),
        "layers.0.attention_norm.weight": (D,), "layers.0.ffn_norm.weight": (D,),
        "layers.0.attention.wq.weight": (D // 2, D), "layers.0.attention.wk.weight": (D // 2, D),
        "layers.0.attention.wv.weight": (D // 2, D), "layers.0.attention.wo.weight": (D, D // 2),
        "layers.0.feed_forward.w1.weight": (F // 2, D), "layers.0.feed_forward.w3.weight": (F // 2, D),
        "layers.0.feed_forward.w2.weight": (D, F // 2),
    }  # fmt: skip
    weights = dict(small_model(CONFIG).named_parameters())
    assert torch.equal(shards[1]["layers.0.feed_forward.w3.weight"], weights["layers.0.w1w3"][1, F // 2 :])
    assert torch.equal(shards[1]["layers.0.attention.wo.weight"], weights["layers.0.wo"][:, D // 2 :])


def test_the_shards_are_the_model_with_metas_rotation(tmp_path):
    shards = [load_file(path) for path in sorted(export(tmp_path).glob("*.safetensors"))]
    weights = {name: weight.double() for name, weight in small_model(CONFIG).named_parameters()}
    for layer in range(CONFIG.layers):
        names = [f"layers.{layer}.attention.{kind}.weight" for kind in ("wq", "wk", "wv")]
        qkv = [torch.cat([shard[name] for shard in shards]) for name in names]
        weights[f"layers.{layer}.wqkv"] = torch.stack(qkv).double()
    tokens = torch.randint(0, PIECES, (2, 9), generator=torch.Generator().manual_seed(0))
    found = reference_logits(weights, tokens, CONFIG, "pairs")
    wanted = logits_of(small_model(CONFIG).double(), tokens, CONFIG)
    assert (found - wanted).abs().max() <= 1e-12 * wanted.abs().max()


def test_the_parameters_are_the_release_s(tmp_path, vocabulary_path):
    config = replace(CONFIG, rope_base=10000.0, norm_epsilon=1e-5)
    folder = export(tmp_path, config=config, tokenizer=vocabulary_path)
    assert json.loads((folder / "params.json").read_text()) == {
        "dim": 32, "multiple_of": 8, "n_heads": 4, "n_layers": 2, "norm_eps": 1e-5, "vocab_size": -1,
    }  # fmt: skip
    back = import_meta(folder, context_tokens=64)
    assert (back.config.rope_base, back.config.norm_epsilon) == (10000.0, 1e-5)
    assert back.tokenizer.read_bytes() == vocabulary_path.read_bytes()


def test_bfloat16_is_the_rounded_weight(tmp_path):
    back = import_meta(export(tmp_path, dtype=torch.bfloat16), context_tokens=64)
    wanted = {name: weight.bfloat16().float() for name, weight in small_model(CONFIG).named_parameters()}
    assert same_tensors(all_weights(back), wanted)


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_the_order_of_rows_is_undone(heads):
    weight = torch.arange(16 * 3.0).view(16, 3)
    assert torch.equal(halved(interleaved(weight, heads), heads), weight)
    first = interleaved(weight, heads)[: 16 // heads, 0] / 3
    half = 8 // heads
    assert first.tolist() == [row + which for row in range(half) for which in (0, half)]


@pytest.mark.parametrize("shards, reason", [(3, "heads = 4, got 3"), (8, "heads = 4, got 8")])
def test_shards_that_cannot_share_the_model_are_refused(tmp_path, shards, reason):
    with pytest.raises(SettingsError, match=f"^--shards must divide {reason}$"):
        export(tmp_path, shards)
    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"n_kv_heads": 1}, "n_kv_heads must be n_heads = 4, got 1"),
        ({"ffn_dim_multiplier": 1.3}, "ffn_dim_multiplier is no key of a LLaMA model's"),
        ({"vocab_size": 32000}, "vocab_size must be 600, got 32000"),
        ({"dim": "gone"}, "KeyError: 'dim'"),
        ({"n_layers": 1}, r"holds layers.1.attention.wk.weight, which is no weight of a LLaMA model"),
    ],
)
def test_a_model_that_is_no_llama_is_refused(tmp_path, changed, reason):
    with pytest.raises(SettingsError, match=reason):
        import_meta(edit_json(export(tmp_path) / "params.json", **changed), context_tokens=64)


def test_a_model_with_one_shard_too_few_is_refused(tmp_path):
    folder = export(tmp_path)
    (folder / "consolidated.01.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"tok_embeddings.weight must have the shape \(600, 32\), .* \(600, 16\)"):
        import_meta(folder, context_tokens=64).read("embedding")


def test_frequencies_in_the_shards_are_passed_over(tmp_path):
    folder = export(tmp_path, 1)
    tensors = load_file(folder / "consolidated.00.safetensors") | {"rope.freqs": torch.ones(4)}
    save_file(tensors, folder / "consolidated.00.safetensors")
    assert import_meta(edit_json(folder / "params.json", n_kv_heads=4), context_tokens=64).vocabulary_size == PIECES


def test_pickled_shards_are_refused_with_the_command_that_converts_them(tmp_path, monkeypatch):
    folder = export(tmp_path)
    before = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    for path, tensors in zip(sorted(folder.glob("*.safetensors")), before, strict=True):
        torch.save(tensors, path.with_suffix(".pth"))
        path.unlink()
    with pytest.raises(SettingsError, match=r"00.pth is a pickle, which runs whatever .* never read here") as refused:
        import_meta(folder, context_tokens=64)
    assert str(refused.value).endswith(CONVERT) and "\n" not in str(refused.value)
    code, pattern = re.fullmatch(r"python -c (\".*\") (\S+)", CONVERT, flags=re.DOTALL).groups()
    monkeypatch.setattr(sys, "argv", ["-c", *sorted(str(path) for path in folder.glob(pattern))])
    exec(*shlex.split(code), {})
    assert same_tensors(
        all_weights(import_meta(folder, context_tokens=64)), dict(small_model(CONFIG).named_parameters())
    )


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"holds no consolidated.\*.safetensors"):
        import_meta(tmp_path, context_tokens=64)
