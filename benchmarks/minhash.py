"""MinHash signatures of 128 places from text, against libraries that are given shingles made in Python."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasketch import MinHash

from benchmarks.claims import DisagreementError, Figures, SkippedError, megabytes_a_second, race
from benchmarks.inputs import Inputs, text_bytes
from filters.minhash import estimate, signatures

Array = np.ndarray[Any, Any]

_WORDS, _PERMUTATIONS = 5, 128
_WORD = re.compile(r"\w+")


def minhash_datasketch(inputs: Inputs) -> Figures:
    """Web pages and an edition of each, against datasketch's fastest way, MinHash.bulk."""

    def sketched(texts: Sequence[str]) -> Array:
        encoded = [[shingle.encode() for shingle in shingles(text)] for text in texts]
        return np.array([sketch.hashvalues for sketch in MinHash.bulk(encoded, num_perm=_PERMUTATIONS)])

    return _figures(inputs, sketched, "datasketch's MinHash.bulk over shingles made in Python")


def minhash_rensa(inputs: Inputs) -> Figures:
    """The same against rensa: RMinHash, which looks at every shingle (its rho way looks at a few), text by text."""
    try:
        from rensa import RMinHash
    except ImportError as error:
        raise SkippedError("rensa is not installed") from error

    def sketched(texts: Sequence[str]) -> Array:
        digests = []
        for text in texts:
            sketch = RMinHash(num_perm=_PERMUTATIONS, seed=42)
            sketch.update(shingles(text))
            digests.append(sketch.digest())
        return np.array(digests)

    return _figures(inputs, sketched, "rensa's RMinHash.update over shingles made in Python")


def shingles(text: str) -> list[str]:
    """Every five words in a row, or all there are, as scripts that use those libraries make them."""
    words = _WORD.findall(text.lower())
    return [" ".join(words[at : at + _WORDS]) for at in range(max(1, len(words) - _WORDS + 1))]


def edition(text: str, number: int) -> str:
    """The text with a word in so many left out: in ten to two hundred, a different one for each text."""
    words = text.split(" ")
    del words[:: 10 + number * 37 % 190]
    return " ".join(words)


def _figures(inputs: Inputs, sketched: Callable[[Sequence[str]], Array], reference_is: str) -> Figures:
    pages = [page.text for page in inputs.pages(2)]
    texts = [text for number, page in enumerate(pages) for text in (page, edition(page, number))]
    packed = pa.array(texts, pa.large_string())
    times = race(
        lambda: signatures(packed, words=_WORDS, permutations=_PERMUTATIONS),
        lambda: sketched(texts),
        seconds=inputs.seconds,
        agree=agree,
    )
    return megabytes_a_second(text_bytes(texts), times, reference_is)


def agree(mine: Array, theirs: Array) -> None:
    """Both must say the same of a page and its edition, but for chance: the mean within four standard errors."""
    difference = estimate(mine[::2], mine[1::2]) - estimate(theirs[::2], theirs[1::2])
    allowed = 4 * (0.5 / _PERMUTATIONS / len(difference)) ** 0.5 + 0.01  # Words are not quite the same: don't, café.
    if abs(difference.mean()) > allowed or difference.std() > 2 * (0.5 / _PERMUTATIONS) ** 0.5:
        raise DisagreementError(f"estimates differ by {difference.mean():.3f} on average, {allowed:.3f} is allowed")
