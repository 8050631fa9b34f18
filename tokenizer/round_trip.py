"""What a tokenizer gives back of what it was given: every code point, random bytes, and bytes as byte pieces.

python -c "from tokenizer.round_trip import round_trip; ..."
"""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tokenizer.vocabulary import Vocabulary

RANDOM_STRINGS = 1000
MAX_RANDOM_BYTES = 64
LISTED = 20
_TOGETHER = 4096
_SURROGATES = range(0xD800, 0xE000)


def round_trip(vocabulary: Vocabulary, byte_ids: Mapping[int, int], seed: int = 0) -> dict[str, Any]:
    """Counts of what comes back and what does not; `byte_ids` are the ids of the byte pieces, by byte.

    `code_points`: each of Unicode's scalar values, as text; the first few that are lost are listed.
    `byte_strings`: each byte value alone and random bytes, as the text that UTF-8 makes of them, where what is no
    UTF-8 is U+FFFD: no tokenizer of text sees more of them. `as_byte_pieces`: the same texts, put together from the
    256 byte pieces alone: what is in no other piece still comes back.
    """
    lost = list(lost_code_points(vocabulary))
    texts = [value.decode("utf-8", "replace") for value in byte_strings(seed)]
    return {
        "code_points": sys.maxunicode + 1 - len(_SURROGATES),
        "code_points_lost": len(lost),
        "first_lost": [f"U+{point:04X}" for point in lost[:LISTED]],
        "byte_strings": len(texts),
        "byte_strings_lost": len(texts) - _returned(vocabulary, texts),
        "byte_pieces": len(byte_ids),
        "as_byte_pieces_lost": sum(not _comes_back(vocabulary, byte_ids, text) for text in texts),
    }


def byte_strings(seed: int) -> list[bytes]:
    """All 256 byte values, and random strings of bytes."""
    chance = random.Random(seed)
    longer = (chance.randbytes(chance.randint(2, MAX_RANDOM_BYTES)) for _ in range(RANDOM_STRINGS))
    return [*(bytes([value]) for value in range(256)), *longer]


def lost_code_points(vocabulary: Vocabulary, points: Sequence[int] = range(sys.maxunicode + 1)) -> Iterator[int]:
    """Those that do not come back from ids, in order: looked for one by one only where a row of them differs."""
    scalar = [point for point in points if point not in _SURROGATES]
    rows = [scalar[start : start + _TOGETHER] for start in range(0, len(scalar), _TOGETHER)]
    texts = ["".join(map(chr, row)) for row in rows]
    for row, text, back in zip(rows, texts, _back(vocabulary, texts), strict=True):
        if back != text:
            alone = [chr(point) for point in row]
            pairs = zip(row, alone, _back(vocabulary, alone), strict=True)
            yield from (point for point, character, returned in pairs if returned != character)


def _back(vocabulary: Vocabulary, texts: Sequence[str]) -> Iterator[str]:
    encoded = vocabulary.encode(pa.array(texts, pa.large_string()))
    for start, end in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True):
        yield vocabulary.decode(encoded.ids[start:end])


def _returned(vocabulary: Vocabulary, texts: Sequence[str]) -> int:
    return sum(back == text for text, back in zip(texts, _back(vocabulary, texts), strict=True))


def _comes_back(vocabulary: Vocabulary, byte_ids: Mapping[int, int], text: str) -> bool:
    values = text.encode()
    return all(value in byte_ids for value in values) and vocabulary.decode([byte_ids[v] for v in values]) == text
