"""The reference classifier tells pages that Wikipedia cites from random ones."""

import pytest
from small_web import CITING, REFERENCE, SPAM, WORDS, article, crawl, files_of_two_fits, reader, recipe

from filters.reference import reference_score
from pipeline.errors import FatalError
from pipeline.fit_reference import fit_reference


def test_pages_that_wikipedia_cites_are_told_from_random_ones(tmp_path):
    report = fit_reference(CITING, recipe(reference=REFERENCE), tmp_path)
    path = str(tmp_path / "reference.bin")
    assert reference_score(path, " ".join(WORDS["en"])) > 0.8 > 0.2 > reference_score(path, " ".join(SPAM))
    assert (report["cited_urls"], report["positive_candidates"], report["negative_candidates"]) == (60, 60, 60)
    assert report["positives"] + report["held_out_positives"] == report["negatives"] + report["held_out_negatives"]


@pytest.mark.parametrize("epochs, gone_through", [(5, 167), (167, 167), (168, 168)])
def test_few_pages_are_gone_through_more_often(tmp_path, epochs, gone_through):
    report = fit_reference(CITING, recipe(reference=REFERENCE | {"epochs": epochs}), tmp_path)
    assert report["epochs"] == gone_through
    assert (report["recall"], report["random_kept"]) == (1.0, 0.0)


def test_a_handful_of_pages_is_not_gone_through_for_ever(tmp_path):
    read = reader(wikipedia=next(CITING("wikipedia")).to_pylist(), commoncrawl=crawl(7))
    assert fit_reference(read, recipe(reference=REFERENCE), tmp_path)["epochs"] == 200


def test_articles_can_stand_for_cited_pages(tmp_path):
    settings = recipe(reference=REFERENCE | {"positives": "articles"})
    report = fit_reference(CITING, settings, tmp_path)
    assert (report["cited_urls"], report["positive_candidates"], report["negative_candidates"]) == (0, 60, 120)


def test_a_page_met_twice_is_one_positive(tmp_path):
    pages = crawl(30)
    again = [page | {"doc_id": f"again{i}"} for i, page in enumerate(pages[::2])]
    read = reader(wikipedia=next(CITING("wikipedia")).to_pylist() * 5, commoncrawl=pages + again)
    report = fit_reference(read, recipe(reference=REFERENCE), tmp_path)
    assert report["positive_candidates"] == 14
    assert report["positives"] + report["held_out_positives"] == 7


@pytest.mark.parametrize(
    "change", [{"language": "de"}, {"language_score": 0.4}, {"language_score": None}, {"text": "x" * 99}]
)
def test_pages_of_no_use_are_in_neither_class(tmp_path, change):
    pages = [page | change if i < 20 else page for i, page in enumerate(crawl())]
    read = reader(wikipedia=[row for batch in CITING("wikipedia") for row in batch.to_pylist()], commoncrawl=pages)
    report = fit_reference(read, recipe(reference=REFERENCE), tmp_path)
    assert (report["positive_candidates"], report["negative_candidates"]) == (50, 50)


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"wikipedia": [], "commoncrawl": crawl()}, {}, 'set reference.positives = "articles"'),
        (
            {"wikipedia": [], "commoncrawl": crawl()},
            {"reference": {"positives": "articles"}},
            "no Wikipedia document is long enough",
        ),
        (
            {"wikipedia": [article(1)], "commoncrawl": []},
            {"reference": REFERENCE | {"positives": "articles"}},
            "no CommonCrawl document is left as a random page",
        ),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit_reference(reader(**sources), recipe(**settings), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_same_documents_give_the_same_bytes_and_report(tmp_path):
    first, again = files_of_two_fits(fit_reference, tmp_path, recipe(reference=REFERENCE))
    assert first == again
