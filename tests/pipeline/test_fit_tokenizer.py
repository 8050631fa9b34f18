"""The tokenizer is trained at the mixture's ratios, on documents drawn by their ids; a given one is checked."""

import json
import random

import pyarrow as pa
import pytest

from filters.batch import document_batch
from pipeline import fit_tokenizer as fitting
from pipeline.errors import FatalError, SettingError
from pipeline.fit_tokenizer import Sample, fit_tokenizer, sampled_texts, samples
from pipeline.recipe import Recipe
from tokenizer.vocabulary import Vocabulary

WEIGHTS = {"c4": 0.75, "books": 0.25}


def recipe(**settings):
    tokenizer = {"vocabulary_size": 400, "sample_bytes": 40_000} | settings
    return Recipe.model_validate({"name": "t", "tokenizer": tokenizer, "mixture": {"weights": WEIGHTS}})


def text(chance):
    return " ".join("".join(chance.choice("abcdefgh") for _ in range(5)) for _ in range(20))


def read(source, columns=None, count=300):
    chance = random.Random(source)
    rows = [{"doc_id": f"{source}{i}", "source": source, "origin": "o", "text": text(chance)} for i in range(count)]
    yield document_batch(rows[: count // 2])
    yield document_batch(rows[count // 2 :])


def sample(copies, max_bytes=10**9, seed=0):
    return Sample(source="c4", copies=copies, max_bytes=max_bytes, seed=seed)


def test_bytes_stand_at_the_mixtures_ratios(tmp_path):
    taken = fit_tokenizer(read, recipe(), tmp_path)["sources"]
    total = sum(source["bytes"] for source in taken.values())
    assert 36_000 < total < 40_500
    assert taken["c4"]["bytes"] / total == pytest.approx(0.75, abs=0.05)


def test_a_source_smaller_than_its_part_is_repeated():
    plan = samples(recipe(sample_bytes=10**6), {"c4": 100, "books": 300})
    assert [(part.source, part.copies, part.max_bytes) for part in plan] == [("c4", 3.0, 301), ("books", 1 / 3, 101)]


def test_no_more_is_taken_than_sample_bytes():
    plan = samples(recipe(sample_bytes=100), {"c4": 1000, "books": 1000})
    assert [(part.copies, part.max_bytes) for part in plan] == [(0.075, 76), (0.025, 26)]


def test_a_source_without_text_stops_the_run():
    with pytest.raises(FatalError, match=r"mixture.weights.books must be removed: the source has no text"):
        samples(recipe(), {"c4": 100, "books": 0})


@pytest.mark.parametrize("copies, least, most", [(0.0, 0, 0), (0.3, 240, 360), (1.0, 1000, 1000), (2.5, 2440, 2560)])
def test_a_document_is_taken_as_often_as_its_share_says(copies, least, most):
    assert least <= sum(sample(copies).copies_of(str(i)) for i in range(1000)) <= most


def test_what_is_drawn_follows_from_the_document_and_the_seed_alone():
    drawn = [[sample(0.5, seed=seed).copies_of(str(i)) for i in range(100)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_is_drawn_does_not_depend_on_batches():
    batches = list(read("c4"))
    merged = pa.Table.from_batches(batches).combine_chunks().to_batches()
    assert list(sampled_texts(iter(batches), sample(0.5))) == list(sampled_texts(iter(merged), sample(0.5)))


@pytest.mark.parametrize("max_bytes, taken", [(1, 1), (119, 1), (120, 2), (238, 2), (239, 3)])
def test_a_part_that_is_full_takes_no_more(max_bytes, taken):
    texts = list(sampled_texts(read("c4"), sample(1.0, max_bytes=max_bytes)))
    assert [len(text) for text in texts] == [119] * taken


def test_bytes_are_counted_not_characters():
    batch = document_batch([{"doc_id": str(i), "source": "c4", "origin": "o", "text": "éé"} for i in range(9)])
    assert list(sampled_texts(iter([batch]), sample(1.0, max_bytes=5))) == ["éé", "éé"]


def test_sampling_a_source_of_nothing_gives_nothing():
    assert list(sampled_texts(iter([document_batch([])]), sample(1.0))) == []


def test_two_fits_write_the_same_bytes(tmp_path):
    one, two = (fit_tokenizer(read, recipe(), tmp_path / name) for name in ("one", "two"))
    assert one == two
    for file in ("tokenizer.model", "tokenizer.vocab", "tokenizer_config.json", "report.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_report_says_what_was_made_of_what(tmp_path):
    report = fit_tokenizer(read, recipe(), tmp_path)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert (report["vocabulary_size"], report["given"]) == (400, "")
    assert report["digest"] == Vocabulary(tmp_path / "tokenizer.model").digest
    assert report["sentences"] == sum(source["documents"] for source in report["sources"].values())
    assert all(1 < source["bytes_per_token"] < 6 for source in report["sources"].values())


def test_sizes_from_the_ledger_spare_a_reading(tmp_path):
    sizes = {source: sum(len(text.as_py()) for batch in read(source) for text in batch["text"]) for source in WEIGHTS}
    counted, given = fit_tokenizer(read, recipe(), tmp_path), fit_tokenizer(read, recipe(), tmp_path, sizes)
    assert counted == given


@pytest.mark.parametrize("most, batches", [(1, 1), (119 * 150, 1), (119 * 150 + 1, 2), (10**9, 2)])
def test_bytes_a_token_are_measured_on_so_much_text_and_no_more(monkeypatch, vocabulary_path, most, batches):
    monkeypatch.setattr(fitting, "MEASURED_BYTES", most)
    given = []
    vocabulary = Vocabulary(vocabulary_path)
    measured = fitting._bytes_per_token(lambda s, _: (given.append(b) or b for b in read(s)), sample(1.0), vocabulary)
    encoded = sum(len(vocabulary.encode(batch.column("text")).ids) for batch in given)
    assert (len(given), measured) == (batches, round(119 * 150 * batches / encoded, 4))


def test_a_source_without_documents_has_no_bytes_a_token(vocabulary_path):
    assert fitting._bytes_per_token(lambda *_: iter([]), sample(1.0), Vocabulary(vocabulary_path)) == 0.0


def test_a_sample_too_small_stops_the_run_in_one_line(tmp_path):
    with pytest.raises(FatalError, match=r"^tokenizer: vocabulary_size must be at most \d+ for a sample of \d+ bytes"):
        fit_tokenizer(read, recipe(vocabulary_size=30_000), tmp_path)


def test_a_given_model_is_copied(tmp_path, vocabulary_path):
    report = fit_tokenizer(read, recipe(model=str(vocabulary_path)), tmp_path)
    assert (tmp_path / "tokenizer.model").read_bytes() == vocabulary_path.read_bytes()
    assert (report["vocabulary_size"], report["given"]) == (600, str(vocabulary_path))
    assert report["sources"]["c4"]["bytes_per_token"] > 1


def test_a_given_model_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"tokenizer.model must be a file, got /nowhere/t.model"):
        fit_tokenizer(read, recipe(model="/nowhere/t.model"), tmp_path)


def test_a_given_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(SettingError, match=r"tokenizer.model: .* is not a SentencePiece model"):
        fit_tokenizer(read, recipe(model=str(tmp_path / "x")), tmp_path / "out")


def test_a_given_model_unlike_llamas_is_refused(tmp_path, monkeypatch, vocabulary_path):
    monkeypatch.setattr(Vocabulary, "faults", lambda self: ("it has no BOS piece", "digits are not single"))
    with pytest.raises(SettingError, match="cannot be used: it has no BOS piece; digits are not single"):
        fit_tokenizer(read, recipe(model=str(vocabulary_path)), tmp_path)


def test_the_folder_says_how_others_load_it(tmp_path):
    fit_tokenizer(read, recipe(), tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (config["tokenizer_class"], config["bos_token"], config["add_eos_token"]) == ("LlamaTokenizer", "<s>", False)
