import pytest

from benchmarks.registry import CLAIMS

ASKED_FOR = (
    "normalise-hash language-id duplicate-verdicts perplexity train-lm encode-warm encode-cold tokenize loader"
    " loader-virtual decontaminate mix wikipedia stackexchange github gutenberg arxiv minhash-datasketch"
    " minhash-rensa commoncrawl-chain"
)
OTHERS = (
    "engine-embedded engine-spark-local engine-memory-parent engine-memory-worker"
    " shuffle-bytes growth growth-memory growth-encode growth-posts growth-posts-memory growth-tokenizer-memory"
    " growth-near growth-near-memory growth-decontaminate growth-decontaminate-memory growth-mix growth-mix-memory"
)


def test_every_claim_is_there_under_its_name():
    assert list(CLAIMS) == [*ASKED_FOR.split(), *OTHERS.split()]
    assert all(name == claim.name for name, claim in CLAIMS.items())


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_every_claim_has_a_goal_and_says_what_it_compares(claim):
    assert claim.goal > 0
    assert len(claim.compares) > 40
    assert not claim.compares.endswith(".")
