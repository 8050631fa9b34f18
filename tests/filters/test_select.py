"""Thresholds on the score columns: each reason, both sides of each bound."""

import pytest

from filters.select import LanguageIs, PerplexityBucketIs, ReferenceScoreAtLeast


@pytest.mark.parametrize(
    "language, score, reason",
    [
        ("en", 0.5, None),
        ("en", 0.49, "language_score_too_low"),
        ("en", None, "language_score_too_low"),
        ("fr", 1.0, None),
        ("de", 0.99, "language_not_kept"),
        ("de", 0.1, "language_not_kept"),
        (None, 0.0, "language_unknown"),
        (None, None, "language_unknown"),
    ],
)
def test_a_document_surely_in_a_kept_language_stays(documents, language, score, reason):
    batch = documents("text", language=language, language_score=score)
    result = LanguageIs(keep=("en", "fr"), min_score=0.5).apply(batch)
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {} and result.batch is batch


@pytest.mark.parametrize(
    "perplexity, reason, counts",
    [
        (339.5, None, (1, 0, 0)),
        (340.0, "perplexity_middle", (0, 1, 0)),
        (519.5, "perplexity_middle", (0, 1, 0)),
        (520.0, None, (0, 0, 1)),
        (None, "no_perplexity", (0, 0, 0)),
    ],
)
def test_a_document_stays_in_a_kept_bucket(documents, perplexity, reason, counts):
    rule = PerplexityBucketIs(keep=("head", "tail"), head=340, middle=520)
    result = rule.apply(documents("text", perplexity=perplexity))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == dict(zip(("head", "middle", "tail"), counts, strict=True))


@pytest.mark.parametrize("perplexity, reason", [(1.0, "perplexity_head"), (9.0, "perplexity_tail"), (4.0, None)])
def test_head_and_tail_can_be_left_out(documents, perplexity, reason):
    rule = PerplexityBucketIs(keep=("middle",), head=3, middle=5)
    assert rule.apply(documents("text", perplexity=perplexity)).reason.to_pylist() == [reason]


@pytest.mark.parametrize(
    "score, reason",
    [
        (0.25, None),
        (1.0, None),
        (0.2499, "reference_score_too_low"),
        (0.0, "reference_score_too_low"),
        (None, "no_reference_score"),
    ],
)
def test_a_document_that_looks_cited_stays(documents, score, reason):
    result = ReferenceScoreAtLeast(min_score=0.25).apply(documents("text", reference_score=score))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


def test_rows_keep_their_order_and_their_own_reason(documents):
    rows = [documents("", reference_score=score) for score in (0.1, 0.9, None)]
    assert [ReferenceScoreAtLeast().apply(row).reason[0].as_py() for row in rows] == [
        "reference_score_too_low",
        None,
        "no_reference_score",
    ]


@pytest.mark.parametrize(
    "decimals, kept", [(None, [0.5]), (2, [0.4951, 0.4999, 0.5]), (1, [0.4949, 0.4951, 0.4999, 0.5])]
)
def test_a_score_is_rounded_before_it_is_compared_where_ccnet_is_followed(documents, decimals, kept):
    rule = LanguageIs(keep=("en",), min_score=0.5, score_decimals=decimals)
    for score in (0.4449, 0.4949, 0.4951, 0.4999, 0.5):
        verdict = rule.apply(documents("text", language="en", language_score=score)).reason.to_pylist()
        assert verdict == [None if score in kept else "language_score_too_low"]


@pytest.mark.parametrize("rule", [LanguageIs(keep=("en",)), ReferenceScoreAtLeast()])
def test_an_empty_batch_is_judged_too(documents, rule):
    result = rule.apply(documents())
    assert result.reason.to_pylist() == [] and result.batch.num_rows == 0


@pytest.mark.parametrize(
    "rule, reasons",
    [
        (LanguageIs, {"language_unknown", "language_score_too_low", "language_not_kept"}),
        (PerplexityBucketIs, {"no_perplexity", "perplexity_head", "perplexity_middle", "perplexity_tail"}),
        (ReferenceScoreAtLeast, {"no_reference_score", "reference_score_too_low"}),
    ],
)
def test_every_reason_is_declared(rule, reasons):
    assert set(rule.reasons) == reasons


@pytest.mark.parametrize(
    "rule, settings, message",
    [
        (LanguageIs, {"keep": ()}, r"keep must name at least one language, got \(\)"),
        (LanguageIs, {"keep": ("en",), "min_score": 1.1}, r"min_score must be from 0 to 1, got 1\.1"),
        (LanguageIs, {"keep": ("en",), "score_decimals": -1}, "score_decimals must be at least 0, got -1"),
        (ReferenceScoreAtLeast, {"min_score": -0.1}, r"min_score must be from 0 to 1, got -0\.1"),
        (PerplexityBucketIs, {"keep": ("best",), "head": 1, "middle": 2}, "some of head, middle, tail, got best"),
        (PerplexityBucketIs, {"keep": (), "head": 1, "middle": 2}, r"some of head, middle, tail, got \(\)"),
        (PerplexityBucketIs, {"keep": ("head",), "head": 3, "middle": 2}, "head must be above 0 and at most middle"),
        (PerplexityBucketIs, {"keep": ("head",), "head": 0, "middle": 2}, "head must be above 0"),
    ],
)
def test_a_wrong_setting_is_refused(rule, settings, message):
    with pytest.raises(ValueError, match=message):
        rule(**settings)


@pytest.mark.parametrize(
    "rule",
    [
        LanguageIs(keep=("en",), min_score=0),
        LanguageIs(keep=("en",), min_score=1),
        ReferenceScoreAtLeast(min_score=0),
        ReferenceScoreAtLeast(min_score=1),
        PerplexityBucketIs(keep=("middle",), head=2, middle=2),
    ],
)
def test_the_bounds_of_a_setting_are_allowed_and_the_best_document_stays(documents, rule):
    best = documents("text", language="en", language_score=1.0, reference_score=1.0, perplexity=2.0)
    verdict = "perplexity_tail" if isinstance(rule, PerplexityBucketIs) else None
    assert rule.apply(best).reason.to_pylist() == [verdict]
