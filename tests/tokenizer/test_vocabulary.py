"""Ids are SentencePiece's, always, however long the text; and what is lost on the way back is nothing."""

import io
import time

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.vocabulary import Vocabulary

ALPHABET = st.sampled_from("abcdefghij      123\n\t▁é日\x00")


@pytest.fixture(scope="module")
def vocabulary(vocabulary_path):
    return Vocabulary(vocabulary_path)


@pytest.fixture(scope="module")
def reference(vocabulary_path):
    return sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_path))


def train(path, **settings):
    model = io.BytesIO()
    text = ["the cat sat on the mat 1 22 333", "on the cat the mat sat"] * 50
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, minloglevel=2, **settings
    )
    path.write_bytes(model.getvalue())
    return Vocabulary(path)


def encoded(vocabulary, *texts):
    found = vocabulary.encode(pa.array(texts, pa.large_string()))
    return [found.ids[a:b].tolist() for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)]


TEXTS = ["abc def", " abc", "", "abc\n\n  def\t12", "é日 x", "<s></s><0x0A>", "▁a ▁", "\n", "   ", "a" * 40]


def test_ids_are_those_of_sentencepiece(vocabulary, reference):
    assert encoded(vocabulary, *TEXTS) == [reference.encode(text) for text in TEXTS]


@given(texts=st.lists(st.text(ALPHABET, max_size=60), max_size=4))
def test_ids_of_any_text_are_those_of_sentencepiece(vocabulary, reference, texts):
    assert encoded(vocabulary, *texts) == [reference.encode(text) for text in texts]


def test_null_and_empty_texts_have_no_ids(vocabulary):
    assert encoded(vocabulary, None, "", "a", None)[:2] == [[], []]
    assert vocabulary.encode(pa.array([], pa.string())).offsets.tolist() == [0]


def test_a_large_text_takes_time_in_proportion(vocabulary):
    def seconds(text):
        start = time.process_time()
        vocabulary.encode(pa.array([text]))
        return time.process_time() - start

    text = "abc def ghi\n" * 10_000
    assert seconds(text * 8) < 24 * seconds(text) + 0.5


@pytest.mark.parametrize("text", ["plain", "two  blanks ", "a\n\tb", "é日本\U0001f600", "12 345", "\x00\x7f"])
def test_text_comes_back(vocabulary, text):
    assert vocabulary.decode(vocabulary.encode(pa.array([text])).ids) == text


@given(st.binary(max_size=40))
def test_arbitrary_bytes_come_back(vocabulary_path, raw):
    text = raw.decode("latin-1").replace("▁", " ")
    vocabulary = Vocabulary(vocabulary_path)
    assert vocabulary.decode(vocabulary.encode(pa.array([text])).ids) == text


def test_bos_and_eos_give_no_text(vocabulary):
    ids = vocabulary.encode(pa.array(["abc"])).ids.tolist()
    assert vocabulary.decode([vocabulary.bos_id, *ids, vocabulary.eos_id]) == "abc"


def test_a_vocabulary_tells_its_size_and_specials(vocabulary):
    assert (vocabulary.size, vocabulary.unk_id, vocabulary.bos_id, vocabulary.eos_id) == (600, 0, 1, 2)
    assert (vocabulary.piece(1), vocabulary.piece(13), len(vocabulary.digest)) == ("<s>", "<0x0A>", 32)


def test_the_digest_is_that_of_the_file(vocabulary, vocabulary_path, tmp_path):
    copy = tmp_path / "copy.model"
    copy.write_bytes(vocabulary_path.read_bytes())
    assert Vocabulary(copy).digest == vocabulary.digest


def test_a_vocabulary_like_llamas_has_no_faults(vocabulary):
    assert vocabulary.faults() == ()


@pytest.mark.parametrize(
    "changed, fault",
    [
        ({"byte_fallback": False, "vocab_size": 30}, "it has 0 byte pieces, not 256"),
        ({"bos_id": -1}, "it has no BOS piece"),
        ({"eos_id": -1}, "it has no EOS piece"),
        ({"split_digits": False}, "digits are not single: it has the piece '33'"),
        ({"remove_extra_whitespaces": True}, "it does not give back 'a  b\\n\\tc '"),
        ({"normalization_rule_name": "nmt_nfkc"}, "it does not give back '1²ﬁ Å'"),
    ],
)
def test_a_vocabulary_unlike_llamas_says_why(tmp_path, changed, fault):
    right = {"model_type": "bpe", "vocab_size": 285, "byte_fallback": True, "split_digits": True}
    right |= {"remove_extra_whitespaces": False, "normalization_rule_name": "identity"}
    assert fault in train(tmp_path / "m.model", **right | changed).faults()


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "t.model").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"t.model is not a SentencePiece model"):
        Vocabulary(tmp_path / "t.model")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Vocabulary(tmp_path / "none.model")


@pytest.mark.real
def test_real_books_have_sentencepieces_ids_under_a_published_model(real_data):
    model = real_data / "models" / "mistral-v1" / "tokenizer.model.v1"
    vocabulary, reference = Vocabulary(model), sentencepiece.SentencePieceProcessor(model_file=str(model))
    books = sorted((real_data / "books").glob("**/*.txt"))[:3]
    texts = [book.read_text("utf-8", "replace") for book in books]
    assert encoded(vocabulary, *texts) == [reference.encode(text) for text in texts]
    assert vocabulary.faults() == ()


def test_the_bytes_of_pieces_make_the_text(vocabulary_path):
    vocabulary = Vocabulary(vocabulary_path)
    for text in ("abc de", "  é 12\n", "漢🦙"):
        ids = encoded(vocabulary, text)[0]
        assert b"".join(map(vocabulary.piece_bytes, [1, *ids, 2])) == f" {text}".encode()
    assert vocabulary.piece_bytes(0).decode() == vocabulary.decode([5, 0]).removeprefix("\x02")
