import dataclasses
import lzma

from benchmarks.models import classifier, language_model, tokenizer
from filters.language_model import load_kenlm
from filters.perplexity import load_pieces
from tokenizer.vocabulary import Vocabulary


def test_a_small_classifier_is_trained_where_none_lies_with_the_dumps(inputs, likeliest):
    language, score = likeliest(classifier(inputs), "The quick brown fox jumps over the lazy dog.")
    assert language is not None
    assert 0 < score <= 1


def test_a_small_language_model_is_trained_where_none_lies_with_the_dumps(inputs, likeliest):
    model = language_model(inputs)
    assert load_pieces(str(model.pieces)).get_piece_size() > 100
    assert load_kenlm(str(model.arpa)).order == 5


def test_a_small_tokenizer_is_trained_where_none_lies_with_the_dumps(inputs, likeliest):
    assert Vocabulary(tokenizer(inputs)).faults() == ()


def test_models_beside_the_dumps_are_taken(inputs, tmp_path):
    real = dataclasses.replace(inputs, dumps=tmp_path, work=tmp_path / "work")
    real.work.mkdir()
    for name in ("models/lid176/lid.176.ftz", "models/mistral-v1/tokenizer.model.v1", "expected/ccnet-lm/en.sp.model"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"model")
    (tmp_path / "expected/ccnet-lm/en.arpa.xz").write_bytes(lzma.compress(b"arpa"))
    assert classifier(real) == tmp_path / "models/lid176/lid.176.ftz"
    assert tokenizer(real) == tmp_path / "models/mistral-v1/tokenizer.model.v1"
    assert language_model(real).pieces == tmp_path / "expected/ccnet-lm/en.sp.model"
    assert language_model(real).arpa.read_bytes() == b"arpa"
