"""The reference classifier tells pages that Wikipedia cites from random ones."""

import pyarrow as pa
import pytest
from small_web import CITING, REFERENCE, SPAM, WORDS, article, crawl, files_of_two_fits, reader, recipe

from filters.reference import reference_scores
from pipeline.errors import FatalError
from pipeline.fit_reference import fit_reference


def test_pages_that_wikipedia_cites_are_told_from_random_ones(tmp_path):
    report = fit_reference(CITING, recipe(reference=REFERENCE), tmp_path)
    texts = pa.array([" ".join(WORDS["en"]), " ".join(SPAM)])
    good, bad = reference_scores(str(tmp_path / "reference.bin"), texts).to_pylist()
    assert good > 0.8 > 0.2 > bad
    assert (report["positive_candidates"], report["negative_candidates"]) == (60, 60)
    assert report["positives"] + report["held_out_positives"] == report["negatives"] + report["held_out_negatives"]


@pytest.mark.parametrize("epochs, gone_through", [(5, 167), (167, 167), (168, 168)])
def test_few_pages_are_gone_through_more_often(tmp_path, epochs, gone_through):
    report = fit_reference(CITING, recipe(reference=REFERENCE | {"epochs": epochs}), tmp_path)
    assert report["epochs"] == gone_through
    assert (report["recall"], report["random_kept"]) == (1.0, 0.0)


def test_a_handful_of_pages_is_not_gone_through_for_ever(tmp_path):
    assert fit_reference(reader(commoncrawl=crawl(7)), recipe(reference=REFERENCE), tmp_path)["epochs"] == 200


def test_articles_can_stand_for_cited_pages(tmp_path):
    settings = recipe(reference=REFERENCE | {"positives": "articles"})
    report = fit_reference(CITING, settings, tmp_path)
    assert (report["positive_candidates"], report["negative_candidates"]) == (60, 60)


@pytest.mark.parametrize(
    "change, distinct",
    [
        ({}, 30),
        ({"url": None}, 30),
        ({"text": "version {} of the page. " * 9}, 30),
        ({"url": "https://mirror{}.example/"}, 30),
        ({"url": "https://other{}.example/", "text": "page {}, another. " * 9}, 60),
    ],
)
@pytest.mark.parametrize("name, first", [("positive", 0), ("negative", 1)])
def test_each_address_and_each_text_is_learnt_once(tmp_path, change, distinct, name, first):
    pages = crawl(30)
    changes = ({name: value and value.replace("{}", str(i)) for name, value in change.items()} for i in range(30))
    again = [page | {"doc_id": f"a{i}"} | next(changes) for i, page in enumerate(pages[first::2])]
    report = fit_reference(reader(commoncrawl=pages + again), recipe(reference=REFERENCE), tmp_path)
    assert report[f"{name}_candidates"] == 60
    assert report[f"{name}_candidates"] - report[f"{name}_duplicates"] == distinct


@pytest.mark.parametrize("shared", ["url", "text"])
def test_what_is_cited_is_no_random_page_under_another_name(tmp_path, shared):
    pages = crawl(30)
    twins = [
        page
        | {"doc_id": f"twin{i}", "cited": False, "url": f"http://t{i}.org", "text": f"{i} " * 99}
        | {shared: page[shared]}
        for i, page in enumerate(pages[::2])
    ]
    report = fit_reference(reader(commoncrawl=pages + twins), recipe(reference=REFERENCE), tmp_path)
    assert (report["negative_candidates"], report["negative_duplicates"]) == (60, 30)


def test_classes_are_balanced_and_bounded(tmp_path):
    pages = crawl(60) + crawl(90)[120::2]
    report = fit_reference(reader(commoncrawl=pages), recipe(reference=REFERENCE | {"max_documents": 25}), tmp_path)
    assert (
        report["positives"] + report["held_out_positives"] == report["negatives"] + report["held_out_negatives"] == 25
    )


def test_the_order_of_the_pages_does_not_choose_among_them(tmp_path):
    settings = recipe(reference=REFERENCE | {"max_documents": 25})
    reports = []
    for name, pages in (("a", crawl()), ("b", crawl()[::-1])):
        (tmp_path / name).mkdir()
        reports.append(fit_reference(reader(commoncrawl=pages), settings, tmp_path / name))
    assert reports[0]["held_out_positives"] == reports[1]["held_out_positives"]
    assert reports[0]["positives"] == reports[1]["positives"] < 25


@pytest.mark.parametrize(
    "change",
    [{"language": "de"}, {"language": None}, {"language_score": 0.4}, {"language_score": None}, {"text": "x" * 99}],
)
def test_pages_of_no_use_are_in_neither_class(tmp_path, change):
    pages = [page | change if i < 20 else page for i, page in enumerate(crawl())]
    report = fit_reference(reader(commoncrawl=pages), recipe(reference=REFERENCE), tmp_path)
    assert (report["positive_candidates"], report["negative_candidates"]) == (50, 50)


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"commoncrawl": crawl()[1::2]}, {}, 'set reference.positives = "articles"'),
        ({"commoncrawl": crawl()[::2]}, {"reference": REFERENCE}, "no CommonCrawl document is left as a random page"),
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
