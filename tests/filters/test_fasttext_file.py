"""Model files: whole ones are read, all others are refused by name."""

import struct

import numpy as np
import pytest

from filters.fasttext_file import HIERARCHICAL, SOFTMAX, read_fasttext_file
from tests.filters.fasttext_models import train_kind


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {kind: train_kind(kind, folder) for kind in ("words", "pruned", "words-alone-stay")}


def test_a_plain_model_is_mapped_as_it_lies(models):
    import fasttext

    file = read_fasttext_file(str(models["words"]))
    theirs = fasttext.FastText._FastText(model_path=str(models["words"]))
    assert file.arguments == (5, 1, SOFTMAX, 0, 0, 0)
    assert sorted(file.dictionary.labels) == [f"__label__{i}" for i in range(5)]
    assert file.dictionary.pruned is None
    assert np.array_equal(file.inputs, theirs.f.getInputMatrix())
    assert np.array_equal(file.outputs, theirs.f.getOutputMatrix())
    assert not file.inputs.flags.owndata


def test_a_quantised_model_is_unpacked(models):
    file = read_fasttext_file(str(models["pruned"]))
    assert file.arguments == (8, 1, HIERARCHICAL, 900, 2, 4)
    assert file.inputs.shape == (400, 8)
    assert len(file.dictionary.pruned) + file.dictionary.words == 400
    assert read_fasttext_file(str(models["words-alone-stay"])).dictionary.pruned.shape == (0, 2)


@pytest.mark.parametrize("kind", ["words", "pruned"])
def test_a_file_cut_anywhere_is_refused(models, tmp_path, kind):
    whole = models[kind].read_bytes()
    cut = tmp_path / "cut.bin"
    for size in {*range(0, min(len(whole), 3000), 7), *range(0, len(whole), 97), len(whole) - 1}:
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.bin is no fastText model: "):
            read_fasttext_file(str(cut))


MAGIC, VERSION, DIM, NGRAMS, LOSS, MODEL, BUCKET, MINN, MAXN = 0, 4, 8, 28, 32, 36, 40, 44, 48
ENTRIES, WORDS, LABELS, PRUNED = 64, 68, 72, 84


@pytest.mark.parametrize(
    "at, value, said",
    [
        (MAGIC, 1, "magic number must be from 793712314"),
        (VERSION, 13, "version must be from 11 to 12, got 13"),
        (VERSION, 10, "version must be from 11 to 12, got 10"),
        (DIM, 0, "dim must be from 1"),
        (DIM, 6, "columns must be from 6 to 6, got 5"),
        (NGRAMS, 65, "wordNgrams must be from 0 to 64, got 65"),
        (NGRAMS, 2, "bucket must be at least 1 where there are n-grams, got 0"),
        (LOSS, 0, "loss must be from 1 to 4, got 0"),
        (LOSS, 5, "loss must be from 1 to 4, got 5"),
        (MODEL, 1, "supervised, must be from 3 to 3, got 1"),
        (BUCKET, -1, "bucket must be from 0"),
        (MINN, -1, "minn must be from 0 to 64, got -1"),
        (MAXN, 65, "maxn must be from 0 to 64, got 65"),
        (ENTRIES, 0, "entries must be from 1"),
        (ENTRIES, -1, "entries must be from 1"),
        (WORDS, 1, "is not 1 words, then 5 labels"),
        (LABELS, 0, "labels must be from 1"),
        (PRUNED, 1, "a pruned dictionary goes with a quantised matrix alone|bytes are meant|must be from"),
    ],
)
def test_a_spoilt_number_is_refused(models, tmp_path, at, value, said):
    data = bytearray(models["words"].read_bytes())
    struct.pack_into("<i", data, at, value)
    (tmp_path / "spoilt.bin").write_bytes(data)
    with pytest.raises(ValueError, match=f"spoilt.bin is no fastText model: .*({said})"):
        read_fasttext_file(str(tmp_path / "spoilt.bin"))


def test_a_bucket_without_a_row_is_refused(models, tmp_path):
    data = bytearray(models["words"].read_bytes())
    struct.pack_into("<i", data, BUCKET, 100)
    struct.pack_into("<i", data, NGRAMS, 2)
    (tmp_path / "m.bin").write_bytes(data)
    with pytest.raises(ValueError, match="rows of the input matrix are asked for, there are 59"):
        read_fasttext_file(str(tmp_path / "m.bin"))


def matrix_at(data):
    """Where the quantised matrix begins: 400 rows of 8; behind its two flags lie the pairs of bucket and row."""
    return data.index(struct.pack("<qq", 400, 8))


def test_a_flag_is_0_or_1(models, tmp_path):
    data = bytearray(models["pruned"].read_bytes())
    data[matrix_at(data) - 1] = 2
    (tmp_path / "m.bin").write_bytes(data)
    with pytest.raises(ValueError, match="qnorm must be from 0 to 1, got 2"):
        read_fasttext_file(str(tmp_path / "m.bin"))


def test_a_pruned_bucket_without_a_row_is_refused(models, tmp_path):
    data = bytearray(models["pruned"].read_bytes())
    words = read_fasttext_file(str(models["pruned"])).dictionary.words
    struct.pack_into("<i", data, matrix_at(data) - 6, 400 - words)
    (tmp_path / "m.bin").write_bytes(data)
    with pytest.raises(ValueError, match="401 rows of the input matrix are asked for, there are 400"):
        read_fasttext_file(str(tmp_path / "m.bin"))


@pytest.mark.parametrize("kind", ["words", "pruned", "words-alone-stay"])
def test_spoilt_bytes_are_read_or_refused_but_never_crash(models, tmp_path, kind):
    whole = models[kind].read_bytes()
    dice = np.random.default_rng(0)
    spoilt = tmp_path / "spoilt.bin"
    for _ in range(150):
        data = bytearray(whole)
        for at in dice.integers(0, len(data), 4):
            data[at] = dice.integers(256)
        spoilt.write_bytes(data)
        try:
            read_fasttext_file(str(spoilt))
        except ValueError as error:
            assert "spoilt.bin is no fastText model" in str(error)


def test_an_old_model_has_no_ngrams_of_characters(models, tmp_path):
    data = bytearray(models["words"].read_bytes())
    struct.pack_into("<i", data, VERSION, 11)
    struct.pack_into("<i", data, MAXN, 4)
    (tmp_path / "old.bin").write_bytes(data)
    assert read_fasttext_file(str(tmp_path / "old.bin")).arguments.max_ngram == 0


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no fastText model at .*nothing\.bin"):
        read_fasttext_file(str(tmp_path / "nothing.bin"))
