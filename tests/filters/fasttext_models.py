"""Small fastText models of every kind, trained on the spot, and what fastText itself says of a text."""

import random
from functools import cache
from pathlib import Path
from typing import Any

from filters.classifier import memory_filled_with_zeros

SOFTMAX = {"dim": 5, "minn": 0, "maxn": 0, "bucket": 0}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "words": (SOFTMAX, None),
    "letters": ({"dim": 16, "minn": 2, "maxn": 4, "bucket": 500}, None),
    "letters-from-one": ({"dim": 3, "minn": 1, "maxn": 2, "bucket": 97, "loss": "hs"}, None),
    "word-pairs": ({"dim": 8, "wordNgrams": 2, "minn": 0, "maxn": 0, "bucket": 300}, None),
    "all-ngrams": ({"dim": 10, "wordNgrams": 3, "minn": 2, "maxn": 5, "bucket": 1000, "loss": "hs"}, None),
    "negative-sampling": ({"dim": 4, "minn": 2, "maxn": 3, "bucket": 100, "loss": "ns"}, None),
    "one-vs-all": ({"dim": 9, "wordNgrams": 2, "bucket": 100, "loss": "ova"}, None),
    "quantised": ({"dim": 7, "minn": 2, "maxn": 4, "bucket": 800}, {"dsub": 2}),
    "norms": ({"dim": 6, "minn": 2, "maxn": 3, "bucket": 800, "loss": "hs"}, {"qnorm": True, "dsub": 4}),
    "pruned": ({"dim": 8, "minn": 2, "maxn": 4, "bucket": 900, "loss": "hs"}, {"qnorm": True, "cutoff": 400}),
    "pruned-pairs": ({"dim": 8, "wordNgrams": 2, "minn": 2, "maxn": 3, "bucket": 900}, {"cutoff": 300}),
    "retrained": ({"dim": 8, "minn": 2, "maxn": 4, "bucket": 900}, {"cutoff": 400, "retrain": True, "epoch": 1}),
    "words-alone-stay": (SOFTMAX | {"words": 600}, {"cutoff": 290}),
    "quantised-labels": ({"dim": 6, "minn": 2, "maxn": 3, "bucket": 500, "labels": 300}, {"qout": True}),
    "quantised-nodes": ({"dim": 6, "labels": 300, "loss": "hs", "words": 400}, {"qout": True, "qnorm": True}),
}
"""What each is trained and quantised with; `labels` and `words` are how many there are."""

LETTERS = "abcdefghijklmnopéßбгд中文日"


def train_kind(kind: str, folder: Path) -> Path:
    """The model file of a kind."""
    import fasttext

    settings, quantisation = KINDS[kind]
    settings = dict(settings)
    dice = random.Random(kind)
    labels, words = settings.pop("labels", 5), vocabulary(dice, settings.pop("words", 80))
    lines = folder / f"{kind}.txt"
    with lines.open("w", encoding="utf-8") as file:
        for i in range(4 * labels + 200):
            label = min(dice.randrange(labels), dice.randrange(labels)) if i >= labels else i
            chosen = " ".join(dice.choice(words[label % 7 :: 7]) for _ in range(6))
            file.write(f"__label__{label} {chosen}\n")
    with memory_filled_with_zeros():
        model = fasttext.train_supervised(str(lines), thread=1, verbose=0, epoch=5, lr=0.5, **settings)
        if quantisation is not None:
            model.quantize(input=str(lines), thread=1, verbose=0, **quantisation)
    model.save_model(str(folder / f"{kind}.bin"))
    return folder / f"{kind}.bin"


def vocabulary(dice: random.Random, words: int = 80) -> list[str]:
    """Words of one to seven letters."""
    return ["".join(dice.choices(LETTERS, k=dice.randint(1, 7))) for _ in range(words)]


def answers(path: Path, text: str, labels: int) -> list[tuple[str, float]]:
    """What fastText answers; a line feed is a blank, as it has to be for it."""
    found = _loaded(str(path)).f.predict(text.replace("\n", " ") + "\n", labels, -1.0, "strict")
    return [(label.removeprefix("__label__"), probability) for probability, label in found]


@cache
def _loaded(path: str) -> Any:
    import fasttext

    return fasttext.FastText._FastText(model_path=path)
