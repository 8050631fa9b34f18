"""How reference scores are spread is counted in bins, of what passes and of all."""

import numpy as np
import pytest

from filters.batch import document_batch
from filters.select import LanguageIs, PerplexityBucketIs
from pipeline.score_counts import BINS, BYTES, COARSE_BINS, COLUMNS, CRAWLED, PAGES, count_scores, histogram

FILTERS = (LanguageIs(keep=("en",)), PerplexityBucketIs(keep=("head",), head=10.0, middle=20.0))


def page(score, text="four", **columns):
    found = {"doc_id": "1", "source": "commoncrawl", "origin": "o", "language": "en", "language_score": 0.9}
    return found | {"perplexity": 5.0, "reference_score": score, "text": text} | columns


def counted(*pages):
    return dict(count_scores([document_batch(pages).select(COLUMNS)], FILTERS))


@pytest.mark.parametrize(
    "score, fine, coarse",
    [(0.0, 0, 0), (0.0039, 0, 0), (1 / 256, 1, 0), (0.25, 64, 8), (0.24999, 63, 7), (0.9999, 255, 31), (1.0, 255, 31)],
)
def test_a_score_lies_in_its_bin(score, fine, coarse):
    assert counted(page(score)) == {f"pages.{fine:03d}": 1, f"bytes.{fine:03d}": 4, f"crawled.{coarse:03d}": 1}


def test_bytes_are_those_of_the_text_and_add_up():
    assert counted(page(0.5, "äö"), page(0.5, ""), page(0.5, "x"))["bytes.128"] == 5


@pytest.mark.parametrize(
    "columns",
    [{"language": "de"}, {"language_score": 0.4}, {"perplexity": 11.0}, {"perplexity": None}, {"language": None}],
)
def test_what_language_or_perplexity_reject_is_among_all_pages_alone(columns):
    assert counted(page(0.5, **columns)) == {"crawled.016": 1}


def test_a_page_without_a_score_is_not_counted():
    assert counted(page(None)) == {}
    assert count_scores([], FILTERS) == {}


def test_batches_add_up():
    batch = document_batch([page(0.1), page(0.9)]).select(COLUMNS)
    assert count_scores([batch, batch], FILTERS) == {key: 2 * n for key, n in count_scores([batch], FILTERS).items()}


def test_a_histogram_is_read_back_from_the_counts():
    counts = counted(page(0.1), page(0.9), page(0.9))
    assert np.flatnonzero(histogram(counts, PAGES)).tolist() == [25, 230]
    assert histogram(counts, BYTES)[230] == 8
    assert (len(histogram(counts, PAGES)), len(histogram(counts, CRAWLED))) == (BINS, COARSE_BINS)
    assert histogram(counts, CRAWLED).sum() == 3
