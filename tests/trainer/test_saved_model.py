import json
import shutil
from dataclasses import replace

import pytest
import torch
from saved_models import PIECES, SMALL, all_weights, imported, same_tensors, saved, small_model, train_checkpoint

from trainer.errors import DamagedCheckpointError, SettingsError
from trainer.saved_model import ImportedModel, new_folder, open_model, save_imported


def test_a_model_comes_out_of_a_checkpoint_as_it_was_trained(tmp_path):
    trained = train_checkpoint(tmp_path)
    found = open_model(tmp_path / "checkpoints" / "step-00000003")
    assert same_tensors(all_weights(found), dict(trained.named_parameters()))
    assert (found.step, found.vocabulary_size, found.context_tokens) == (3, PIECES, 64)
    assert (found.config.heads, found.config.rope_base, found.config.precision) == (2, 500.0, "float32")


def test_of_a_training_the_newest_checkpoint_is_taken(tmp_path):
    for step in (3, 12, 5):
        train_checkpoint(tmp_path, step)
    assert [open_model(path).step for path in (tmp_path, tmp_path / "checkpoints")] == [12, 12]


def test_an_imported_model_is_a_checkpoint_of_step_0(tmp_path, vocabulary_path):
    folder = save_imported(imported(tokenizer=vocabulary_path), tmp_path / "out")
    assert folder == tmp_path / "out/checkpoints/step-00000000"
    found = open_model(tmp_path / "out")
    assert same_tensors(all_weights(found), dict(small_model().named_parameters()))
    assert (found.step, found.config, found.context_tokens) == (0, SMALL, 64)
    assert not list(tmp_path.glob("*.tmp"))


def test_weights_are_asked_for_one_by_one(tmp_path):
    weights, asked = dict(small_model().named_parameters()), []

    def read(name):
        asked.append(name)
        return weights[name]

    save_imported(imported(read=read), tmp_path / "out")
    assert sorted(asked) == sorted(weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_model_is_built_with_its_weights_in_the_precision_asked_for(tmp_path, dtype):
    model = saved(tmp_path / "out").llama(dtype=dtype)
    assert not any(weight.requires_grad for weight in model.parameters())
    wanted = {name: weight.to(dtype) for name, weight in small_model().named_parameters()}
    assert same_tensors(dict(model.named_parameters()), wanted)


@pytest.mark.parametrize("place", ["tokenizer.model", "models/tokenizer/tokenizer.model"])
def test_a_tokenizer_is_found_where_a_run_or_an_import_leaves_it(tmp_path, vocabulary_path, place):
    model = saved(tmp_path / "run" / "training", tokenizer=vocabulary_path)
    (tmp_path / "run" / "training" / "tokenizer.model").unlink()
    assert model.tokenizer(None) is None
    path = tmp_path / "run" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(vocabulary_path, path)
    assert model.tokenizer(None) == path
    assert model.tokenizer(vocabulary_path) == vocabulary_path


def test_another_tokenizer_is_not_taken(tmp_path, vocabulary_path):
    train_checkpoint(tmp_path, tokenizer="digest")
    shutil.copyfile(vocabulary_path, tmp_path / "tokenizer.model")
    model = open_model(tmp_path)
    assert model.tokenizer(None) is None
    with pytest.raises(SettingsError, match=r"tokenizer.model is another tokenizer \(\w{32}\) than the model's \(dig"):
        model.tokenizer(vocabulary_path)


def test_a_tokenizer_that_is_none_is_refused(tmp_path):
    model = saved(tmp_path / "out")
    with pytest.raises(SettingsError, match=r"--tokenizer .*none.model"):
        model.tokenizer(tmp_path / "none.model")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=f"^{tmp_path} is no checkpoint, and holds none$"):
        open_model(tmp_path)


def test_a_damaged_weight_is_refused(tmp_path):
    train_checkpoint(tmp_path)
    (file,) = tmp_path.glob("checkpoints/step-*/*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match="is not what was written"):
        open_model(tmp_path)


def test_weights_that_do_not_fit_the_settings_are_refused(tmp_path):
    folder = save_imported(imported(), tmp_path / "out")
    state = json.loads((folder / "state.json").read_text())
    state["run"]["layers"] = 3
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(DamagedCheckpointError, match=r"does not hold layers.2.attention_norm in the shape"):
        open_model(folder)


def test_what_is_there_is_not_written_over(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(SettingsError, match="is there already"), new_folder(tmp_path):
        raise AssertionError
    with pytest.raises(SettingsError, match="is there already"), new_folder(tmp_path / "mine"):
        raise AssertionError


def test_a_folder_is_whole_or_not_there(tmp_path):
    def fail(name):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_imported(
            ImportedModel(config=SMALL, vocabulary_size=9, context_tokens=4, read=fail, tokenizer=None),
            tmp_path / "out",
        )
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    save_imported(imported(), tmp_path / "out")
    assert open_model(tmp_path / "out").step == 0


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"dimension": 48}, "dimension = 24, the run 48"),
        ({"layers": 1}, "layers = 2, the run 1"),
        ({"heads": 4}, "heads = 2, the run 4"),
        ({"feed_forward_multiple": 128}, "feed_forward = 64, the run 128"),
        ({"norm_epsilon": 1e-5}, "norm_epsilon = 1e-06, the run 1e-05"),
        ({"rope_base": 10000.0}, "rope_base = 500.0, the run 10000.0"),
    ],
)
def test_a_training_of_another_model_cannot_begin_with_it(tmp_path, changed, reason):
    model = saved(tmp_path / "out")
    with pytest.raises(SettingsError, match=f"step-00000000 has {reason}$"):
        model.check_fits(replace(SMALL, **changed), PIECES, "any")
    model.check_fits(replace(SMALL, learning_rate=1.0, feed_forward_multiple=64), PIECES, "any")


def test_a_training_on_another_tokenizers_stream_cannot_begin_with_it(tmp_path):
    train_checkpoint(tmp_path, tokenizer="mine")
    model = open_model(tmp_path)
    model.check_fits(SMALL, PIECES, "mine")
    with pytest.raises(SettingsError, match=r"has tokenizer = mine, the run yours$"):
        model.check_fits(SMALL, PIECES, "yours")
    with pytest.raises(SettingsError, match=r"has vocabulary_size = 600, the run 601$"):
        model.check_fits(SMALL, PIECES + 1, "mine")


def test_the_digest_is_that_of_the_weights_files(tmp_path):
    digests = set()
    for seed in (1, 1, 2):
        weights = dict(small_model(seed=seed).named_parameters())
        save_imported(imported(read=weights.__getitem__), tmp_path / "out")
        digests.add(open_model(tmp_path / "out").digest)
        shutil.rmtree(tmp_path / "out")
    assert len(digests) == 2
