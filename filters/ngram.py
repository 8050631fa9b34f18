"""Estimates an interpolated modified Kneser-Ney n-gram model in bounded memory and writes it as ARPA.

The windows of the text are sorted once, by context (`ngram_sort`); one pass over them counts (`ngram_counts`), one
more over each order weighs.

Source: Chen and Goodman 1998, section 4 and equation 26; Heafield et al. 2013; kpu/kenlm lm/builder
(adjust_counts.cc, initial_probabilities.cc, interpolate.cc), `lmplz --discount_fallback --skip_symbols`.
Differs: sums in double precision, so that the last digit may differ; n-grams stand in another order; a word of more
than 1,024 bytes and, past `max_words`, a new word are unknown.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from filters.arpa import ArpaWriter
from filters.last_ngram import last_ngram
from filters.ngram_counts import Counts, count_ngrams
from filters.ngram_sort import Rows, SortedRuns
from filters.ngram_words import BEGIN, MAX_WORDS, Ids, Vocabulary, bits_of, read_tokens, write_tokens
from tokenizer.kernels import compiled

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For an order whose counts of counts allow no estimate: small or artificial text."""

MAX_ORDER = 6
"""The highest order that kenlm's wheel reads."""

MEMORY_BYTES = 1 << 30

Discounts = tuple[float, float, float]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_BYTES_PER_ENTRY = 128  # A chunk of contexts while it is weighed and written.


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What was estimated: n-grams and the three discounts of each order, from unigrams up; `tokens` counts `</s>`."""

    ngrams: tuple[int, ...]
    discounts: tuple[Discounts, ...]
    fallback_orders: tuple[int, ...]
    tokens: int
    runs: int


def estimate_language_model(
    sentences: Iterable[str],
    path: Path,
    *,
    order: int = 5,
    memory_bytes: int = MEMORY_BYTES,
    max_words: int = MAX_WORDS,
) -> Estimate:
    """Write the model of sentences of blank-separated words to `path` as ARPA, through files in a folder beside it.

    `memory_bytes` bounds what is sorted and weighed at once; the words and some numbers of each (300 bytes, more for
    long words) come on top. Raises ValueError where there is no word to count.
    """
    if not 2 <= order <= MAX_ORDER:
        raise ValueError(f"order must be from 2 to {MAX_ORDER}, got {order}")
    if not 3 < max_words <= MAX_WORDS:
        raise ValueError(f"max_words must be from 4 to {MAX_WORDS}, got {max_words}")
    folder = Path(tempfile.mkdtemp(prefix=".ngram-", dir=path.parent))
    try:
        vocabulary = Vocabulary(max_words)
        tokens = write_tokens(sentences, vocabulary, folder / "tokens")
        if not tokens:
            raise ValueError("no sentence to count words of")
        words = len(vocabulary)
        runs = SortedRuns(folder, order=order, word_bits=bits_of(words), memory_bytes=memory_bytes)
        runs.add(read_tokens(folder / "tokens"))
        counts = count_ngrams(runs.merged(), folder, order=order, words=words, memory_bytes=memory_bytes)
        count_last_ngram_as_lmplz_does(counts.tallies, folder / "tokens", order=order, words=words)
        found = [modified_discounts(tally) for tally in counts.tallies]
        model = _Model(folder, counts, [discounts for discounts, _ in found], memory_bytes)
        model.write_arpa(vocabulary.spellings(), folder / "arpa")
        (folder / "arpa").replace(path)
        return Estimate(
            ngrams=tuple(counts.ngrams),
            discounts=tuple(discounts for discounts, _ in found),
            fallback_orders=tuple(k for k, (_, fallback) in enumerate(found, start=1) if fallback),
            tokens=tokens,
            runs=len(runs.paths),
        )
    finally:
        shutil.rmtree(folder)


def count_last_ngram_as_lmplz_does(tallies: Integers, tokens: Path, *, order: int, words: int) -> None:
    """Move one n-gram of each lower order, the last by suffix, from its adjusted count to its raw count.

    The end of adjust_counts.cc hands `actual_counts` to the statistics where its loop hands adjusted ones. One n-gram
    is nothing in a large text and decides about the fallback in a small one.
    """
    # Kept: published models were estimated so. Pinned by test_the_last_ngram_of_each_order_is_tallied_by_raw_count.
    last = last_ngram(lambda: read_tokens(tokens), order=order, words=words)
    most = tallies.shape[1] - 1
    for k, (raw, adjusted) in enumerate(zip(last.raw, last.adjusted, strict=True)):
        tallies[k, min(adjusted, most)] -= 1
        tallies[k, min(raw, most)] += 1


def modified_discounts(tally: Integers) -> tuple[Discounts, bool]:
    """D1, D2 and D3+ from how many n-grams have the counts 1, 2, 3 and 4; True where the fallback had to be taken."""
    # Single precision as in lmplz: whether a discount is within its bounds may hang on it.
    n1, n2, n3, n4 = (np.float32(n) for n in tally[1:5])
    if not (n1 and n2 and n3):
        return FALLBACK_DISCOUNTS, True
    y = n1 / np.float32(float(tally[1]) + 2.0 * float(tally[2]))
    pairs = ((1, n1, n2), (2, n2, n3), (3, n3, n4))
    found = [float(np.float32(j) - np.float32(j + 1) * y * more / own) for j, own, more in pairs]
    if any(not 0 <= discount <= j for j, discount in enumerate(found, start=1)):
        return FALLBACK_DISCOUNTS, True
    return (found[0], found[1], found[2]), False


class _Model:
    """The weighing of one order after another; probabilities and backoffs lie in files of `folder`."""

    def __init__(self, folder: Path, counts: Counts, discounts: list[Discounts], memory_bytes: int) -> None:
        self.folder = folder
        self.counts = counts
        self.discounts = [np.array([0.0, *values]) for values in discounts]
        self.entries_a_step = max(16, memory_bytes // (4 * _BYTES_PER_ENTRY))
        self.backoffs_a_step = max(16, memory_bytes // (4 * 4))

    def write_arpa(self, spellings: list[bytes], path: Path) -> None:
        """Weigh and write all orders; each lower one once the contexts that its n-grams are have been weighed."""
        order = len(self.discounts)
        with path.open("wb") as file:
            arpa = ArpaWriter(file, self.counts.ngrams, spellings)
            for k in range(1, order + 1):
                self._weigh(k)
                if k > 1:
                    self._write_section(arpa, k - 1)
            self._write_section(arpa, order)
            arpa.end()

    def _weigh(self, k: int) -> None:
        """Probabilities of the k-grams, and of each of their contexts the weight of the lower order."""
        if k == 1:
            _unigram_probabilities(self.counts.unigrams, self.discounts[0]).tofile(self._file("probabilities", 1))
            return
        with (
            self._file("probabilities", k).open("wb") as probabilities,
            self._file("backoffs", k).open("wb") as backoffs,
        ):
            for part in self.counts.levels[k].read(self.entries_a_step):
                first, last = int(part.lower.min()), int(part.lower.max())
                lower = _floats(self._file("probabilities", k - 1), first, last + 1 - first)
                found = np.empty(len(part.words), np.float32), np.empty(len(part.sizes), np.float32)
                weigh_contexts(part.sizes, part.counts, part.lower, first, lower, self.discounts[k - 1], *found)
                found[0].tofile(probabilities)
                found[1].tofile(backoffs)

    def _write_section(self, arpa: ArpaWriter, k: int) -> None:
        arpa.begin(k)
        if k == len(self.discounts):
            for keys, words, probabilities in self._ngrams(k):
                arpa.write(k, keys, words, probabilities, None)
        else:
            for first in range(0, max(1, int(self.counts.contexts[k].sum())), self.backoffs_a_step):
                self._write_with_backoffs(arpa, k, first)
        if k > 1:
            self.counts.levels[k].remove()

    def _write_with_backoffs(self, arpa: ArpaWriter, k: int, first: int) -> None:
        """The k-grams whose backoffs are among those that fit in memory, from place `first` on."""
        backoffs = _floats(self._file("backoffs", k + 1), first, self.backoffs_a_step)
        contexts = self.counts.contexts[k]
        # The k-grams that end in one word stand in the order in which they stand as contexts of (k + 1)-grams.
        next_context = np.cumsum(contexts) - contexts
        for keys, words, probabilities in self._ngrams(k):
            own = np.empty(len(words), dtype=np.float32)
            find_backoffs(words, contexts, next_context, backoffs, first, own)
            here = np.flatnonzero(~np.isnan(own))
            if len(here) < len(own):
                arpa.write(k, keys[here], words[here], probabilities[here], own[here])
            else:
                arpa.write(k, keys, words, probabilities, own)

    def _ngrams(self, k: int) -> Iterator[tuple[Rows, Ids, Floats]]:
        """The k-grams some at a time: the keys that hold the words before, the last word, the probability."""
        file = self._file("probabilities", k)
        if k == 1:
            words = np.arange(len(self.counts.unigrams), dtype=np.uint32)
            yield np.zeros((len(words), 2), dtype=np.uint64), words, _floats(file, 0, len(words))
        else:
            for part in self.counts.levels[k].read(self.entries_a_step):
                keys = np.repeat(part.keys, part.sizes, axis=0)
                yield keys, part.words, _floats(file, part.first, len(part.words))

    def _file(self, name: str, k: int) -> Path:
        return self.folder / f"{name}-{k}"


def _unigram_probabilities(counts: Integers, discounts: npt.NDArray[np.float64]) -> Floats:
    """Interpolated with the uniform distribution over all words but `<s>`, which is how `<unk>` gets its mass."""
    discounted = discounts[np.minimum(counts, 3)]
    left = discounted.sum() / counts.sum()
    probabilities = (counts - discounted) / counts.sum() + left / (len(counts) - 1)
    probabilities[BEGIN] = 1.0  # As lmplz writes it: nothing predicts <s>.
    return np.asarray(probabilities, dtype=np.float32)


def _floats(file: Path, start: int, count: int) -> Floats:
    return np.fromfile(file, dtype=np.float32, count=count, offset=4 * start)


_I64, _F32, _F64 = numba.int64, numba.float32, numba.float64


@compiled(numba.void(_I64[::1], _I64[::1], _I64[::1], _I64, _F32[::1], _F64[::1], _F32[::1], _F32[::1]))
def weigh_contexts(
    sizes: Any, counts: Any, lower: Any, first: int, shorter: Any, discounts: Any, probabilities: Any, backoffs: Any
) -> None:
    """Probability of each entry, and of each context the mass that its discounts leave to the shorter context.

    `shorter` are probabilities behind the shorter context, from the one of place `first` on.
    """
    start = 0
    for context in range(len(sizes)):
        total, left = 0, 0.0
        for i in range(start, start + sizes[context]):
            total += counts[i]
            left += discounts[min(counts[i], 3)]
        backoff = left / total
        for i in range(start, start + sizes[context]):
            own = (counts[i] - discounts[min(counts[i], 3)]) / total
            probabilities[i] = own + backoff * shorter[lower[i] - first]
        backoffs[context] = backoff
        start += sizes[context]


@compiled(numba.void(numba.uint32[::1], _I64[::1], _I64[::1], _F32[::1], _I64, _F32[::1]))
def find_backoffs(words: Any, contexts: Any, next_context: Any, backoffs: Any, first: int, found: Any) -> None:
    """The backoff of each n-gram; 1 where it is no context, NaN where the backoff is not among these.

    `contexts` is how many contexts end in each word, `next_context` the place of the next one of each word; `backoffs`
    are those of the places from `first` on.
    """
    for i in range(len(words)):
        word = words[i]
        if not contexts[word]:
            found[i] = np.float32(1.0) if first == 0 else np.float32(np.nan)
            continue
        place = next_context[word] - first
        next_context[word] += 1
        found[i] = backoffs[place] if 0 <= place < len(backoffs) else np.float32(np.nan)
