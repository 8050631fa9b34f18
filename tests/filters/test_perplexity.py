"""Perplexity: the column, its quirks, CCNet's own figures; buckets, cut-offs, pieces."""

import gzip
import lzma
import random
import shutil

import numpy as np
import pyarrow as pa
import pytest

from filters.language_model import LanguageModel
from filters.ngram import estimate_language_model
from filters.perplexity import ScorePerplexity, bucket, cutoffs, load_pieces, train_pieces

WORDS = "the house is old and a garden behind it full of apples nobody has gathered this year under trees".split()


def some_lines(count=400, seed=5):
    dice = random.Random(seed)
    return [" ".join(dice.choices(WORDS, k=dice.randint(3, 12))) for _ in range(count)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Paths of a language model and of its pieces."""
    folder = tmp_path_factory.mktemp("language_model")
    train_pieces(some_lines(), folder / "pieces.model", vocabulary_size=80)
    pieces = load_pieces(str(folder / "pieces.model"))
    estimate_language_model(
        (" ".join(pieces.encode(line, out_type=str)) for line in some_lines()), folder / "lm.arpa", order=3
    )
    return {"arpa_path": str(folder / "lm.arpa"), "pieces_path": str(folder / "pieces.model")}


def scored(paths, batch, **settings):
    """The column and the filter's result."""
    result = ScorePerplexity(**paths, languages=("en",), **settings).apply(batch)
    return result.batch.column("perplexity").to_pylist(), result


def test_a_text_like_the_training_text_is_less_perplexing(paths, documents):
    texts = "The house is old and the garden is full of apples.", "Click to subscribe || zxqv 50% OFF"
    (alike, other), _ = scored(paths, documents(*texts, language="en"))
    assert 1 < alike < other


def test_perplexity_is_what_the_model_says(paths, documents):
    texts = ["the house", "a\ngarden", ""]
    model = LanguageModel(*paths.values())
    found, _ = scored(paths, documents(*texts, language="en"))
    assert found == [value and np.float32(value) for value in model.perplexities(pa.array(texts))]


def test_case_accents_and_digits_do_not_count(paths, documents):
    (one, other), _ = scored(paths, documents(" THÉ HOUSE 19", "the house 00", language="en"))
    assert one == other


@pytest.mark.parametrize("text", ["", " \n ", "\0\x07"])
def test_an_empty_text_has_no_perplexity(paths, documents, text):
    found, result = scored(paths, documents(text, language="en"))
    assert found == [None] and result.counts == {"no_perplexity": 1}


def test_documents_of_other_languages_between_the_wanted_ones_stay_null(paths, documents):
    languages = ["de", "en", None, "fr", "en", "no"]
    texts = ["the house", "the house", "the house", "", "apples", "old"]
    batch = documents(*texts)
    index = batch.schema.get_field_index("language")
    batch = batch.set_column(index, batch.schema.field(index), pa.array(languages, pa.string()))
    found, result = scored(paths, batch)
    (house, apples), _ = scored(paths, documents("the house", "apples", language="en"))
    assert found == [None, house, None, None, apples, None]
    assert result.counts == {"no_perplexity": 4} and result.reason.null_count == 6


def test_two_languages_may_be_wanted(paths, documents):
    batch = documents("the house", language="de")
    result = ScorePerplexity(**paths, languages=("en", "de")).apply(batch)
    assert result.counts == {"no_perplexity": 0}


def test_an_empty_batch_has_no_rows(paths, documents):
    assert scored(paths, documents())[0] == []


def test_only_the_named_languages_are_scored(paths, documents):
    batches = [documents("The house is old.", language=language) for language in ("en", "de", None)]
    results = [ScorePerplexity(**paths, languages=("en",)).apply(batch) for batch in batches]
    assert [result.batch.column("perplexity")[0].as_py() is None for result in results] == [False, True, True]
    assert [dict(result.counts) for result in results] == [{"no_perplexity": n} for n in (0, 1, 1)]


def test_nothing_is_rejected_and_text_stays(paths, documents):
    batch = documents("The house.", "", language="en")
    result = ScorePerplexity(**paths, languages=("en",)).apply(batch)
    assert result.reason.to_pylist() == [None, None]
    assert result.counts == {"no_perplexity": 1}
    assert result.batch.column("text") == batch.column("text")


def test_a_line_end_is_a_blank_or_is_deleted(paths, documents):
    scored = [
        ScorePerplexity(**paths, languages=("en",), line_break=mark)
        .apply(documents("the\nhouse", "the house", "thehouse", language="en"))
        .batch.column("perplexity")
        .to_pylist()
        for mark in (" ", "")
    ]
    assert scored[0][0] == scored[0][1] != scored[0][2]
    assert scored[1][0] == scored[1][2] != scored[1][1]


def test_figures_are_rounded_where_asked_for(paths, documents):
    batch = documents("the house is old", "xyz", language="en")
    (whole, _), (rounded, _) = scored(paths, batch), scored(paths, batch, decimals=1)
    assert whole != rounded == [np.float32(round(value, 1)) for value in whole]


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"languages": ()}, r"languages must name at least one language, got \(\)"),
        ({"languages": ("en",), "line_break": "\n"}, "line_break must be a blank or nothing"),
        ({"languages": ("en",), "decimals": -1}, "decimals must be at least 0, got -1"),
    ],
)
def test_a_wrong_setting_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ScorePerplexity(arpa_path="lm.arpa", pieces_path="pieces.model", **setting)


def test_training_says_nothing(tmp_path, capfd):
    train_pieces(some_lines(), tmp_path / "pieces.model", vocabulary_size=80)
    assert capfd.readouterr() == ("", "")


def test_missing_or_wrong_pieces_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"at .*nothing\.bin"):
        load_pieces(str(tmp_path / "nothing.bin"))
    (tmp_path / "text.bin").write_text("hello\n")
    with pytest.raises(ValueError, match=r"text\.bin is no SentencePiece model"):
        load_pieces(str(tmp_path / "text.bin"))


@pytest.mark.parametrize(
    "value, name", [(0.0, "head"), (339.9, "head"), (340.0, "middle"), (519.9, "middle"), (520.0, "tail")]
)
def test_a_value_on_a_cutoff_is_above_it(value, name):
    assert bucket(value, 340.0, 520.0) == name


def test_cutoffs_are_percentiles():
    assert cutoffs(map(float, range(101)), 30, 60) == (30.0, 60.0)
    assert cutoffs([4.0, 2.0], 25, 50) == (2.5, 3.0)
    assert cutoffs([7.0], 30, 60) == (7.0, 7.0)


def test_cutoffs_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no perplexity"):
        cutoffs([], 30, 60)


def test_the_same_lines_train_the_same_pieces(tmp_path):
    for name in ("a", "b"):
        assert train_pieces(some_lines(), tmp_path / name, vocabulary_size=30) == 30
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_small_text_gives_fewer_pieces_than_asked_for(tmp_path):
    assert train_pieces(some_lines(20), tmp_path / "pieces.model", vocabulary_size=60_000) < 200


@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_pieces_of_nothing_are_refused(tmp_path, lines):
    with pytest.raises(ValueError, match="SentencePiece cannot train 300 pieces on this text"):
        train_pieces(lines, tmp_path / "pieces.model", vocabulary_size=300)


def test_more_characters_than_pieces_are_refused(tmp_path):
    with pytest.raises(ValueError, match="SentencePiece cannot train 20 pieces"):
        train_pieces([chr(0x4E00 + i) * 3 for i in range(500)], tmp_path / "pieces.model", vocabulary_size=20)


@pytest.fixture(scope="module")
def ccnets_model(tmp_path_factory):
    """Paths of the model that CCNet's code was run with."""
    folder = tmp_path_factory.mktemp("ccnet")

    def unpacked(real_data):
        with lzma.open(real_data / "expected/ccnet-lm/en.arpa.xz") as source, (folder / "en.arpa").open("wb") as target:
            shutil.copyfileobj(source, target)
        return {
            "arpa_path": str(folder / "en.arpa"),
            "pieces_path": str(real_data / "expected/ccnet-lm/en.sp.model"),
        }

    return unpacked


@pytest.mark.real
def test_perplexities_are_those_of_ccnet_to_the_printed_decimal(real_data, kept_by_ccnet, ccnets_model, documents):
    pages = [(record["perplexity"], text) for record, text in kept_by_ccnet if "perplexity" in record]
    assert len(pages) > 900
    batch = documents(*(text for _, text in pages), language="en")
    quirks = {"line_break": "", "split_pieces_at_blanks": True, "decimals": 1}
    found, _ = scored(ccnets_model(real_data), batch, **quirks)
    assert [round(value, 1) for value in found] == [expected for expected, _ in pages]


@pytest.mark.real
def test_the_training_text_reads_better_than_its_words_shuffled(real_data, ccnets_model, documents):
    with gzip.open(real_data / "expected/ccnet-lm/en.txt.gz", "rt", encoding="utf-8") as file:
        text = "".join(file.readlines()[:40])
    words = text.split()
    random.Random(0).shuffle(words)
    (read, shuffled), _ = scored(ccnets_model(real_data), documents(text, " ".join(words), language="en"))
    assert 3 * read < shuffled
