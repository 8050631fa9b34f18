"""Text to ids: ours against SentencePiece, document by document."""

import pyarrow as pa
import sentencepiece

from benchmarks.claims import DisagreementError, Figures, race
from benchmarks.inputs import Inputs, text_bytes
from benchmarks.models import tokenizer
from tokenizer.encode import Encoded
from tokenizer.vocabulary import Vocabulary


def tokenize(inputs: Inputs) -> Figures:
    """A batch of web pages, with identical ids."""
    path = tokenizer(inputs)
    texts = [page.text for page in inputs.pages(6)]
    column = pa.array(texts, pa.large_string())
    vocabulary = Vocabulary(path)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tokens = 0

    def agree(encoded: Encoded, expected: list[list[int]]) -> None:
        nonlocal tokens
        tokens = len(encoded.ids)
        for index, ids in enumerate(expected):
            if encoded.ids[encoded.offsets[index] : encoded.offsets[index + 1]].tolist() != ids:
                raise DisagreementError(f"document {index} has other ids")

    seconds = race(
        lambda: vocabulary.encode(column),
        lambda: [processor.encode(text, out_type=int) for text in texts],
        seconds=inputs.seconds,
        agree=agree,
    )
    return Figures(
        ours=tokens / 1e6 / seconds[0],
        reference=tokens / 1e6 / seconds[1],
        reference_is="SentencePiece's encode, document by document",
        unit="M tokens/s",
        input_bytes=text_bytes(texts),
    )
