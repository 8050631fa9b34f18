"""The models that the claims ask: those that lie with the real dumps, else small ones trained on the spot."""

import lzma
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.inputs import Inputs
from filters.language import language_pieces, train_language
from filters.ngram import estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces, train_pieces
from filters.wikitext import wikitext_to_text
from tokenizer.train import train_tokenizer

_ARTICLES_MEGABYTES = 6


class LanguageModel(NamedTuple):
    """Paths of the pieces and of the n-gram model over them."""

    pieces: Path
    arpa: Path


@cache
def classifier(inputs: Inputs) -> Path:
    """A fastText model that names languages."""
    real = inputs.dumps / "models/lid176/lid.176.ftz"
    if real.is_file():
        return real
    path = inputs.work / "language.bin"
    examples = (
        (page.language or "", piece)
        for page in inputs.articles(_ARTICLES_MEGABYTES)
        for piece in language_pieces(wikitext_to_text(page.text, page.language).text)
    )
    train_language(examples, path, seed=0, epochs=5)
    return path


@cache
def language_model(inputs: Inputs) -> LanguageModel:
    """The model behind perplexity, for English."""
    real = inputs.dumps / "expected/ccnet-lm"
    if real.is_dir():
        arpa = inputs.work / "en.arpa"
        with lzma.open(real / "en.arpa.xz") as packed, arpa.open("wb") as file:
            shutil.copyfileobj(packed, file)
        return LanguageModel(real / "en.sp.model", arpa)
    found = LanguageModel(inputs.work / "pieces.model", inputs.work / "lm.arpa")
    train_pieces(_english_lines(inputs), found.pieces, vocabulary_size=4000)
    pieces = load_pieces(str(found.pieces))
    sentences = (" ".join(pieces.encode(line, out_type=str)) for line in _english_lines(inputs))
    estimate_language_model(sentences, found.arpa)
    return found


@cache
def tokenizer(inputs: Inputs) -> Path:
    """A SentencePiece BPE model with LLaMA's settings."""
    real = inputs.dumps / "models/mistral-v1/tokenizer.model.v1"
    if real.is_file():
        return real
    texts = (page.text for page in inputs.pages(4))
    train_tokenizer(texts, inputs.work / "tokenizer", vocabulary_size=2000)
    return inputs.work / "tokenizer.model"


def _english_lines(inputs: Inputs) -> Iterator[str]:
    for page in inputs.articles(_ARTICLES_MEGABYTES):
        if page.language == "en":
            for line in wikitext_to_text(page.text, "en").text.split("\n"):
                normalized = normalize_for_language_model(line)
                if normalized:
                    yield normalized
