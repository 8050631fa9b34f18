import pytest

from benchmarks import encoding
from benchmarks.claims import DisagreementError
from benchmarks.encoding import tokenize
from tokenizer.vocabulary import Encoded


def test_tokenize_gives_figures(inputs):
    figures = tokenize(inputs)
    assert (figures.unit, figures.input_bytes > 50_000) == ("M tokens/s", True)
    assert figures.ours > 0 < figures.reference


def test_a_wrong_id_is_found_out(inputs, monkeypatch):
    class Wrong(encoding.Vocabulary):
        def encode(self, texts):
            ids, offsets = super().encode(texts)
            ids[-1] += 1
            return Encoded(ids, offsets)

    monkeypatch.setattr(encoding, "Vocabulary", Wrong)
    with pytest.raises(DisagreementError, match="other ids"):
        tokenize(inputs)
