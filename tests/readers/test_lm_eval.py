"""EleutherAI/lm-evaluation-harness loads an exported model as it is, and finds the likelihoods that we find."""

import json
import subprocess

import pytest
import torch

from tests.readers import build
from tests.trainer.saved_models import SMALL, saved
from tokenizer.vocabulary import Vocabulary
from trainer.choice_sets import Completion
from trainer.choices import Scorer
from trainer.huggingface import export_huggingface

pytestmark = pytest.mark.readers
COMPLETIONS = [
    Completion("Question: abc?\nAnswer:", "def"),
    Completion("Question: abc?\nAnswer:", "d e f 12."),
    Completion("ij", "a"),
    Completion("Passage: é日 " + "bc de " * 7 + "\nQuestion: is it?\nAnswer:", "no"),
    Completion("abc def gh " * 12, "longer than the context of the model: ij"),
]
SCRIPT = """
import json
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

model = HFLM(pretrained={folder!r}, device="cpu", dtype="float32", batch_size=2)
requests = [
    Instance(request_type="loglikelihood", doc={{}}, arguments=tuple(pair), idx=place)
    for place, pair in enumerate({pairs!r})
]
print(json.dumps([likelihood for likelihood, _ in model.loglikelihood(requests, disable_tqdm=True)]))
"""


def test_an_export_has_our_likelihoods_in_the_harness(vocabulary_path, tmp_path):
    if (said := build.state().get("lm_eval")) != "ready":
        pytest.skip(f"lm_eval: {said}" if said else "no environment of readers: make readers")
    model = saved(tmp_path / "out", tokenizer=vocabulary_path)
    export_huggingface(model, tmp_path / "hf", dtype=torch.float32, file_bytes=1 << 30, tokenizer=vocabulary_path)
    pairs = [(completion.context.rstrip(), f" {completion.text}") for completion in COMPLETIONS]
    script = SCRIPT.format(folder=str(tmp_path / "hf"), pairs=pairs)
    command = [str(build.python()), "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    scorer = Scorer.of_model(
        model.llama(),
        SMALL,
        Vocabulary(vocabulary_path),
        context_tokens=model.context_tokens,
        device=torch.device("cpu"),
    )
    scores = scorer.scores(Completion(context, text.strip()) for context, text in pairs)
    assert [score.cut for score in scores.values()] == [False, False, False, False, True]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == pytest.approx([-score.nats for score in scores.values()], abs=1e-4)
