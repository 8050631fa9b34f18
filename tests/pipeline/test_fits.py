"""The fits: what they learn, what they report, and that the same documents give the same bytes."""

import json
import random

import pytest

from filters.batch import document_batch
from filters.language import identify
from filters.perplexity import load_language_model, load_pieces, perplexity
from filters.reference import reference_score
from pipeline.errors import FatalError
from pipeline.fits import fit_cutoffs, fit_language, fit_language_model, fit_reference, read_cutoffs
from pipeline.recipe import Recipe

WORDS = {
    "en": "the house is old and garden behind it full of apples nobody has gathered this year study museum".split(),
    "de": "das haus ist alt und der garten dahinter voller äpfel die in diesem jahr niemand gesammelt hat".split(),
}
SPAM = "buy cheap click discount casino login cart free shipping subscribe".split()


def recipe(**tables):
    return Recipe.model_validate({"name": "test", "seed": 1} | tables)


def article(i, language="en", words=None, **columns):
    dice = random.Random(f"{language}{i}{words}")
    lines = [" ".join(dice.choices(words or WORDS[language], k=12)) for _ in range(8)]
    found = {"doc_id": f"{language}{i}", "source": "wikipedia", "origin": str(i), "language": language}
    return found | {"text": "\n".join(lines)} | columns


def reader(**sources):
    """`read(source)` over rows, in batches of seven."""

    def read(source):
        rows = sources[source]
        return (document_batch(rows[i : i + 7]) for i in range(0, len(rows), 7))

    return read


def wikipedia(**columns):
    return [article(i, language, **columns) for i in range(60) for language in ("en", "de")]


def crawl(count=60):
    """Pages about what Wikipedia cites, and as many that sell things."""
    scores = {"language_score": 0.9, "source": "commoncrawl"}
    cited = [article(i, url=f"http://good{i}.org/page/", perplexity=10.0 + i, **scores) for i in range(count)]
    random_ = [article(i, words=SPAM, doc_id=f"spam{i}", url=f"http://spam{i}.com/", **scores) for i in range(count)]
    return [page for pair in zip(cited, random_, strict=True) for page in pair]


CITING = reader(
    wikipedia=[article(i, cited_urls=[f"https://www.good{i}.org/page", "nonsense", None]) for i in range(60)],
    commoncrawl=crawl(),
)
REFERENCE = {"min_chars": 100, "dimension": 8, "epochs": 30}


def test_a_language_model_is_trained_on_one_language(tmp_path):
    settings = {"vocabulary_size": 300, "order": 3}
    report = fit_language_model(reader(wikipedia=wikipedia()), recipe(language_model=settings), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm.arpa", "pieces.model"]
    models = load_language_model(str(tmp_path / "lm.arpa")), load_pieces(str(tmp_path / "pieces.model"))
    assert perplexity(*models, " ".join(WORDS["en"])) < perplexity(*models, " ".join(WORDS["de"]))
    assert (report["documents"], report["candidates"], report["pieces_asked_for"]) == (60, 60, 300)
    assert 20 < report["pieces"] <= 300
    assert len(report["ngrams"]) == len(report["discounts"]) == 3
    assert 0 < report["held_out_documents"] < 10 and report["held_out_median_perplexity"] > 1


def test_held_out_documents_are_not_trained_on(tmp_path):
    rows = wikipedia()
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    pieces = load_pieces(str(tmp_path / "pieces.model"))
    sizes = [sum(len(pieces.encode(line)) + 1 for line in row["text"].split("\n")) for row in rows[::2]]
    assert sum(sizes) - report["held_out_documents"] * max(sizes) <= report["tokens"] < sum(sizes)


def test_copies_of_a_held_out_document_are_not_trained_on(tmp_path):
    rows = [row | {"doc_id": f"{row['doc_id']} {copy}"} for row in wikipedia() for copy in "abc"]
    report = fit_language_model(reader(wikipedia=rows), recipe(language_model={"vocabulary_size": 300}), tmp_path)
    assert report["held_out_documents"] % 3 == 0 < report["held_out_documents"]
    assert report["held_out_median_perplexity"] > 8  # Of 16 words in any order; what was trained on has 2.


@pytest.mark.parametrize("limit, documents", [({"max_documents": 10}, 10), ({"max_text_bytes": 1}, 1)])
def test_a_language_model_takes_a_bounded_sample(tmp_path, limit, documents):
    settings = recipe(language_model={"vocabulary_size": 300} | limit)
    report = fit_language_model(reader(wikipedia=wikipedia()), settings, tmp_path)
    assert (report["documents"], report["candidates"]) == (documents, 60)
    assert report["held_out_documents"] == 0 and report["held_out_median_perplexity"] is None


def test_languages_are_told_apart(tmp_path):
    report = fit_language(reader(wikipedia=wikipedia()), recipe(), tmp_path)
    assert report["examples"].keys() == {"en", "de"} and min(report["examples"].values()) > 60
    assert report["held_out_examples"] > 0 and report["held_out_accuracy"] == 1.0
    path = str(tmp_path / "language.bin")
    assert [identify(path, " ".join(WORDS[language]))[0] for language in ("en", "de")] == ["en", "de"]


def test_each_language_gives_a_bounded_number_of_bytes(tmp_path):
    report = fit_language(reader(wikipedia=wikipedia()), recipe(language={"max_text_bytes": 2000}), tmp_path)
    assert all(count <= 2000 // 300 + 4 for count in report["examples"].values())


def test_a_language_with_one_short_article_is_learnt(tmp_path):
    rows = [*wikipedia(), article(0, "fr", words=["maison", "jardin", "pommes"])]
    assert fit_language(reader(wikipedia=rows), recipe(), tmp_path)["examples"]["fr"] > 0


def test_cutoffs_are_percentiles_of_the_scored_pages(tmp_path):
    report = fit_cutoffs(CITING, recipe(perplexity={"head_percentile": 25.0, "middle_percentile": 50.0}), tmp_path)
    assert (report["head"], report["middle"]) == (24.75, 39.5) == read_cutoffs(tmp_path / "cutoffs.json")
    assert (report["documents"], report["candidates"], report["from"]) == (60, 60, "percentiles")
    assert json.loads((tmp_path / "cutoffs.json").read_text()) == report


@pytest.mark.parametrize(
    "change, documents",
    [
        ({"language": "de"}, 50),
        ({"language_score": 0.49}, 50),
        ({"language_score": 0.5}, 60),
        ({"perplexity": None}, 50),
    ],
)
def test_pages_that_may_be_in_another_language_set_no_cutoff(tmp_path, change, documents):
    pages = [page | change if i < 20 else page for i, page in enumerate(crawl())]
    assert fit_cutoffs(reader(commoncrawl=pages), recipe(), tmp_path)["candidates"] == documents


def test_cutoffs_of_the_recipe_need_no_document(tmp_path):
    settings = recipe(perplexity={"head_cutoff": 340.0, "middle_cutoff": 520.0})
    report = fit_cutoffs(reader(), settings, tmp_path)
    assert read_cutoffs(tmp_path / "cutoffs.json") == (340.0, 520.0)
    assert (report["documents"], report["from"]) == (0, "recipe")


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


def test_one_word_is_enough_for_a_language_model(tmp_path):
    report = fit_language_model(reader(wikipedia=[article(1, text="…\x07")]), recipe(), tmp_path)
    assert report["orders_with_fallback_discounts"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "fit, sources, settings, message",
    [
        (fit_language, {"wikipedia": []}, {}, "found none; set language.model"),
        (fit_language, {"wikipedia": [article(1)]}, {}, "found en; set language.model"),
        (fit_language, {"wikipedia": wikipedia()}, {"language": {"keep": ("fr",)}}, "fr among them, found de, en"),
        (fit_language_model, {"wikipedia": []}, {}, "set language_model.arpa and language_model.pieces"),
        (fit_language_model, {"wikipedia": [article(1, text="\x07")]}, {}, "see language_model.vocabulary_size"),
        (fit_cutoffs, {"commoncrawl": []}, {}, "set perplexity.head_cutoff and perplexity.middle_cutoff"),
        (fit_reference, {"wikipedia": [], "commoncrawl": crawl()}, {}, 'set reference.positives = "articles"'),
        (
            fit_reference,
            {"wikipedia": [], "commoncrawl": crawl()},
            {"reference": {"positives": "articles"}},
            "no Wikipedia document is long enough",
        ),
        (
            fit_reference,
            {"wikipedia": [article(1)], "commoncrawl": []},
            {"reference": REFERENCE | {"positives": "articles"}},
            "no CommonCrawl document is left as a random page",
        ),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, fit, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit(reader(**sources), recipe(**settings), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fit", [fit_language, fit_language_model, fit_cutoffs, fit_reference])
def test_the_same_documents_give_the_same_bytes_and_report(tmp_path, fit):
    settings = recipe(language_model={"vocabulary_size": 300}, reference=REFERENCE)
    read = reader(wikipedia=wikipedia(cited_urls=[f"http://good{i}.org/page" for i in range(60)]), commoncrawl=crawl())
    reports, files = [], []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        reports.append(json.dumps(fit(read, settings, tmp_path / name)))
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert reports[0] == reports[1] and files[0] == files[1]
