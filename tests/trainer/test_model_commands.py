import io
import json

import pytest
import torch
from safetensors.torch import load_file
from saved_models import saved, small_model

from trainer.cli import main
from trainer.saved_model import open_model


@pytest.fixture
def training(tmp_path, vocabulary_path):
    """A training's folder."""
    saved(tmp_path / "out", tokenizer=vocabulary_path)
    return tmp_path / "out"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_a_model_goes_out_and_comes_back(training, tmp_path, capsys):
    assert run("export", training, tmp_path / "hf") == 0
    assert run("import", tmp_path / "hf", tmp_path / "back") == 0
    back = open_model(tmp_path / "back")
    assert all(torch.equal(back.read(name), weight) for name, weight in small_model().named_parameters())
    assert back.tokenizer(None) == tmp_path / "back" / "tokenizer.model"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"wrote the model of step 0 to {tmp_path}/hf, in float32, from {training}/checkpoints/step-00000000",
        f"wrote {tmp_path}/back/checkpoints/step-00000000",
    ]


def test_a_model_goes_out_and_comes_back_in_metas_layout(training, tmp_path):
    assert run("export", training, tmp_path / "meta", "--layout=meta", "--shards=2") == 0
    assert run("import", tmp_path / "meta", tmp_path / "back", "--context=33") == 0
    back = open_model(tmp_path / "back")
    assert all(torch.equal(back.read(name), weight) for name, weight in small_model().named_parameters())
    assert back.context_tokens == 33


def test_an_export_says_that_it_has_no_tokenizer(training, tmp_path, vocabulary_path, capsys):
    (training / "tokenizer.model").unlink()
    assert run("export", training, tmp_path / "hf") == 0
    assert "it has no tokenizer" in capsys.readouterr().err
    assert not list((tmp_path / "hf").glob("tokenizer*"))
    assert run("export", training, tmp_path / "two", f"--tokenizer={vocabulary_path}") == 0
    assert "no tokenizer" not in capsys.readouterr().err
    assert len(list((tmp_path / "two").glob("tokenizer*"))) == 3


def test_precision_and_size_of_files_are_asked_for(training, tmp_path):
    assert run("export", training, tmp_path / "hf", "--precision=bfloat16", "--file-bytes=30000") == 0
    files = list((tmp_path / "hf").glob("model-*.safetensors"))
    assert len(files) > 1
    assert {tensor.dtype for file in files for tensor in load_file(file).values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["export", "none", "x"], "none is no checkpoint, and holds none"),
        (["export", "out", "out"], "out is there already: name a folder that is empty or not there"),
        (["import", "out", "x"], "out holds neither config.json (HuggingFace's layout) nor params.json (Meta's)"),
        (["export", "out", "x", "--layout=meta", "--shards=3"], "--shards must divide heads = 2, got 3"),
        (["generate", "out"], "--prompt or --prompts must give a text, an empty one at least"),
        (["generate", "out", "--prompt=a", "--top-p=2"], "top_p must be above 0 and at most 1, got 2.0"),
        (["generate", "out", "--prompt=" + "a b " * 40], "prompt 1 has "),
    ],
)
def test_what_is_wrong_is_exit_2_and_one_line(training, tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {reason}") and captured.err.count("\n") == 1


def test_a_single_text_is_streamed_behind_its_prompt(training, capsys):
    options = ("--temperature=0", "--max-tokens=6", "--device=cpu")
    assert run("generate", training, "--prompt=abc de", *options) == 0
    streamed = capsys.readouterr()
    assert streamed.out.startswith("abc de") and streamed.out.endswith("\n")
    assert streamed.err.startswith("6 tokens, ")
    assert run("generate", training, "--prompt=abc de", "--json", *options) == 0
    (text,) = json.loads(capsys.readouterr().out)["texts"]
    assert text["prompt"] + text["text"] + "\n" == streamed.out
    assert (len(text["tokens"]), text["end"]) == (6, "length")


def test_prompts_come_from_options_files_and_standard_input(training, tmp_path, monkeypatch, capsys):
    (tmp_path / "prompts.txt").write_text("é\n\nb", "utf-8")
    run("generate", training, "--prompt=a", f"--prompts={tmp_path / 'prompts.txt'}", "--json", "--max-tokens=1")
    texts = json.loads(capsys.readouterr().out)["texts"]
    assert [text["prompt"] for text in texts] == ["a", "é", "", "b"]
    monkeypatch.setattr("sys.stdin", io.StringIO("c\nd\n"))
    assert run("generate", training, "--prompts=-", "--max-tokens=1") == 0
    one, two = capsys.readouterr().out.split("\n---\n")
    assert (one[0], two[0]) == ("c", "d")


def test_the_seed_decides_the_text(training, capsys):
    def text(seed):
        assert run("generate", training, "--prompt=a", f"--seed={seed}", "--max-tokens=8") == 0
        return capsys.readouterr().out

    assert text(0) == text(0) != text(1)
