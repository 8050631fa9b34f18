"""Stage `tokenize`: documents → token shards, `BOS ids EOS` each, with the sidecars of `mixtures.shards`."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mixtures.shards import ShardSummary, ShardWriter
from mixtures.stream import token_dtype
from mixtures.token_format import IDS, TokenFormat, shard_names
from pipeline.errors import SettingError
from pipeline.storage import Folder
from tokenizer.vocabulary import Vocabulary


def token_format(vocabulary: Vocabulary) -> TokenFormat:
    """How ids of this vocabulary are stored. Raises SettingError where it has no BOS or EOS."""
    if vocabulary.bos_id < 0 or vocabulary.eos_id < 0:
        raise SettingError("tokenizer.model has no BOS or no EOS piece: documents could not be told apart")
    return TokenFormat(
        dtype=token_dtype(vocabulary.size),
        vocabulary_size=vocabulary.size,
        tokenizer_digest=vocabulary.digest,
        bos_id=vocabulary.bos_id,
        eos_id=vocabulary.eos_id,
    )


def write_token_shards(
    batches: Iterator[pa.RecordBatch], vocabulary: Vocabulary, folder: Path, stem: str, shard_bytes: int
) -> list[ShardSummary]:
    """Shards STEM-00000, STEM-00001, … in a folder of this machine; no documents give no shard.

    Tokens balance: a shard's `tokens` are the bytes of its ids over their width, and the sum over its documents of
    their ids and two.
    """
    with ShardWriter(folder, stem, shard_bytes, token_format(vocabulary)) as writer:
        for batch in batches:
            encoded = vocabulary.encode(batch.column("text"))
            writer.add(batch.column("doc_id"), batch.column("origin"), encoded.ids, encoded.offsets)
    return writer.shards


def list_token_shards(tokens: Folder, source: str, item_bytes: int) -> list[tuple[str, int]]:
    """(name, tokens) of the source's token shards below the folder, in their order."""
    return [
        (name, (tokens.size(f"{source}/{name}{IDS}") or 0) // item_bytes) for name in shard_names(tokens.list(source))
    ]
