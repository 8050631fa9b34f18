import pytest

from benchmarks import encoding
from benchmarks.claims import DisagreementError
from benchmarks.encoding import encode_cold, encode_warm
from tokenizer.vocabulary import Encoded, Vocabulary


@pytest.mark.parametrize("claim, reads", [(encode_warm, 1), (encode_cold, 4)])
def test_both_sides_give_figures_and_only_a_cold_run_reads_the_model_each_time(inputs, monkeypatch, claim, reads):
    read = []

    class Counted(Vocabulary):
        def __init__(self, path):
            read.append(path)
            super().__init__(path)

    monkeypatch.setattr(encoding, "Vocabulary", Counted)
    figures = claim(inputs)
    assert (figures.unit, figures.input_bytes > 50_000) == ("M tokens/s", True)
    assert figures.ours > 0 < figures.reference
    assert len(read) == reads


def test_a_wrong_id_is_found_out(inputs, monkeypatch):
    class Wrong(Vocabulary):
        def encode(self, texts):
            ids, offsets = super().encode(texts)
            ids[-1] += 1
            return Encoded(ids, offsets)

    monkeypatch.setattr(encoding, "Vocabulary", Wrong)
    with pytest.raises(DisagreementError, match="other ids"):
        encode_warm(inputs)
