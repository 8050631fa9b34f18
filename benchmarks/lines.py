"""Lines and their keys: the two halves of CCNet's paragraph deduplication."""

import hashlib

import numpy as np
import pyarrow as pa

from benchmarks.claims import DisagreementError, Figures, megabytes_a_second, race
from benchmarks.inputs import Inputs, text_bytes
from filters.batch import document_batch
from filters.fingerprint import Array, Lines, line_keys
from filters.normalize import normalize_for_dedup
from pipeline.dedup import ParagraphRounds

_KEYS = 4_000_000
_UNITS = 8


def normalise_hash(inputs: Inputs) -> Figures:
    """Keys of all lines of web text, against the same line by line in Python."""
    texts = [page.text for page in inputs.pages(16)]
    column = pa.array(texts, pa.large_string())

    def agree(lines: Lines, expected: list[int]) -> None:
        if lines.keys.tolist() != expected:
            raise DisagreementError("a line has another key than in Python")

    seconds = race(lambda: line_keys(column), lambda: plain_line_keys(texts), seconds=inputs.seconds, agree=agree)
    return megabytes_a_second(text_bytes(texts), seconds, "plain Python, line by line, as cc_net has it; the same keys")


def plain_line_keys(texts: list[str]) -> list[int]:
    """cc_net's `compute_hashes`: eight bytes of SHA-1 of each normalised line."""
    return [
        int.from_bytes(hashlib.sha1(normalize_for_dedup(line).encode()).digest()[:8], "little")
        for text in texts
        for line in text.split("\n")
    ]


def duplicate_verdicts(inputs: Inputs) -> Figures:
    """Which lines two documents have, partition by partition with who is told, against one np.unique over all keys."""
    rounds = ParagraphRounds(block_files=_UNITS, partitions=16)
    partitions: dict[int, list[bytes]] = {}
    pages = inputs.pages(16)
    for unit in range(_UNITS):
        batch = document_batch(
            {"doc_id": page.url, "source": "commoncrawl", "origin": page.url, "text": page.text}
            for page in pages[unit::_UNITS]
        )
        for partition, block in rounds.sketch(unit, [batch]):
            partitions.setdefault(partition, []).append(block)
    partitions = multiplied(partitions, inputs.size(_KEYS / 1e6))
    keys = np.concatenate([np.frombuffer(block, "<u8", offset=8) for held in partitions.values() for block in held])
    judge = rounds.judges[0]

    def ours() -> list[bytes]:
        return [verdict for index, blocks in partitions.items() for _, verdict in judge(index, blocks)]

    def reference() -> Array:
        found, counts = np.unique(keys, return_counts=True)
        duplicate: Array = found[counts > 1]
        return duplicate

    def agree(verdicts: list[bytes], duplicate: Array) -> None:
        told = [np.frombuffer(verdict, "<u8", offset=8) for verdict in verdicts]
        if not np.array_equal(np.unique(np.concatenate([np.empty(0, "<u8"), *told])), duplicate):
            raise DisagreementError("the verdicts are not the keys that np.unique finds twice")

    seconds = race(ours, reference, seconds=inputs.seconds, agree=agree)
    return Figures(
        ours=len(keys) / 1e6 / seconds[0],
        reference=len(keys) / 1e6 / seconds[1],
        reference_is="np.unique over all keys at once",
        unit="M keys/s",
        input_bytes=keys.nbytes,
    )


def multiplied(partitions: dict[int, list[bytes]], keys: int) -> dict[int, list[bytes]]:
    """The blocks with their keys repeated under other names until there are so many: as many twins, no new ones."""
    held = sum(len(block) // 8 - 1 for blocks in partitions.values() for block in blocks)
    # An odd factor maps 64-bit words one to one.
    factors = np.arange(max(1, keys // max(1, held)), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return {
        index: [
            block[:8] + np.sort(np.multiply.outer(factors, np.frombuffer(block, "<u8", offset=8)), axis=None).tobytes()
            for block in blocks
        ]
        for index, blocks in partitions.items()
    }
