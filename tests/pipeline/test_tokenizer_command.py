"""Any SentencePiece model can be looked at from the command line."""

import json

import pytest
from click.testing import CliRunner

from filters.batch import DOCUMENT_SCHEMA, document_batch
from pipeline.cli import cli
from pipeline.errors import SettingError
from pipeline.storage import ParquetSink
from pipeline.tokenizer_command import inspected
from tokenizer import round_trip


@pytest.fixture(autouse=True)
def _few_code_points(monkeypatch):
    monkeypatch.setattr(round_trip, "lost_code_points", lambda _: [])


@pytest.fixture
def documents(tmp_path):
    columns = {"origin": "o", "text": "abc def"}
    rows = [columns | {"doc_id": str(i), "source": s, "language": "en"} for i, s in enumerate(("c4", "books", "c4"))]
    sink = ParquetSink(tmp_path / "d.parquet", DOCUMENT_SCHEMA)
    sink.write(document_batch(rows))
    sink.close()
    return str(tmp_path / "d.parquet")


def test_a_model_alone_has_no_figures_of_text(vocabulary_path):
    report = inspected(str(vocabulary_path), [])
    assert (report["vocabulary_size"], report["sources"], report["junk"]["never_used"]) == (600, {}, None)


def test_documents_are_counted_by_source(vocabulary_path, documents):
    report = inspected(str(vocabulary_path), [documents, documents])
    assert {source: figures["bytes"] for source, figures in report["sources"].items()} == {"c4": 28, "books": 14}
    assert report["junk"]["never_used"]["pieces"] > 300


def test_figures_go_to_standard_output_and_text_to_standard_error(vocabulary_path, documents):
    people = CliRunner().invoke(cli, ["tokenizer-report", str(vocabulary_path), documents])
    assert people.stdout == ""
    assert "tokenizer: c4: " in people.stderr and "(14 bytes of documents given)" in people.stderr
    machine = CliRunner().invoke(cli, ["tokenizer-report", str(vocabulary_path), documents, "--json"])
    assert json.loads(machine.stdout) == inspected(str(vocabulary_path), [documents])
    assert machine.stderr == ""


def test_what_is_not_as_llama_s_is_said(trained_elsewhere):
    said = CliRunner().invoke(cli, ["tokenizer-report", str(trained_elsewhere)]).stderr
    assert "tokenizer: not as LLaMA's: it has 0 byte pieces, not 256" in said


@pytest.fixture
def trained_elsewhere(tmp_path):
    import sentencepiece

    with (tmp_path / "t.model").open("wb") as model:
        sentences = iter(["the cat sat on the mat"] * 50)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=sentences, model_writer=model, vocab_size=15, minloglevel=2
        )
    return tmp_path / "t.model"


@pytest.mark.parametrize("content", [None, b"", b"x" * 99])
def test_a_file_that_is_no_model_is_a_wrong_setting(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(SettingError, match="MODEL must be a SentencePiece model, got "):
        inspected(str(tmp_path / "x"), [])


@pytest.mark.parametrize("content", [None, b"", b"x" * 99])
def test_a_file_that_holds_no_documents_is_a_wrong_setting(vocabulary_path, tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(SettingError, match=r"DOCUMENTS must be Parquet files that a stage has written, got .*/x: "):
        inspected(str(vocabulary_path), [str(tmp_path / "x")])
