"""A model of two thousand weights and its scores, committed in tests/golden/model, to notice any drift.

    python tests/trainer/golden_model.py

writes it anew: only where the layout of checkpoints is to change, or what the model computes. Weights come from hashes
of their names, so that no library's random numbers decide them.
"""

import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # Also as a command.

from llama_reference import reference_logits  # noqa: E402

from trainer.config import TrainerConfig  # noqa: E402
from trainer.saved_model import ImportedModel, save_imported, weight_shapes  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "model"
CONFIG = TrainerConfig(dimension=8, layers=2, heads=2, feed_forward_multiple=8)
VOCABULARY = 16
TOKENS = [[1, 4, 9, 0, 15, 3, 3, 2], [1, 15, 14, 13, 12, 11, 10, 2]]


def hashed_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Float32 numbers between -1/2 and 1/2 in steps of 2^-16, those of a norm around 1."""
    digest = hashlib.shake_128(name.encode()).digest(2 * math.prod(shape))
    numbers = np.frombuffer(digest, "<u2").astype(np.float32) / 65536 - 0.5
    return torch.from_numpy(numbers).view(shape) + (1.0 if len(shape) == 1 else 0.0)


def write(folder: Path) -> None:
    """The checkpoint, and logits.json: the reference's scores in float64."""
    shapes = weight_shapes(CONFIG, VOCABULARY)
    weights = {name: hashed_weight(name, shape) for name, shape in shapes.items()}
    model = ImportedModel(
        config=CONFIG, vocabulary_size=VOCABULARY, context_tokens=8, read=weights.__getitem__, tokenizer=None
    )
    save_imported(model, folder)
    exact = {name: weight.double() for name, weight in weights.items()}
    logits = reference_logits(exact, torch.tensor(TOKENS), CONFIG)
    (folder / "logits.json").write_text(json.dumps({"tokens": TOKENS, "logits": logits.tolist()}) + "\n")


if __name__ == "__main__":
    import shutil

    shutil.rmtree(GOLDEN, ignore_errors=True)
    write(GOLDEN)
