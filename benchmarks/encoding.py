"""Text to ids: ours in batches of a thousand documents against SentencePiece, document by document."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import sentencepiece

from benchmarks.claims import DisagreementError, Figures, race
from benchmarks.inputs import Inputs, text_bytes, varied_texts
from benchmarks.models import tokenizer
from tokenizer.encode import Encoded
from tokenizer.vocabulary import Vocabulary

_WARM_MEGABYTES, _COLD_MEGABYTES = 6, 50
_BATCH = 1000


def encode_warm(inputs: Inputs) -> Figures:
    """Web pages that were encoded before: their words are in the table."""
    vocabulary, processor = Vocabulary(tokenizer(inputs)), _processor(tokenizer(inputs))
    texts = [page.text for page in inputs.pages(_WARM_MEGABYTES)]
    said = "SentencePiece's encode, document by document"
    return _raced(inputs, texts, lambda: vocabulary, lambda: processor, said)


def encode_cold(inputs: Inputs) -> Figures:
    """Text of many kinds, new to the table: both sides begin with the model's file."""
    path = tokenizer(inputs)
    texts = varied_texts(inputs, _COLD_MEGABYTES)
    said = "SentencePiece's encode, document by document, after reading the model's file"
    return _raced(inputs, texts, lambda: Vocabulary(path), lambda: _processor(path), said)


def _processor(path: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def _raced(
    inputs: Inputs, texts: list[str], ours: Callable[[], Vocabulary], theirs: Callable[[], Any], said: str
) -> Figures:
    batches = [pa.array(texts[at : at + _BATCH], pa.large_string()) for at in range(0, len(texts), _BATCH)]
    tokens = 0

    def encoded() -> list[Encoded]:
        vocabulary = ours()
        return [vocabulary.encode(batch) for batch in batches]

    def expected() -> list[list[int]]:
        processor = theirs()
        return [processor.encode(text, out_type=int) for text in texts]

    def agree(found: Sequence[Encoded], wanted: Sequence[list[int]]) -> None:
        nonlocal tokens
        tokens = sum(len(ids) for ids, _ in found)
        rows = (ids[start:end].tolist() for ids, offsets in found for start, end in pairwise(offsets.tolist()))
        for index, (own, other) in enumerate(zip(rows, wanted, strict=True)):
            if own != other:
                raise DisagreementError(f"document {index} has other ids")

    seconds = race(encoded, expected, seconds=inputs.seconds, agree=agree)
    return Figures(
        ours=tokens / 1e6 / seconds[0],
        reference=tokens / 1e6 / seconds[1],
        reference_is=said,
        unit="M tokens/s",
        input_bytes=text_bytes(texts),
    )
