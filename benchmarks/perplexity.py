"""Text to perplexity: ours in batches, and cc_net's way, document by document."""

from typing import Any

import pyarrow as pa

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, text_bytes
from benchmarks.language import fasttext_answer
from benchmarks.models import classifier, language_model
from filters.language_model import LanguageModel, load_kenlm
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces


def score_perplexity(inputs: Inputs) -> Figures:
    """English web pages, as CCNet scores them; every figure the same to the printed decimal."""
    paths = language_model(inputs)
    texts = english(inputs)
    column = pa.array(texts, pa.large_string())
    model = LanguageModel(str(paths.arpa), str(paths.pieces))
    pieces, ngrams = load_pieces(str(paths.pieces)), load_kenlm(str(paths.arpa))

    def agree(ours: list[float | None], expected: list[float | None]) -> None:
        for index, (own, value) in enumerate(zip(ours, expected, strict=True)):
            if own != value:
                raise DisagreementError(f"document {index} has perplexity {own}, not {value}")

    seconds = race(
        lambda: model.perplexities(column, line_break="", split_pieces_at_blanks=True, decimals=1),
        lambda: [rounded(plain_perplexity(pieces, ngrams, text)) for text in texts],
        seconds=inputs.seconds,
        agree=agree,
    )
    return megabytes_a_second(
        text_bytes(texts), seconds, "cc_net's normalisation in Python, SentencePiece and kenlm, document by document"
    )


def english(inputs: Inputs) -> list[str]:
    """The web pages that a model of English is asked about."""
    path = classifier(inputs)
    return [page.text for page in inputs.pages(12) if fasttext_answer(path, page.text)[0] == "en"]


def plain_perplexity(pieces: Any, ngrams: Any, text: str) -> float | None:
    """cc_net's perplexity.py: normalise, cut, join, score, count."""
    tokenized = " ".join(pieces.encode_as_pieces(normalize_for_language_model(text)))
    if not tokenized:
        return None
    return float(10.0 ** (-ngrams.score(tokenized) / (len(tokenized.split()) + 1)))


def rounded(value: float | None) -> float | None:
    """As cc_net's `json` prints it."""
    return None if value is None else round(value, 1)
