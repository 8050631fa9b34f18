"""The model against fastText itself: every kind of model, every text."""

import dataclasses
import random

import numpy as np
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fasttext_model import FastTextModel
from filters.fasttext_words import empty_memory
from tests.filters.fasttext_models import KINDS, answers, train_kind, vocabulary

TOLERANCE = 1e-6
"""fastText compiled for another processor may fuse additions and multiplications; here the two are the same."""

ODD = ["</s>", "__label__1", "__label__none", "a" * 70, "中文" * 40, "\u00a0", "", "<", ">", "é", "\U0001f600x"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {kind: train_kind(kind, folder) for kind in KINDS}


def words_of(kind):
    return [*vocabulary(random.Random(kind)), *ODD]


def agree(path, model, texts, labels=3):
    """Each label that we name has fastText's probability, and no likelier one is left out."""
    found, scores = model.predict(pa.array(texts, pa.large_string()), labels, verbatim=True)
    for text, row, chances in zip(texts, found, scores, strict=True):
        theirs = dict(answers(path, text, -1))
        best = sorted(theirs.values(), reverse=True)[:labels]
        assert [theirs[model.labels[label]] for label in row if label >= 0] == pytest.approx(best, abs=TOLERANCE), text
        assert chances[row >= 0].tolist() == pytest.approx([min(1, chance) for chance in best], abs=TOLERANCE), text


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(data=st.data())
def test_every_kind_of_model_gives_fasttexts_answers(models, kind, data):
    word = st.one_of(st.sampled_from(words_of(kind)), st.text(st.characters(exclude_categories=["Cs"]), max_size=9))
    blank = st.sampled_from([" ", "\n", "\t\r", "\v\f", "\0"])
    parts = data.draw(st.lists(st.tuples(word, blank), max_size=25))
    model = FastTextModel.load(str(models[kind]))
    agree(models[kind], model, ["".join(part for pair in parts for part in pair)])


@settings(max_examples=150)
@given(raw=st.binary(max_size=200))
def test_any_bytes_get_fasttexts_answer(models, raw):
    model = FastTextModel.load(str(models["pruned"]))
    agree(models["pruned"], model, [raw.decode("utf-8", "replace"), raw.decode("latin-1")])


@pytest.mark.parametrize("kind", ["letters", "all-ngrams", "pruned-pairs"])
def test_a_text_longer_than_what_is_held_at_once_is_read_to_its_end(models, kind):
    words = words_of(kind)
    texts = [" ".join(words[i % len(words)] for i in range(5000)), "中é" * 20_000, "x " * 9000, ""]
    agree(models[kind], FastTextModel.load(str(models[kind])), [text.replace("</s>", "s") for text in texts])


def test_a_full_memory_is_emptied_and_nothing_changes(models):
    model = FastTextModel.load(str(models["all-ngrams"]))
    texts = pa.array([" ".join(f"w{i * j}" for j in range(50)) for i in range(60)])
    expected = model.predict(texts, 3)
    small = dataclasses.replace(model, memory=empty_memory(20))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(small.predict(texts, 3), expected, strict=True))
    assert 0 < small.memory.used[0] <= len(small.memory.slots) // 2


def test_words_of_one_hash_are_read_though_not_remembered(models, monkeypatch):
    model = FastTextModel.load(str(models["letters"]))
    full = dataclasses.replace(model, memory=empty_memory(4))
    full.memory.slots[:] = 0  # Every slot is another word's.
    full.memory.cells[0] = -1
    texts = pa.array(["ab cd ef"])
    assert np.array_equal(full.predict(texts)[1], model.predict(texts)[1])
    assert full.memory.used.tolist() == [0, 0]


@pytest.mark.parametrize("text", ["", " \n\t\v\f\r\0", "</s>", "__label__1 </s>"])
def test_a_text_without_a_word_has_no_label_but_to_fasttext(models, text):
    model = FastTextModel.load(str(models["letters"]))
    found, scores = model.predict(pa.array([text]), 2)
    assert (found.tolist(), scores.tolist()) == ([[-1, -1]], [[0, 0]])
    assert model.predict(pa.array([text]), 2, verbatim=True)[0].min() >= 0


def test_a_word_that_is_the_end_to_fasttext_is_passed_over(models):
    model = FastTextModel.load(str(models["letters"]))
    marked, plain, cut = "ab </s> cd", "ab cd", "ab"
    (_, scores), (_, read) = (
        model.predict(pa.array([marked, plain])),
        model.predict(pa.array([marked, cut]), verbatim=True),
    )
    assert scores[0] == scores[1]
    assert read[0] == read[1] != scores[0]


def test_a_line_feed_is_a_blank_or_nothing(models):
    model = FastTextModel.load(str(models["letters"]))
    texts = pa.array(["ab\ncd", "ab cd", "abcd"])
    blank, glued = model.predict(texts)[1][:, 0], model.predict(texts, line_break="")[1][:, 0]
    assert blank[0] == blank[1] != blank[2]
    assert glued[0] == glued[2] == blank[2]


def test_no_more_labels_are_given_than_there_are(models):
    model = FastTextModel.load(str(models["letters"]))
    found, scores = model.predict(pa.array(["ab"]), 9)
    assert sorted(found[0]) == list(range(5))
    assert sorted(scores[0], reverse=True) == scores[0].tolist()


def test_a_slice_and_no_texts_are_read(models):
    model = FastTextModel.load(str(models["letters"]))
    assert model.predict(pa.array([], pa.string()))[0].shape == (0, 1)
    assert model.predict(pa.array(["x", "ab"]).slice(1))[1] == model.predict(pa.array(["ab"]))[1]


def test_a_model_that_collides_on_purpose_is_refused(models, monkeypatch):
    monkeypatch.setattr("filters.fasttext_lexicon._fill_slots", lambda *_: False)
    with pytest.raises(ValueError, match=r"letters\.bin is no fastText model: too many words"):
        FastTextModel.load(str(models["letters"]))


def real_texts(folder):
    """All web pages, all Declarations of Human Rights, and all sentences whose language is known."""
    for path in sorted((folder / "commoncrawl").glob("[dw]*/*.wet.gz")):
        with path.open("rb") as stream:
            for page in ArchiveIterator(stream, record_types=WarcRecordType.conversion):
                yield page.reader.read().decode()
    for path in sorted((folder / "labels").rglob("*.html")):
        yield path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((folder / "labels").rglob("*.txt")):
        yield from path.read_text(encoding="utf-8", errors="replace").split("\n")


@pytest.mark.real
@pytest.mark.slow
def test_every_real_text_gets_fasttexts_answer(real_data):
    path = real_data / "models" / "lid176" / "lid.176.ftz"
    texts = list(real_texts(real_data))
    model = FastTextModel.load(str(path))
    found, scores = model.predict(pa.array(texts, pa.large_string()), verbatim=True)
    theirs = [answers(path, text, 1)[0] for text in texts]
    assert len(texts) > 11_500
    assert [model.labels[label] for label in found[:, 0]] == [label for label, _ in theirs]
    assert scores[:, 0] == pytest.approx([min(1, score) for _, score in theirs], abs=TOLERANCE)
