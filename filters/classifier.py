"""Trains fastText classifiers: one text a line, the same bytes out for the same lines in."""

import ctypes
import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LABEL_PREFIX = "__label__"

MAX_CHARS = 1_000_000
"""What a model is trained on of one document: the crawler cuts a page at 1 MiB."""

_PILES = 64
_M_PERTURB = -6
_BLANKS = str.maketrans(dict.fromkeys("\n\r\v\f\t\0", " "))


def one_line(text: str) -> str:
    """The text as fastText may read it: line ends are blanks, and no word is a label or the end of the line to it.

    A page that holds the words `</s>` or `__label__wiki` would else hide what follows, or choose its own class.
    """
    line = text[:MAX_CHARS].translate(_BLANKS)
    if LABEL_PREFIX in line:
        line = line.replace(LABEL_PREFIX, "__ label__")
    return line.replace("</s>", "< /s>") if "</s>" in line else line


def train_classifier(
    examples: Iterable[tuple[str, str]],
    path: Path,
    *,
    dimension: int,
    epochs: int,
    learning_rate: float = 0.1,
    min_ngram: int = 0,
    max_ngram: int = 0,
    buckets: int = 0,
    seed: int = 0,
) -> dict[str, int]:
    """Train on (label, text) examples, shuffled by `seed`, and write the model to `path`; returns examples a label.

    One thread and a fixed seed: fastText's threads race, and the same examples would give other bytes. Raises
    ValueError where there are fewer than two labels: such a model says the same of everything.
    """
    import fasttext

    with tempfile.TemporaryDirectory(prefix=".classifier-", dir=path.parent) as folder:
        lines = Path(folder) / "examples.txt"
        counts = _write_examples(examples, lines, seed)
        if len(counts) < 2:
            raise ValueError(f"a classifier needs examples of two labels, got {', '.join(counts) or 'none'}")
        with memory_filled_with_zeros():
            model = fasttext.train_supervised(
                input=str(lines),
                dim=dimension,
                epoch=epochs,
                lr=learning_rate,
                minn=min_ngram,
                maxn=max_ngram,
                bucket=buckets,
                seed=seed,
                thread=1,
                verbose=0,
            )
        model.save_model(str(Path(folder) / "model.bin"))
        (Path(folder) / "model.bin").replace(path)
    return dict(sorted(counts.items()))


@contextmanager
def memory_filled_with_zeros() -> Iterator[None]:
    """Have malloc clear what it gives: on one thread fastText sets a tenth of its input matrix and trains on the rest.

    DenseMatrix::uniform deals ten blocks to as many threads; what is left holds whatever lay in memory, so that the
    same text gave forty different models in sixty runs and "Encountered NaN" in four (facebookresearch/fastText issue
    1061; seen with fasttext-numpy2-wheel 0.9.2 under glibc 2.36). Without mallopt only matrices of many megabytes,
    which come cleared from the system, are sure.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    mallopt(_M_PERTURB, 0xFF)  # New memory is filled with the complement of this byte.
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)


def _write_examples(examples: Iterable[tuple[str, str]], path: Path, seed: int) -> dict[str, int]:
    """Lines in a shuffled order, through piles of which one fits into memory: sorted classes would train badly."""
    dice = random.Random(seed)
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        piles = [stack.enter_context(path.with_suffix(f".{i}").open("w+b")) for i in range(_PILES)]
        for label, text in examples:
            line = one_line(text).strip()
            if line:
                dice.choice(piles).write(f"{LABEL_PREFIX}{label} {line}\n".encode("utf-8", "replace"))
                counts[label] = counts.get(label, 0) + 1
        with path.open("wb") as file:
            for pile in piles:
                pile.seek(0)
                lines = pile.readlines()
                dice.shuffle(lines)
                file.writelines(lines)
    return counts
