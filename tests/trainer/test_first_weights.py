"""Training that begins with a model that is there already."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from saved_models import imported, small_model

from trainer.cli import main
from trainer.errors import OtherRunError
from trainer.parallel import World
from trainer.saved_model import SavedModel, open_model, save_imported
from trainer.train import Training, train

CPU, VOCABULARY = torch.device("cpu"), 32


def model_of(config, folder: Path, seed: int = 1) -> SavedModel:
    weights = dict(small_model(config, VOCABULARY, seed).named_parameters())
    save_imported(imported(config, vocabulary_size=VOCABULARY, read=weights.__getitem__), folder)
    return open_model(folder)


def run(stream, config, output, initial=None):
    training = Training(config=config, stream=stream, output=output, world=World(device=CPU), seed=0, initial=initial)
    train(training, lambda line: None)
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def test_training_goes_on_with_the_weights_of_a_model(array_stream, tiny, tmp_path):
    config = tiny(steps=1, warmup_steps=0, learning_rate=1e-9, weight_decay=0.0)
    initial = model_of(config, tmp_path / "first")
    run(array_stream(), config, tmp_path / "out", initial)
    after = open_model(tmp_path / "out")
    for name, weight in small_model(config, VOCABULARY).named_parameters():
        torch.testing.assert_close(after.read(name), weight, rtol=0, atol=1e-6)


def test_a_trained_model_begins_where_it_had_come_to(array_stream, tiny, tmp_path):
    first = run(array_stream(), tiny(steps=8, warmup_steps=0), tmp_path / "first")
    second = run(array_stream(), tiny(steps=8, warmup_steps=0), tmp_path / "second", open_model(tmp_path / "first"))
    assert second[0]["loss"] < first[-1]["loss"] + 0.1 < first[0]["loss"]


def test_a_run_goes_on_only_with_the_model_that_it_began_with(array_stream, tiny, tmp_path):
    config = tiny(steps=4)
    one, other = model_of(config, tmp_path / "one"), model_of(config, tmp_path / "other", seed=2)
    assert run(array_stream(), config, tmp_path / "out", one) == run(array_stream(), config, tmp_path / "out", one)
    with pytest.raises(OtherRunError, match=f"initial = {one.digest[:12]}…, not {other.digest[:12]}…"):
        run(array_stream(), config, tmp_path / "out", other)


def test_the_command_takes_a_model_to_begin_with(stream_folder, tiny, tmp_path, capsys):
    config = tiny(steps=1, warmup_steps=0)
    model_of(config, tmp_path / "first")
    (tmp_path / "settings.json").write_text(json.dumps(asdict(config)))
    options = [f"--stream={stream_folder}", f"--settings={tmp_path / 'settings.json'}", "--device=cpu"]
    weights = f"--weights={tmp_path / 'first'}"
    assert main(["train", *options, f"--output={tmp_path / 'with'}", weights]) == 0
    assert main(["train", *options, f"--output={tmp_path / 'without'}"]) == 0
    assert not torch.equal(open_model(tmp_path / "with").read("norm"), open_model(tmp_path / "without").read("norm"))
    (tmp_path / "settings.json").write_text(json.dumps(asdict(config) | {"layers": 1}))
    capsys.readouterr()
    assert main(["train", *options, f"--output={tmp_path / 'wrong'}", weights]) == 2
    assert capsys.readouterr().err.endswith("has layers = 2, the run 1\n")
