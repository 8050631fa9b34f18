import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from saved_models import PIECES, SMALL, all_weights, edit_json, logits_of, same_tensors, saved, small_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tokenizer.vocabulary import Vocabulary
from trainer.config import PRESETS
from trainer.errors import SettingsError
from trainer.huggingface import export_huggingface, feed_forward_multiple, import_huggingface
from trainer.saved_model import open_model, save_imported

TOKENS = torch.randint(0, PIECES, (2, 11), generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _no_bars(monkeypatch):
    from transformers.utils import logging

    logging.disable_progress_bar()


def export(tmp_path, *, dtype=torch.float32, file_bytes=10**9, tokenizer=None):
    export_huggingface(
        saved(tmp_path / "ours", tokenizer=tokenizer),
        tmp_path / "theirs",
        dtype=dtype,
        file_bytes=file_bytes,
        tokenizer=tokenizer,
    )
    return tmp_path / "theirs"


@pytest.mark.parametrize("file_bytes, files", [(10**9, 1), (40_000, 4)])
def test_transformers_loads_every_key_and_gives_the_same_logits(tmp_path, file_bytes, files):
    folder = export(tmp_path, file_bytes=file_bytes)
    assert len(list(folder.glob("*.safetensors"))) == files
    model, said = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    assert not any(said.values())
    assert type(model) is LlamaForCausalLM
    assert model.dtype == torch.float32
    wanted = logits_of(small_model(), TOKENS)
    assert (model(TOKENS).logits - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("file_bytes", [10**9, 40_000, 1])
def test_a_round_trip_loses_no_bit(tmp_path, file_bytes):
    back = import_huggingface(export(tmp_path, file_bytes=file_bytes))
    assert same_tensors(all_weights(back), dict(small_model().named_parameters()))
    assert (back.vocabulary_size, back.context_tokens, back.tokenizer) == (PIECES, 64, None)
    assert replace(back.config, feed_forward_multiple=8) == SMALL
    assert back.config.feed_forward == SMALL.feed_forward


def test_an_import_exports_the_same_bytes(tmp_path, vocabulary_path):
    folder = export(tmp_path, tokenizer=vocabulary_path)
    save_imported(import_huggingface(folder), tmp_path / "again" / "ours")
    again, model = tmp_path / "again", open_model(tmp_path / "again" / "ours")
    export_huggingface(model, again / "theirs", dtype=torch.float32, file_bytes=10**9, tokenizer=model.tokenizer(None))
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in (again / "theirs").iterdir())
    assert all((folder / name).read_bytes() == (again / "theirs" / name).read_bytes() for name in names)


def test_files_hold_at_most_the_bytes_asked_for_and_the_index_names_them(tmp_path):
    folder = export(tmp_path, file_bytes=40_000)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    files = {path.name: load_file(path) for path in folder.glob("model-*-of-00004.safetensors")}
    assert index["weight_map"] == {name: file for file, tensors in files.items() for name in tensors}
    sizes = {file: sum(tensor.nbytes for tensor in tensors.values()) for file, tensors in files.items()}
    assert index["metadata"] == {"total_size": sum(sizes.values())}
    assert all(size <= 40_000 or len(files[file]) == 1 for file, size in sizes.items())


@pytest.mark.parametrize("room, files", [(0, 1), (-1, 2)])
def test_a_file_may_be_full_to_the_last_byte(tmp_path, room, files):
    whole = sum(weight.nbytes for weight in small_model().parameters())
    assert len(list(export(tmp_path, file_bytes=whole + room).glob("*.safetensors"))) == files


def test_bfloat16_is_the_rounded_weight(tmp_path):
    folder = export(tmp_path, dtype=torch.bfloat16)
    assert AutoConfig.from_pretrained(folder).dtype == torch.bfloat16
    wanted = {name: weight.bfloat16().float() for name, weight in small_model().named_parameters()}
    assert same_tensors(all_weights(import_huggingface(folder)), wanted)


def test_the_config_says_what_the_model_is(tmp_path):
    config = AutoConfig.from_pretrained(export(tmp_path))
    assert type(config) is LlamaConfig
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 500.0}
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (1, 2, None)
    assert (config.rms_norm_eps, config.head_dim, config.max_position_embeddings) == (1e-6, 12, 64)
    assert config.intermediate_size == SMALL.feed_forward


def test_the_tokenizer_comes_with_the_model(tmp_path, vocabulary_path):
    folder = export(tmp_path, tokenizer=vocabulary_path)
    theirs, ours = AutoTokenizer.from_pretrained(folder), Vocabulary(vocabulary_path)
    ids = theirs.encode("  abc 12 é\n")
    assert ids[0] == 1
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True) == "  abc 12 é\n"
    assert import_huggingface(folder).tokenizer == folder / "tokenizer.model"
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == 2


def test_transformers_goes_on_with_a_text_as_we_do(tmp_path):
    model = AutoModelForCausalLM.from_pretrained(export(tmp_path))
    ours, tokens = small_model(), [1, 300, 17]
    theirs = model.generate(torch.tensor([tokens]), do_sample=False, max_new_tokens=8)[0].tolist()
    for _ in range(8):
        tokens.append(int(logits_of(ours, torch.tensor([tokens]))[0, -1].argmax()))
    assert theirs == tokens[: len(theirs)]


def test_what_transformers_saves_is_imported(tmp_path):
    config = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=33, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 77.0},
    )  # fmt: skip
    theirs = LlamaForCausalLM(config)
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="20KB")
    back = import_huggingface(tmp_path / "theirs")
    assert (back.context_tokens, back.config.rope_base, back.config.norm_epsilon) == (33, 77.0, 1e-5)
    model = small_model(back.config, 50)
    for name, weight in model.named_parameters():
        weight.copy_(back.read(name))
    tokens = TOKENS % 50
    torch.testing.assert_close(logits_of(model, tokens, back.config), theirs(tokens).logits, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "theta", [{"rope_theta": 77.0}, {"rope_theta": "gone", "rope_parameters": {"rope_theta": 77.0}}]
)
def test_the_rotations_base_is_found_where_either_version_writes_it(tmp_path, theta):
    assert import_huggingface(edit_json(export(tmp_path) / "config.json", **theta)).config.rope_base == 77.0


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"model_type": "mistral"}, "model_type must be 'llama', got 'mistral'"),
        ({"model_type": "gone"}, "model_type must be 'llama', got None"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu', got 'gelu'"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings must be False, got True"),
        ({"attention_bias": True}, "attention_bias must be False, got True"),
        ({"num_key_value_heads": 1}, "num_key_value_heads must be 2, got 1"),
        ({"head_dim": 16}, "head_dim must be 12, got 16"),
        ({"rope_scaling": {"type": "linear"}}, "rotary embedding must be the default one, got 'linear'"),
        ({"intermediate_size": 30}, r"feed-forward width must be at least 2/3 \* 4 \* 24 = 64, got 30"),
        ({"hidden_size": "gone"}, "KeyError: 'hidden_size'"),
        ({"rms_norm_eps": None}, "TypeError"),
        ({"num_attention_heads": 0}, "ZeroDivisionError"),
        ({"num_hidden_layers": 1}, r"layers.1.input_layernorm.weight, which is no weight of a LLaMA model"),
    ],
)
def test_a_model_that_is_no_llama_is_refused(tmp_path, changed, reason):
    with pytest.raises(SettingsError, match=reason):
        import_huggingface(edit_json(export(tmp_path) / "config.json", **changed))


def test_a_weight_that_is_missing_is_refused(tmp_path):
    back = import_huggingface(edit_json(export(tmp_path) / "config.json", num_hidden_layers=3))
    with pytest.raises(SettingsError, match=r"holds no tensor model.layers.2.self_attn.q_proj.weight"):
        back.read("layers.2.wqkv")


def test_frequencies_that_older_exports_hold_are_passed_over(tmp_path):
    folder = export(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(6)
    save_file(tensors, folder / "model.safetensors")
    assert import_huggingface(folder).vocabulary_size == PIECES


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_a_pickle_is_refused_and_not_looked_at(tmp_path, name):
    folder = export(tmp_path)
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(SettingsError, match=f"{name} is a pickle, which runs whatever code is in it .* never read"):
        import_huggingface(folder)
    (folder / name).unlink()
    with pytest.raises(SettingsError, match=r"theirs holds no \*.safetensors"):
        import_huggingface(folder)


@pytest.mark.parametrize(
    "width, inner, multiple", [(4096, 11008, 256), (24, 64, 64), (3200, 8640, 8640), (12, 33, 1 * 33)]
)
def test_a_feed_forward_width_is_that_of_some_multiple(width, inner, multiple):
    assert feed_forward_multiple(width, inner) == multiple


@pytest.mark.parametrize("preset", PRESETS)
def test_each_presets_feed_forward_width_survives(preset):
    config = PRESETS[preset]
    multiple = feed_forward_multiple(config.dimension, config.feed_forward)
    assert replace(config, feed_forward_multiple=multiple).feed_forward == config.feed_forward


def test_a_tokenizer_with_no_form_for_others_is_refused(tmp_path):
    (tmp_path / "x.model").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"x.model: "):
        export_huggingface(
            saved(tmp_path / "a"), tmp_path / "b", dtype=torch.float32, file_bytes=1, tokenizer=tmp_path / "x.model"
        )
