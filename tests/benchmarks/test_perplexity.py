import pytest

from benchmarks import perplexity
from benchmarks.claims import DisagreementError
from benchmarks.models import language_model
from benchmarks.perplexity import plain_perplexity, rounded, score_perplexity
from filters.language_model import load_kenlm
from filters.perplexity import load_pieces


def test_score_perplexity_gives_figures(inputs):
    figures = score_perplexity(inputs)
    assert (figures.unit, figures.input_bytes > 100_000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_a_perplexity_that_differs_in_its_last_digit_is_found_out(inputs, monkeypatch):
    monkeypatch.setattr(perplexity, "rounded", lambda value: rounded(value) + 0.1)
    with pytest.raises(DisagreementError, match="document 0 has perplexity"):
        score_perplexity(inputs)


def test_the_reference_glues_lines_and_knows_empty_texts(inputs):
    paths = language_model(inputs)
    models = load_pieces(str(paths.pieces)), load_kenlm(str(paths.arpa))
    assert plain_perplexity(*models, "The house\nis old.") == plain_perplexity(*models, "the houseis old.")
    assert plain_perplexity(*models, " \n") is rounded(None) is None
    assert rounded(12.349) == 12.3
