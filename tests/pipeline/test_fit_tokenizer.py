"""The tokenizer is trained on exact parts of its sample, and looked at on what was held out; a given one is checked."""

import json
import random

import numpy as np
import pyarrow as pa
import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from pipeline import fit_tokenizer as fitting
from pipeline.errors import FatalError, SettingError
from pipeline.fit_tokenizer import check_memory, fit_tokenizer, part_of
from pipeline.recipe import Recipe
from pipeline.run import TextSize
from pipeline.tokenizer_sample import SCHEMA
from tokenizer import round_trip
from tokenizer.round_trip import RANDOM_STRINGS
from tokenizer.vocabulary import Vocabulary

WEIGHTS = {"c4": 0.75, "books": 0.25}
SIZES = {"c4": TextSize(300, 300 * 119), "books": TextSize(300, 300 * 119)}


@pytest.fixture(autouse=True)
def _few_code_points(monkeypatch):
    monkeypatch.setattr(round_trip, "lost_code_points", lambda _: [])  # It takes a second, and has tests of its own.


def recipe(**settings):
    tokenizer = {"vocabulary_size": 400, "sample_bytes": 40_000} | settings
    return Recipe.model_validate({"name": "t", "tokenizer": tokenizer, "mixture": {"weights": WEIGHTS}})


def text(chance):
    return " ".join("".join(chance.choice("abcdefgh") for _ in range(5)) for _ in range(20))


def row(rank, text, held_out=False, language="en"):
    columns = {"rank": rank, "size": len(text.encode()), "text": text, "held_out": held_out}
    return columns | {"doc_id": f"d{rank}", "language": language}


def sampled(rows, columns):
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA).select(list(columns))


def read(source, columns=SCHEMA.names, count=300):
    chance = random.Random(source)
    rows = [row(chance.getrandbits(64), text(chance), held_out=i % 10 == 0) for i in range(count)]
    yield sampled(rows[: count // 2], columns)
    yield sampled(rows[count // 2 :], columns)


def taken(size, rows):
    """The texts of a part of so many bytes."""
    held = [item for item in rows if not item["held_out"]]
    ranks, sizes = np.array([r["rank"] for r in held], np.uint64), np.array([r["size"] for r in held], np.int64)
    part = part_of("c4", size, ranks, sizes)
    return part, list(part.texts(iter([sampled(rows, ("rank", "text", "held_out"))])))


ABC = [row(20, "bbbb"), row(30, "cc"), row(10, "aaa"), row(5, "held", held_out=True)]


@pytest.mark.parametrize(
    "size, texts, documents, copies",
    [
        (0, [], 0, 0),
        (1, ["a"], 1, 0),
        (3, ["aaa"], 1, 0),
        (4, ["b", "aaa"], 2, 0),
        (7, ["bbbb", "aaa"], 2, 0),
        (8, ["bbbb", "c", "aaa"], 3, 0),
        (9, ["bbbb", "cc", "aaa"], 3, 1),
        (10, ["bbbb", "cc", "aaa", "a"], 3, 1),
        (18, ["bbbb", "bbbb", "cc", "cc", "aaa", "aaa"], 3, 2),
        (25, ["bbbb", "bbbb", "bbbb", "cc", "cc", "aaa", "aaa", "aaa"], 3, 2),
    ],
)
def test_a_part_has_its_bytes_of_the_lowest_ranks_and_repeats_what_is_too_little(size, texts, documents, copies):
    part, found = taken(size, ABC)
    assert found == texts
    assert (part.documents, part.bytes, part.copies) == (documents, size, copies)


@pytest.mark.parametrize("size, texts", [(1, []), (2, ["é"]), (3, ["é"]), (4, ["éé"])])
def test_a_document_is_cut_between_characters(size, texts):
    assert taken(size, [row(1, "éé")])[1] == texts


@pytest.mark.parametrize("size", [1, 1000, 20_000, 35_699, 35_700, 100_000])
def test_a_part_s_bytes_are_exact_however_much_there_is(size):
    rows = [item for batch in read("c4") for item in batch.to_pylist()]
    assert sum(map(len, taken(size, rows)[1])) == size


def test_two_documents_of_one_rank_are_both_there_in_a_whole_copy():
    assert taken(6, [row(1, "aaa"), row(1, "bbb")])[1] == ["aaa", "bbb"]


def test_a_source_without_text_stops_the_run():
    with pytest.raises(FatalError, match=r"mixture.weights.books must be removed: the source has no text"):
        part_of("books", 10, np.zeros(0, np.uint64), np.zeros(0, np.int64))


def test_what_is_drawn_does_not_depend_on_batches(tmp_path):
    def merged(source, columns=SCHEMA.names):
        return iter(pa.Table.from_batches(read(source, columns)).combine_chunks().to_batches())

    one, other = (fit_tokenizer(way, recipe(), tmp_path / name, SIZES) for name, way in (("a", read), ("b", merged)))
    assert one == other


def test_bytes_stand_at_the_mixtures_ratios(tmp_path):
    report = fit_tokenizer(read, recipe(), tmp_path, SIZES)
    samples = {source: figures["sample"] for source, figures in report["sources"].items()}
    assert samples["c4"] == {"bytes": 30_000, "documents": 253, "copies": 0}
    assert samples["books"] == {"bytes": 10_000, "documents": 85, "copies": 0}
    assert report["training"]["sentence_bytes"] == 40_000


def test_no_more_is_read_of_the_texts_than_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "tokenizer_report", lambda *_: {"pieces": {}})
    asked = []

    def counted(source, columns=SCHEMA.names):
        asked.append(tuple(columns))
        return read(source, columns)

    fit_tokenizer(counted, recipe(), tmp_path, SIZES)
    planned, trained = ("rank", "size", "held_out"), ("rank", "text", "held_out")
    looked = [("held_out",), ("language", "text", "held_out")]
    assert asked == [planned, planned, trained, trained, *looked, *looked]


def test_two_fits_write_the_same_bytes(tmp_path):
    one, two = (fit_tokenizer(read, recipe(), tmp_path / name, SIZES) for name in ("one", "two"))
    assert one == two
    for file in ("tokenizer.model", "tokenizer.vocab", "tokenizer.json", "tokenizer_config.json", "report.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_report_says_what_was_made_of_what(tmp_path):
    report = fit_tokenizer(read, recipe(), tmp_path, SIZES)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert (report["vocabulary_size"], report["given"], report["faults"]) == (400, "", [])
    assert report["digest"] == report["training"]["digest"] == Vocabulary(tmp_path / "tokenizer.model").digest
    assert report["round_trip"]["byte_strings"] == 256 + RANDOM_STRINGS
    assert all(1 < source["bytes_per_token"] < 6 for source in report["sources"].values())


def test_held_out_documents_are_measured_and_all_count_as_use(tmp_path):
    report = fit_tokenizer(read, recipe(), tmp_path, SIZES)
    assert [source["bytes"] for source in report["sources"].values()] == [30 * 119] * 2
    assert all(source["held_out"] for source in report["sources"].values())
    vocabulary = Vocabulary(tmp_path / "tokenizer.model")
    texts = [text for source in WEIGHTS for batch in read(source) for text in batch.column("text").to_pylist()]
    ids = vocabulary.encode(pa.array(texts)).ids
    assert all(piece["used"] == np.sum(ids == piece["id"]) for piece in report["pieces"]["longest"])
    assert report["junk"]["never_used"]["pieces"] == len(set(range(259, 400)) - set(ids.tolist()))


def test_where_nothing_is_held_out_the_sample_is_measured(tmp_path):
    def all_trained(source, columns=SCHEMA.names):
        for batch in read(source):
            yield sampled([item | {"held_out": False} for item in batch.to_pylist()], columns)

    report = fit_tokenizer(all_trained, recipe(), tmp_path, SIZES)
    assert {source["held_out"] for source in report["sources"].values()} == {False}
    assert [source["bytes"] for source in report["sources"].values()] == [300 * 119] * 2


@pytest.mark.parametrize("sample_bytes, memory", [(100, 900), (100, None), (0, 0)])
def test_a_sample_that_fits_is_no_error(sample_bytes, memory):
    check_memory(sample_bytes, memory)


def test_a_sample_too_large_for_the_machine_is_a_wrong_setting(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "memory_bytes", lambda: 359_999)
    with pytest.raises(
        SettingError, match=r"^tokenizer.sample_bytes must be at most 39999 on a machine with 359999 bytes"
    ):
        fit_tokenizer(read, recipe(), tmp_path, SIZES)


def test_a_sample_too_small_stops_the_run_in_one_line(tmp_path):
    with pytest.raises(FatalError, match=r"^tokenizer: vocabulary_size must be at most \d+ for a sample of \d+ bytes"):
        fit_tokenizer(read, recipe(vocabulary_size=30_000), tmp_path, SIZES)


def test_a_given_model_is_copied_and_looked_at(tmp_path, vocabulary_path):
    report = fit_tokenizer(read, recipe(model=str(vocabulary_path)), tmp_path, SIZES)
    assert (tmp_path / "tokenizer.model").read_bytes() == vocabulary_path.read_bytes()
    assert (report["vocabulary_size"], report["given"], report["training"]) == (600, str(vocabulary_path), {})
    assert report["sources"]["c4"]["bytes_per_token"] > 1
    assert report["sources"]["c4"]["sample"] is None


def test_a_given_model_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"tokenizer.model must be a file, got /nowhere/t.model"):
        fit_tokenizer(read, recipe(model="/nowhere/t.model"), tmp_path, SIZES)


def test_a_given_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(SettingError, match=r"tokenizer.model: .* is not a SentencePiece model"):
        fit_tokenizer(read, recipe(model=str(tmp_path / "x")), tmp_path / "out", SIZES)


def test_a_given_model_unlike_llamas_is_refused(tmp_path, monkeypatch, vocabulary_path):
    monkeypatch.setattr(Vocabulary, "faults", lambda self: ("it has no BOS piece", "digits are not single"))
    with pytest.raises(SettingError, match="cannot be used: it has no BOS piece; digits are not single"):
        fit_tokenizer(read, recipe(model=str(vocabulary_path)), tmp_path, SIZES)


def test_transformers_loads_the_folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: tokenmill[train,dev]")
    assert fit_tokenizer(read, recipe(), tmp_path, SIZES)["without_tokenizer_json"] == ""
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    for text in ("abc de  12", " a\n<s>b", "é漢🦙"):
        assert theirs.encode(text) == [1, *ours.encode(text)]


def test_a_given_model_that_transformers_cannot_have_is_used_and_the_report_says_so(tmp_path, monkeypatch):
    text = tmp_path / "text"
    text.write_text("abc abd ab bc\n" * 50 + "0123456789\n")
    SentencePieceTrainer.train(
        **{"input": str(text), "model_prefix": str(tmp_path / "unigram"), "vocab_size": 300, "model_type": "unigram"},
        **{"byte_fallback": True, "split_digits": True, "remove_extra_whitespaces": False, "minloglevel": 2},
        **{"normalization_rule_name": "identity", "allow_whitespace_only_pieces": True, "hard_vocab_limit": False},
    )
    report = fit_tokenizer(read, recipe(model=str(tmp_path / "unigram.model")), tmp_path / "out", SIZES)
    assert report["without_tokenizer_json"] == "no tokenizer.json can be written: it is no BPE model"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "tokenizer.model"]
