"""The reference classifier: training and its report, scores."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from filters.classifier import train_classifier
from filters.reference import (
    RANDOM,
    REFERENCE,
    SCORE_BINS,
    ScoreReference,
    reference_scores,
    train_reference,
)

CITED = "study journal history university research century museum archive letter edition".split()
SPAM = "buy cheap click discount casino login cart free shipping subscribe".split()


def pages(words, count, seed):
    dice = random.Random(seed)
    return [" ".join(dice.choices(words, k=40)) for _ in range(count)]


def scores(path, *texts):
    return reference_scores(path, pa.array(texts)).to_pylist()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "reference.bin"
    report = train_reference(pages(CITED, 200, 1), pages(SPAM, 200, 2), path, dimension=8, epochs=20)
    return str(path), report


def test_cited_pages_score_above_random_ones(trained):
    path, _ = trained
    cited, spam = scores(path, "a study of\nthe museum archive", "buy cheap! click")
    assert cited > 0.9 > 0.1 > spam


def test_the_score_is_that_of_the_label_wiki_whichever_is_likelier(trained):
    path, _ = trained
    assert sum(scores(path, " ".join(CITED), " ".join(SPAM))) == pytest.approx(1, abs=0.1)


def test_scores_are_written_and_nothing_is_rejected(trained, documents):
    batch = documents(" ".join(CITED), " ".join(SPAM), " \n")
    result = ScoreReference(model_path=trained[0]).apply(batch)
    cited, spam, empty = result.batch.column("reference_score").to_pylist()
    assert cited > 0.9 and spam < 0.1 and empty is None
    assert result.reason.to_pylist() == [None] * 3
    assert result.counts == {"no_reference_score": 1}
    assert result.batch.column("text") == batch.column("text")


def test_the_report_tells_what_was_held_out_and_how_it_scored(trained):
    report = trained[1]
    assert report.positives + report.held_out_positives == report.negatives + report.held_out_negatives == 200
    assert 5 < report.held_out_positives < 40
    assert (report.precision, report.recall, report.random_kept, report.auc) == (1.0, 1.0, 0.0, 1.0)
    assert report.to_dict()["min_score"] == 0.25


def test_the_report_shows_how_the_scores_of_both_classes_are_spread(trained):
    report = trained[1]
    assert (len(report.positive_scores), len(report.negative_scores)) == (SCORE_BINS, SCORE_BINS)
    assert (sum(report.positive_scores), sum(report.negative_scores)) == (
        report.held_out_positives,
        report.held_out_negatives,
    )
    assert sum(report.positive_scores[16:]) == report.held_out_positives
    assert len(report.positive_deciles) == 9 and sorted(report.positive_deciles) == list(report.positive_deciles)
    assert report.negative_deciles[-1] < 0.5 < report.positive_deciles[0]


def test_classes_that_are_alike_cannot_be_told_apart(tmp_path):
    report = train_reference(pages(CITED, 300, 1), pages(CITED, 300, 2), tmp_path / "m.bin", dimension=8)
    assert 0.2 < report.auc < 0.8


@pytest.mark.parametrize("min_score, recall, random_kept, precision", [(0.0, 1.0, 1.0, 0.5), (1.0, 0.0, 0.0, None)])
def test_figures_are_at_the_threshold(tmp_path, min_score, recall, random_kept, precision):
    same = pages(CITED + SPAM, 100, 3)
    report = train_reference(same[:50], same[50:], tmp_path / "m.bin", dimension=4, epochs=1, min_score=min_score)
    assert (report.recall, report.random_kept, report.precision) == (recall, random_kept, precision)


def test_without_held_out_documents_there_are_no_figures(tmp_path):
    report = train_reference(["study museum"], ["buy cheap"], tmp_path / "m.bin", dimension=4, epochs=1)
    assert (report.held_out_positives, report.held_out_negatives) == (0, 0)
    assert (report.precision, report.recall, report.random_kept, report.auc) == (None,) * 4
    assert (sum(report.positive_scores), report.negative_deciles) == (0, ())


def test_the_same_pages_train_the_same_bytes(tmp_path, trained):
    train_reference(pages(CITED, 200, 1), pages(SPAM, 200, 2), tmp_path / "again.bin", dimension=8, epochs=20)
    assert (tmp_path / "again.bin").read_bytes() == Path(trained[0]).read_bytes()


def test_one_class_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"examples of two labels, got {RANDOM}"):
        train_reference([], pages(SPAM, 20, 2), tmp_path / "m.bin")


def test_a_model_without_the_label_is_refused(tmp_path):
    train_classifier([("en", "a b"), ("de", "c d")], tmp_path / "m.bin", dimension=4, epochs=1)
    with pytest.raises(ValueError, match=rf"m\.bin has no label {REFERENCE}, only de, en"):
        scores(str(tmp_path / "m.bin"), "a b")


@pytest.mark.parametrize("cited, others", [(100, 1), (1, 100)])
def test_with_one_class_held_out_there_are_no_figures(tmp_path, cited, others):
    first = ["study museum"] if cited == 1 else pages(CITED, cited, 1)
    second = ["buy cheap"] if others == 1 else pages(SPAM, others, 2)
    report = train_reference(first, second, tmp_path / "m.bin", dimension=4, epochs=1)
    assert (report.held_out_positives > 0, report.held_out_negatives > 0) == (cited > 1, others > 1)
    assert (report.precision, report.recall, report.random_kept, report.auc) == (None,) * 4
