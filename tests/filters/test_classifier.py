"""Training: what fastText may read, and that it gives the same bytes."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from filters.classifier import MAX_CHARS, one_line, train_classifier
from filters.fasttext_model import FastTextModel

SETTINGS = {"dimension": 8, "epochs": 20, "learning_rate": 0.5}


def examples(count=60):
    dice = random.Random(3)
    for i in range(count):
        fruit = i % 2 == 0
        words = ["apple", "pear", "plum", "fig"] if fruit else ["bolt", "screw", "nail", "nut"]
        yield ("fruit" if fruit else "iron"), " ".join(dice.choices(words, k=8))


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train_classifier(examples(), path, **SETTINGS)
    return str(path)


@pytest.mark.parametrize(
    "text, line",
    [
        ("", ""),
        ("a\nb\r\nc\td\x00e\x0bf\x0cg", "a b  c d e f g"),
        ("__label__wiki a", "__ label__wiki a"),
        ("a</s>b </s>", "a< /s>b < /s>"),
        ("x" * (MAX_CHARS + 1), "x" * MAX_CHARS),
    ],
)
def test_text_is_one_line_that_neither_labels_nor_ends_itself(text, line):
    assert one_line(text) == line


def test_classes_are_told_apart(model_path, likeliest):
    label, score = likeliest(model_path, "apple fig")
    assert label == "fruit" and 0.9 < score <= 1
    assert likeliest(model_path, "a bolt\nand a nail")[0] == "iron"


def test_labels_and_line_ends_inside_a_text_train_nothing_of_their_own(tmp_path):
    hostile = [(label, f"{text}\n__label__evil {text}\0</s> __label__worse") for label, text in examples()]
    counts = train_classifier(hostile, tmp_path / "model.bin", **SETTINGS)
    assert counts == {"fruit": 30, "iron": 30}
    assert sorted(FastTextModel.load(str(tmp_path / "model.bin")).labels) == ["fruit", "iron"]


def test_empty_texts_are_no_examples(tmp_path):
    assert train_classifier([*examples(), ("iron", " \n")], tmp_path / "m.bin", **SETTINGS) == {"fruit": 30, "iron": 30}


def test_sorted_classes_train_as_well_as_mixed_ones(tmp_path, likeliest):
    train_classifier(sorted(examples()), tmp_path / "model.bin", **SETTINGS)
    assert likeliest(tmp_path / "model.bin", "apple fig")[0] == "fruit"
    assert likeliest(tmp_path / "model.bin", "bolt nail")[0] == "iron"


@pytest.mark.parametrize("found", [[], [("iron", "bolt")], [("iron", "bolt"), ("fruit", "\n")]])
def test_one_class_is_refused_and_nothing_is_left(tmp_path, found):
    with pytest.raises(ValueError, match=r"examples of two labels, got (none|iron)"):
        train_classifier(found, tmp_path / "model.bin", **SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_training_leaves_the_model_and_says_nothing(tmp_path, capfd):
    train_classifier(examples(), tmp_path / "model.bin", **SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert capfd.readouterr() == ("", "")


def test_another_process_trains_the_same_bytes_and_another_seed_other_ones(tmp_path, model_path):
    script = (
        "import sys; from pathlib import Path; from tests.filters.test_classifier import *;"
        "train_classifier(examples(), Path(sys.argv[1]), **SETTINGS, seed=int(sys.argv[2]))"
    )
    digests = []
    for seed in ("0", "1"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed), seed], check=True)
        digests.append(hashlib.sha256((tmp_path / seed).read_bytes()).hexdigest())
    here = hashlib.sha256(Path(model_path).read_bytes()).hexdigest()
    assert digests[0] == here != digests[1]


def test_what_lies_in_memory_is_not_trained_on(tmp_path, model_path):
    for size in range(100, 5000, 700):
        litter = [np.full(size, np.nan, dtype=np.float32) for _ in range(50)]
        del litter
        train_classifier(examples(), tmp_path / "model.bin", **SETTINGS)
        assert (tmp_path / "model.bin").read_bytes() == Path(model_path).read_bytes()
