"""Estimates an interpolated modified Kneser-Ney n-gram model in bounded memory and writes it as ARPA.

Source: Chen and Goodman 1998, section 4 and equation 26; Heafield et al. 2013; kpu/kenlm lm/builder
(adjust_counts.cc, initial_probabilities.cc, interpolate.cc), `lmplz --discount_fallback`.
Differs: sums in double precision, so that the last digit may differ; a word that reads `<s>`, `</s>` or `<unk>`
counts as unknown, where lmplz stops; past `max_words` a new word is unknown.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.ngram_counts import (
    BEGIN,
    BYTES_PER_NGRAM,
    Ids,
    Level,
    Vocabulary,
    append_split,
    count_levels,
    find,
    partition_of,
    spell,
    write_partitions,
    write_tokens,
)

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For an order whose counts of counts allow no estimate: small or artificial text."""

MAX_ORDER = 6
"""The highest order that kenlm's wheel reads."""

Floats = npt.NDArray[np.float64]

_LINES_A_WRITE = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What was estimated: n-grams and the three discounts of each order, from unigrams up; `tokens` counts `</s>`."""

    ngrams: tuple[int, ...]
    discounts: tuple[tuple[float, float, float], ...]
    fallback_orders: tuple[int, ...]
    tokens: int
    partitions: int


def estimate_language_model(
    sentences: Iterable[str],
    path: Path,
    *,
    order: int = 5,
    memory_bytes: int = 1 << 30,
    max_words: int = 1 << 21,
) -> Estimate:
    """Write the model of sentences of blank-separated words to `path` as ARPA, through files in a folder beside it.

    Raises ValueError where there is no word to count.
    """
    if not 2 <= order <= MAX_ORDER:
        raise ValueError(f"order must be from 2 to {MAX_ORDER}, got {order}")
    folder = Path(tempfile.mkdtemp(prefix=".ngram-", dir=path.parent))
    try:
        vocabulary = Vocabulary(max_words)
        tokens = write_tokens(sentences, order, vocabulary, folder / "tokens")
        if not tokens:
            raise ValueError("no sentence holds a word")
        partitions = 1 + tokens * BYTES_PER_NGRAM // memory_bytes
        estimation = _Estimation(folder=folder, order=order, words=len(vocabulary), partitions=partitions)
        estimation.count()
        estimation.weigh_contexts()
        estimation.write_arpa(list(vocabulary.ids), folder / "arpa")
        (folder / "arpa").replace(path)
        return estimation.report()
    finally:
        shutil.rmtree(folder)


def modified_discounts(counts_of_counts: npt.NDArray[np.int64]) -> tuple[tuple[float, float, float], bool]:
    """D1, D2 and D3+ from how many n-grams have the counts 1, 2, 3 and 4; True where the fallback had to be taken."""
    n1, n2, n3, n4 = (int(n) for n in counts_of_counts[1:5])
    if not (n1 and n2 and n3):
        return FALLBACK_DISCOUNTS, True
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    if any(not 0 <= discount <= j for j, discount in enumerate(discounts, start=1)):
        return FALLBACK_DISCOUNTS, True
    return discounts, False


@dataclass(slots=True, kw_only=True)
class _Estimation:
    """One estimation under way: what fits in memory for all partitions lies here, the rest in files of `folder`."""

    folder: Path
    order: int
    words: int
    partitions: int
    tokens: int = 0
    ngrams: list[int] = field(default_factory=list)
    discounts: list[tuple[float, float, float]] = field(default_factory=list)
    fallback_orders: list[int] = field(default_factory=list)
    unigram_counts: npt.NDArray[np.int64] = field(init=False)
    bigram_totals: Floats = field(init=False)
    unigram_backoffs: Floats = field(init=False)

    def count(self) -> None:
        """Adjusted counts of every order, and the discounts that follow from them."""
        write_partitions(self.folder / "tokens", self.order, self.partitions, lambda p: self.folder / f"windows-{p}")
        (self.folder / "tokens").unlink()
        self.unigram_counts = np.zeros(self.words, dtype=np.int64)
        self.ngrams = [self.words] + [0] * (self.order - 1)
        counts_of_counts = np.zeros((self.order, 6), dtype=np.int64)
        for p in range(self.partitions):
            windows = np.fromfile(self.folder / f"windows-{p}", dtype=np.uint32).reshape(-1, self.order)
            (self.folder / f"windows-{p}").unlink()
            self.tokens += len(windows)
            levels = count_levels(windows)
            self.unigram_counts += np.bincount(levels[0].suffix, minlength=self.words)
            for k, level in enumerate(levels, start=2):
                self._save(level, k, p)
                self.ngrams[k - 1] += len(level.counts)
                counts_of_counts[k - 1] += np.bincount(np.minimum(level.counts, 5), minlength=6)
        counts_of_counts[0] += np.bincount(np.minimum(self.unigram_counts, 5), minlength=6)
        for k, row in enumerate(counts_of_counts, start=1):
            discounts, fallback = modified_discounts(row)
            self.discounts.append(discounts)
            if fallback:
                self.fallback_orders.append(k)

    def weigh_contexts(self) -> None:
        """For every context: the sum of its counts, and the mass that its discounts leave to the lower order."""
        self._weigh_unigram_contexts()
        for k in range(3, self.order + 1):
            sizes = self._send_to_contexts(k)
            self._weigh_and_send_back(k, sizes)

    def _weigh_unigram_contexts(self) -> None:
        totals, left = np.zeros(self.words), np.zeros(self.words)
        for p in range(self.partitions):
            level = self._load(2, p)
            totals += np.bincount(level.words, weights=level.counts, minlength=self.words)
            left += np.bincount(level.words, weights=self._discount(level.counts, 2), minlength=self.words)
        self.bigram_totals = totals
        self.unigram_backoffs = np.divide(left, totals, out=np.ones(self.words), where=totals > 0)

    def _send_to_contexts(self, k: int) -> list[npt.NDArray[np.int64]]:
        """Each n-gram's context and count, to the partition where the context lies as an n-gram of its own."""
        sizes = []
        for p in range(self.partitions):
            levels = [self._load(j, p) for j in range(2, k + 1)]
            context = spell(levels)[1:]
            rows = np.stack([*context, np.minimum(levels[-1].counts, 2**32 - 1).astype(np.uint32)], axis=1)
            parts = partition_of(context[0], context[1], self.partitions)
            sizes.append(append_split(rows, parts, self.partitions, lambda q: self.folder / f"contexts-{q}"))
        return sizes

    def _weigh_and_send_back(self, k: int, sizes: list[npt.NDArray[np.int64]]) -> None:
        for q in range(self.partitions):
            file = self.folder / f"contexts-{q}"
            rows: Ids = np.fromfile(file, dtype=np.uint32).reshape(-1, k)
            file.unlink()
            levels = [self._load(j, q) for j in range(2, k)]
            context = find(levels, [rows[:, i] for i in range(k - 1)], self.words)
            counts, contexts = rows[:, -1].astype(np.int64), len(levels[-1].counts)
            totals = np.bincount(context, weights=counts, minlength=contexts)
            left = np.bincount(context, weights=self._discount(counts, k), minlength=contexts)
            backoffs = np.divide(left, totals, out=np.ones(contexts), where=totals > 0)
            np.save(self.folder / f"backoffs-{k - 1}-{q}.npy", backoffs)
            answer = np.stack([totals[context], backoffs[context]], axis=1)
            origin = np.repeat(np.arange(self.partitions), [size[q] for size in sizes])
            append_split(answer, origin, self.partitions, lambda p: self.folder / f"weights-{k}-{p}")

    def _weights(self, level: Level, k: int, p: int) -> tuple[Floats, Floats]:
        """Of each n-gram's context: the sum of its counts, and its backoff."""
        if k == 2:
            return self.bigram_totals[level.words], self.unigram_backoffs[level.words]
        context = spell([self._load(j, p) for j in range(2, k + 1)])[1:]
        sent = np.argsort(partition_of(context[0], context[1], self.partitions), kind="stable")
        file = self.folder / f"weights-{k}-{p}"
        answer = np.empty((len(sent), 2))
        answer[sent] = np.fromfile(file).reshape(-1, 2)
        file.unlink()
        return answer[:, 0], answer[:, 1]

    def _unigram_probabilities(self) -> Floats:
        """Interpolated with the uniform distribution over all words but `<s>`, which is how `<unk>` gets its mass."""
        total = int(self.unigram_counts.sum())
        discounted = self._discount(self.unigram_counts, 1)
        left = discounted.sum() / total
        probabilities = (self.unigram_counts - discounted) / total + left / (self.words - 1)
        probabilities[BEGIN] = 1.0  # As lmplz writes it: nothing predicts <s>.
        return np.asarray(probabilities)

    def write_arpa(self, words: list[bytes], path: Path) -> None:
        """The model as text: base-10 logarithms, n-grams sorted by suffix within their partition."""
        spelling = pa.array(words, type=pa.binary()).cast(pa.string())
        with path.open("wb") as file:
            file.write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % pair for pair in enumerate(self.ngrams, start=1)))
            unigrams = self._unigram_probabilities()
            file.write(b"\n\\1-grams:\n")
            ids = np.arange(self.words, dtype=np.uint32)
            _write_lines(file, unigrams, [ids], self.unigram_backoffs, spelling)
            for k in range(2, self.order + 1):
                file.write(b"\n\\%d-grams:\n" % k)
                for p in range(self.partitions):
                    self._write_partition(file, k, p, unigrams, spelling)
            file.write(b"\n\\end\\\n")

    def _write_partition(self, file: BinaryIO, k: int, p: int, unigrams: Floats, spelling: pa.StringArray) -> None:
        level = self._load(k, p)
        lower = unigrams if k == 2 else np.load(self.folder / f"probabilities-{k - 1}-{p}.npy")
        totals, backoffs = self._weights(level, k, p)
        probabilities = (level.counts - self._discount(level.counts, k)) / totals + backoffs * lower[level.suffix]
        columns = spell([self._load(j, p) for j in range(2, k + 1)])[::-1]
        if k == self.order:
            _write_lines(file, probabilities, columns, None, spelling)
        else:
            np.save(self.folder / f"probabilities-{k}-{p}.npy", probabilities)
            own = np.load(self.folder / f"backoffs-{k}-{p}.npy")
            _write_lines(file, probabilities, columns, own, spelling)

    def report(self) -> Estimate:
        """What was estimated."""
        return Estimate(
            ngrams=tuple(self.ngrams),
            discounts=tuple(self.discounts),
            fallback_orders=tuple(self.fallback_orders),
            tokens=self.tokens,
            partitions=self.partitions,
        )

    def _discount(self, counts: npt.NDArray[np.int64], k: int) -> Floats:
        return np.array([0.0, *self.discounts[k - 1]])[np.minimum(counts, 3)]

    def _save(self, level: Level, k: int, p: int) -> None:
        np.savez(self.folder / f"level-{k}-{p}.npz", words=level.words, suffix=level.suffix, counts=level.counts)

    def _load(self, k: int, p: int) -> Level:
        with np.load(self.folder / f"level-{k}-{p}.npz") as saved:
            return Level(words=saved["words"], suffix=saved["suffix"], counts=saved["counts"])


def _write_lines(
    file: BinaryIO, probabilities: Floats, columns: list[Ids], backoffs: Floats | None, spelling: pa.StringArray
) -> None:
    """Lines `log10 probability, TAB, words, TAB, log10 backoff`; `columns` run from the oldest word to the newest."""
    for start in range(0, len(probabilities), _LINES_A_WRITE):
        part = slice(start, start + _LINES_A_WRITE)
        words = [spelling.take(pa.array(column[part])) for column in columns]
        fields = [_logarithms(probabilities[part]), pc.binary_join_element_wise(*words, " ")]
        if backoffs is not None:
            fields.append(_logarithms(backoffs[part]))
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*fields, "\t"), "", "\n")
        file.write(lines.buffers()[2][: pc.sum(pc.binary_length(lines)).as_py()])


def _logarithms(values: Floats) -> pa.StringArray:
    """Base-10 logarithms as text; never above 0, which KenLM refuses and rounding could give."""
    logarithms = np.minimum(np.log10(values), 0.0).astype(np.float32) + np.float32(0.0)
    return pa.array(logarithms).cast(pa.string())
