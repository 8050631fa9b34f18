"""What is cut from a text is what SentencePiece cuts, unknown characters spelt out."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from filters import piece_words
from filters.perplexity import train_pieces
from filters.piece_words import PieceWords

SYLLABLES = "qu the ab li no er qua st ho use".split()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Unigram pieces of lower-case letters."""
    dice = random.Random(0)
    file = tmp_path_factory.mktemp("pieces") / "pieces.model"
    words = ["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(3000)]
    train_pieces((" ".join(words[i : i + 8]) for i in range(0, 3000, 8)), file, vocabulary_size=60)
    return file


@pytest.fixture(scope="module")
def models(path):
    return PieceWords(str(path)), sentencepiece.SentencePieceProcessor(model_file=str(path))


def spelled(cutter, texts):
    """The pieces of each text."""
    words = cutter.cut(pa.array(texts, pa.large_string()))
    pieces = [words.unknown.get(place, cutter.pieces[piece]) for place, piece in enumerate(words.ids.tolist())]
    return [pieces[start:end] for start, end in zip(words.offsets[:-1], words.offsets[1:], strict=True)]


@given(st.lists(st.text(alphabet="abqu the漢字é🡆\u2028\u00a0ﬁX")))
def test_texts_are_cut_as_sentencepiece_cuts_them(models, texts):
    cutter, processor = models
    assert spelled(cutter, texts) == processor.encode(texts, out_type=str)


@pytest.mark.parametrize(
    "text, unknown",
    [
        ("the house", []),
        ("", []),
        ("漢字", ["漢字"]),
        ("漢 字", ["漢", "字"]),
        ("a漢b字", ["漢", "字"]),
        ("the🡆", ["🡆"]),
    ],
)
def test_a_run_of_unknown_characters_is_a_word(models, text, unknown):
    assert list(models[0].cut(pa.array([text])).unknown.values()) == unknown


def test_places_count_through_all_texts(models):
    words = models[0].cut(pa.array(["漢", "the", "", "a字"]).slice(1))
    assert list(words.unknown) == [len(words.ids) - 1]
    assert words.ids[-1] == models[1].unk_id()


def without_q(path, target):
    """The same model, but `q` alone is no piece of it, though `qu` is."""
    model = path.read_bytes()
    assert b"\x0a\x01q" in model
    target.write_bytes(model.replace(b"\x0a\x01q", b"\x0a\x01\x7f"))
    return str(target)


@pytest.mark.parametrize("texts", [["q abqua 漢quer"], ["q", "qq quq", "the"], ["漢qu"]])
def test_a_piece_that_begins_with_an_unknown_character_is_asked_of_sentencepiece(path, tmp_path, texts):
    other = without_q(path, tmp_path / "other.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=other)
    assert any(piece.startswith("qu") for piece in PieceWords(other).pieces)
    assert spelled(PieceWords(other), texts) == processor.encode(texts, out_type=str)


def test_a_model_with_bytes_for_what_it_does_not_know_has_no_unknown_piece(vocabulary_path):
    cutter = PieceWords(str(vocabulary_path))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_path))
    texts = ["abc 漢字", "", "  12"]
    assert cutter.cut(pa.array(texts)).unknown == {}
    assert spelled(cutter, texts) == processor.encode(texts, out_type=str)


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no SentencePiece model at .*nothing\.model"):
        PieceWords(str(tmp_path / "nothing.model"))
    for content in (b"hello\n", b"", b"\x0a\xff", b"\x0a\x05\x0a\x03abc"):
        (tmp_path / "text.model").write_bytes(content)
        with pytest.raises(ValueError, match=r"text\.model is not a SentencePiece model"):
            PieceWords(str(tmp_path / "text.model"))


def test_pieces_with_blanks_are_refused(path, monkeypatch):
    right = piece_words.parse_model
    monkeypatch.setattr(piece_words, "parse_model", lambda model: replace(right(model), escape_whitespaces=False))
    with pytest.raises(ValueError, match=r"pieces\.model has pieces with blanks"):
        PieceWords(str(path))
