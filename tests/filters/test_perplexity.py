"""Perplexity: columns, odd texts, buckets, cut-offs, pieces, and CCNet's own figures."""

import gzip
import lzma
import random
import shutil

import pytest

from filters.ngram import estimate_language_model
from filters.perplexity import (
    ScorePerplexity,
    bucket,
    cutoffs,
    load_language_model,
    load_pieces,
    perplexity,
    train_pieces,
)

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


@pytest.fixture(scope="module")
def models(paths):
    return load_language_model(paths["arpa_path"]), load_pieces(paths["pieces_path"])


def test_a_text_like_the_training_text_is_less_perplexing(models):
    alike = perplexity(*models, "The house is old and the garden is full of apples.")
    other = perplexity(*models, "Click to subscribe || zxqv 50% OFF")
    assert 1 < alike < other


def test_perplexity_is_the_mean_over_pieces_and_the_end(models):
    model, pieces = models
    found = pieces.encode("the house", out_type=str)
    score = model.score(" ".join(found), bos=True, eos=True)
    assert perplexity(model, pieces, "the house") == pytest.approx(10 ** (-score / (len(found) + 1)))


def test_case_accents_and_digits_do_not_count(models):
    assert perplexity(*models, " THÉ HOUSE 19") == perplexity(*models, "the house 00")


@pytest.mark.parametrize("text", ["", " \n ", "\0\x07"])
def test_an_empty_text_has_no_perplexity(models, text):
    assert perplexity(*models, text) is None


def test_a_model_that_finds_all_impossible_gives_a_number_that_fits():
    class Impossible:
        score = staticmethod(lambda *_, **__: -1e9)
        encode = staticmethod(lambda *_, **__: ["a"])

    assert perplexity(Impossible, Impossible, "a") == pytest.approx(1e30)


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


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"languages": ()}, r"languages must name at least one language, got \(\)"),
        ({"languages": ("en",), "line_break": "\n"}, "line_break must be a blank or nothing"),
    ],
)
def test_a_wrong_setting_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ScorePerplexity(arpa_path="lm.arpa", pieces_path="pieces.model", **setting)


def test_loading_and_training_say_nothing(paths, tmp_path, capfd):
    load_language_model(paths["arpa_path"])
    train_pieces(some_lines(), tmp_path / "pieces.model", vocabulary_size=80)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "load, message", [(load_language_model, "is no n-gram model"), (load_pieces, "is no SentencePiece model")]
)
def test_a_missing_or_wrong_model_is_named(tmp_path, load, message):
    with pytest.raises(FileNotFoundError, match=r"at .*nothing\.bin"):
        load(str(tmp_path / "nothing.bin"))
    (tmp_path / "text.bin").write_text("hello\n")
    with pytest.raises(ValueError, match=rf"text\.bin {message}"):
        load(str(tmp_path / "text.bin"))


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


@pytest.mark.real
def test_perplexities_are_those_of_ccnet_where_lines_are_glued(real_data, kept_by_ccnet, tmp_path):
    folder = real_data / "expected" / "ccnet-lm"
    with lzma.open(folder / "en.arpa.xz") as source, (tmp_path / "en.arpa").open("wb") as target:
        shutil.copyfileobj(source, target)
    models = load_language_model(str(tmp_path / "en.arpa")), load_pieces(str(folder / "en.sp.model"))
    scored = [
        (record["perplexity"], text.replace("\n", "")) for record, text in kept_by_ccnet if "perplexity" in record
    ]
    assert len(scored) > 500
    # Half of the last printed decimal; four of CCNet's pages hold Unicode blanks that its piece count splits at.
    off = [text for theirs, text in scored if abs(perplexity(*models, text) - theirs) > 0.051]
    assert off == []


@pytest.mark.real
def test_the_training_text_reads_better_than_its_words_shuffled(real_data, tmp_path):
    folder = real_data / "expected" / "ccnet-lm"
    with gzip.open(folder / "en.txt.gz", "rt", encoding="utf-8") as file:
        text = "".join(file.readlines()[:40])
    with lzma.open(folder / "en.arpa.xz") as source, (tmp_path / "en.arpa").open("wb") as target:
        shutil.copyfileobj(source, target)
    models = load_language_model(str(tmp_path / "en.arpa")), load_pieces(str(folder / "en.sp.model"))
    words = text.split()
    random.Random(0).shuffle(words)
    assert 3 * perplexity(*models, text) < perplexity(*models, " ".join(words))
