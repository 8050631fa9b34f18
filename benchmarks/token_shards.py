"""Documents in Parquet to token shards: with all sidecars, and by a plain loop over SentencePiece, as others do it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import sentencepiece

from benchmarks.claims import DisagreementError, Figures, race
from benchmarks.inputs import Inputs, text_bytes, varied_texts
from benchmarks.models import tokenizer
from filters.batch import DOCUMENT_SCHEMA, document_batch, document_id
from pipeline.storage import Folder, ParquetSink, read_batches
from pipeline.token_shards import write_token_shards
from tokenizer.vocabulary import Vocabulary

_MEGABYTES = 24
_SHARD_BYTES = 1 << 30
_DOCUMENTS = "documents.parquet"
_COLUMNS = ("doc_id", "origin", "text")


def tokenize(inputs: Inputs) -> Figures:
    """One unit of stage `tokenize`, from its file of documents to its files of tokens."""
    folder, texts = Folder(str(inputs.work / "tokenize")), varied_texts(inputs, _MEGABYTES)
    write_documents(folder, texts)
    vocabulary = Vocabulary(tokenizer(inputs))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer(inputs)))
    ours, theirs = inputs.work / "tokenize/ours", inputs.work / "tokenize/theirs.bin"
    ours.mkdir()
    tokens = 0

    def shard() -> int:
        batches = read_batches(folder, _DOCUMENTS, columns=_COLUMNS)
        return sum(shard.tokens for shard in write_token_shards(batches, vocabulary, ours, "a", _SHARD_BYTES))

    def agree(found: int, expected: int) -> None:
        nonlocal tokens
        tokens = found
        if found != expected or (ours / "a-00000.bin").read_bytes() != theirs.read_bytes():
            raise DisagreementError("the two files of tokens differ")

    path = inputs.work / "tokenize" / _DOCUMENTS
    seconds = race(shard, lambda: plain_tokens(path, processor, theirs), seconds=inputs.seconds, agree=agree)
    return Figures(
        ours=tokens / 1e6 / seconds[0],
        reference=tokens / 1e6 / seconds[1],
        reference_is="SentencePiece's encode, document by document, ids written as they come, no sidecar",
        unit="M tokens/s",
        input_bytes=text_bytes(texts),
    )


def write_documents(folder: Folder, texts: list[str]) -> None:
    """A file of documents as the stages before leave it."""
    with folder.create(_DOCUMENTS) as pending:
        sink = ParquetSink(pending.path, DOCUMENT_SCHEMA)
        for start in range(0, len(texts), 1000):
            rows = [
                {"doc_id": document_id("c4", f"a#{index}", text), "source": "c4", "origin": f"a#{index}", "text": text}
                for index, text in enumerate(texts[start : start + 1000], start)
            ]
            sink.write(document_batch(rows))
        sink.close()


def plain_tokens(documents: Path, processor: Any, target: Path) -> int:
    """The ids of each document between BOS and EOS, and how many they are: as plain loops write them."""
    tokens = 0
    with pq.ParquetFile(documents) as file, target.open("wb") as stream:
        for batch in file.iter_batches(1000, columns=["text"]):
            for text in batch.column("text").to_pylist():
                ids = processor.encode(text, out_type=int, add_bos=True, add_eos=True)
                stream.write(np.array(ids, "<u2").tobytes())
                tokens += len(ids)
    return tokens
