"""The verbs that say what a model is worth: tables for people, JSON for programs, one line where something is wrong."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from saved_models import saved

from trainer.cli import main


@pytest.fixture
def training(tmp_path, vocabulary_path):
    """A training's folder, a folder of held-out documents, and one of sets beside it."""
    saved(tmp_path / "out", tokenizer=vocabulary_path)
    for source, texts in {"c4": ["abc def", "j" * 300], "books": ["é 12"]}.items():
        (tmp_path / "held-out" / source).mkdir(parents=True)
        rows = {"doc_id": [str(i) for i in range(len(texts))], "text": texts}
        pq.write_table(pa.table(rows), tmp_path / f"held-out/{source}/unit.parquet")
    (tmp_path / "sets").mkdir()
    item = {"query": "Question: abc?", "choices": ["d", "ef gh"], "gold": 0}
    (tmp_path / "sets/piqa.jsonl").write_text(json.dumps(item) + "\n{\n" + json.dumps(item) + "\n")
    return tmp_path / "out"


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_held_out_documents_by_source(training, capsys):
    given = ("evaluate", training, f"--held-out={training.parent}/held-out")
    assert run(*given, "--json") == run(*given) == 0
    told, *lines = capsys.readouterr().out.splitlines()
    figures = json.loads(told)
    assert (figures["step"], list(figures["sources"])) == (0, ["books", "c4"])
    assert [some["documents"] for some in figures["sources"].values()] == [1, 2]
    assert lines[0] == "step 0, windows of 64 tokens"
    assert lines[1].split("  ")[0] == "source" and len(lines) == 4
    assert f"{figures['sources']['c4']['bits_per_byte']:.4f}" in lines[3]


@pytest.mark.parametrize("option", ["--documents=1", "--sequence-tokens=9", "--batch=1"])
def test_what_is_looked_at_can_be_chosen(training, capsys, option):
    given = ("evaluate", training, f"--held-out={training.parent}/held-out", "--json")
    assert run(*given) == run(*given, option) == 0
    whole, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert other["sources"]["c4"]["documents"] == (1 if "documents" in option else 2)
    same = other["sources"]["c4"]["bits_per_byte"] == pytest.approx(whole["sources"]["c4"]["bits_per_byte"], rel=1e-6)
    assert same == ("batch" in option)


def test_multiple_choice_by_set(training, capsys):
    given = ("choices", training, f"--sets={training.parent}/sets")
    assert run(*given, "--json") == run(*given) == 0
    told, *lines = capsys.readouterr().out.splitlines()
    figures = json.loads(told)["sets"]["piqa"]
    assert (figures["items"], figures["broken"], figures["rule"]) == (2, {"no_json": 1}, "per_character")
    assert lines[0] == "step 0, 64 tokens of context"
    shares = [f"{share:.1%}" for share in figures["accuracies"].values()]
    assert lines[2].split() == ["piqa", f"{figures['accuracy']:.1%}", "per", "character", *shares, "2", "1", "0"]


def test_the_first_lines_of_a_set_can_be_enough(training, capsys):
    assert run("choices", training, f"--sets={training.parent}/sets", "--limit=1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sets"]["piqa"]["items"] == 1


@pytest.mark.parametrize(
    "verb, option, said",
    [
        ("evaluate", "--held-out=nowhere", "nowhere holds no SOURCE/*.parquet with a document"),
        ("choices", "--sets=nowhere", "nowhere holds none of boolq, piqa"),
        ("choices", "--sets=sets --tokenizer=none.model", "--tokenizer none.model: "),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_2(training, monkeypatch, capsys, verb, option, said):
    monkeypatch.chdir(training.parent)
    assert run(verb, training, *option.split()) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.parametrize("verb, option", [("evaluate", "--held-out=x"), ("choices", "--sets=x")])
def test_a_folder_without_a_checkpoint_is_one_line_and_exit_2(tmp_path, capsys, verb, option):
    assert run(verb, tmp_path, option) == 2
    assert capsys.readouterr().err.count("\n") == 1
