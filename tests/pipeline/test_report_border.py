"""Documents at the border of a cut are those that it alone decides on, the nearest first."""

import random

import pytest

from filters.batch import document_batch
from filters.select import LanguageIs, PerplexityBucketIs, ReferenceScoreAtLeast
from pipeline import report_rows
from pipeline.report_border import EXCERPT_CHARS, SHOWN, read_border
from pipeline.score_grid import cuts_of
from pipeline.storage import Folder
from pipeline.units import UnitOutputs

CUTS = cuts_of(
    (
        LanguageIs(keep=("en",), min_score=0.5),
        PerplexityBucketIs(keep=("head", "middle"), head=100.0, middle=200.0),
        ReferenceScoreAtLeast(min_score=0.25),
    )
)
LANGUAGE, PERPLEXITY, REFERENCE = range(3)
GOOD = {"language": "en", "language_score": 0.9, "perplexity": 50.0, "reference_score": 0.9}


def page(doc_id, **columns):
    found = {"doc_id": doc_id, "source": "commoncrawl", "origin": f"file#{doc_id}", "title": f"Title of {doc_id}"}
    return found | {"text": f"Text of {doc_id}"} | GOOD | columns


@pytest.fixture
def border(tmp_path):
    output = Folder(str(tmp_path))

    def read(*units):
        for number, unit in enumerate(units):
            with UnitOutputs(output, "reference", "commoncrawl", str(number), keep_rejected=True) as outputs:
                for batch in unit:
                    outputs.keep(document_batch(batch))
        return read_border(output, "documents/reference/commoncrawl", CUTS)

    return read


def around(found, criterion, cut=None):
    """(verdict, origin's key) of the documents around a criterion's cut, the run's own unless another is named."""
    at = CUTS.at[criterion] if cut is None else cut
    held = [item for item in found if (item.criterion, item.cut) == (criterion, at)]
    return [("stays" if item.stays else "goes", item.origin.partition("#")[2]) for item in held]


def test_the_nearest_on_either_side_come_first(border):
    scores = {"a": 0.26, "b": 0.24, "c": 0.3, "d": 0.2, "e": 0.9, "f": 0.1}
    found = border([[page(name, reference_score=score) for name, score in scores.items()]])
    assert around(found, REFERENCE) == [("stays", "a"), ("stays", "c"), ("goes", "b"), ("goes", "d")]
    assert SHOWN == 2


def test_of_perplexity_what_is_lower_stays_and_what_is_on_the_cut_goes(border):
    scores = {"a": 199.0, "b": 201.0, "c": 200.0, "d": 150.0, "e": 1e6}
    found = border([[page(name, perplexity=score) for name, score in scores.items()]])
    assert around(found, PERPLEXITY) == [("goes", "c"), ("goes", "b"), ("stays", "a"), ("stays", "d")]


def test_of_equal_scores_those_with_the_smallest_ids_are_shown(border):
    found = border(
        [[page(name, reference_score=score) for score in (0.25, 0.2) for name in (f"{score}c", f"{score}a")]]
    )
    assert around(found, REFERENCE) == [("stays", "0.25a"), ("stays", "0.25c"), ("goes", "0.2a"), ("goes", "0.2c")]


def test_a_document_that_another_criterion_rejects_is_not_decided_on_here(border):
    pages = [page("a", reference_score=0.26), page("b", reference_score=0.255, perplexity=300.0)]
    pages += [
        page("c", reference_score=0.24, language_score=0.1),
        page("d", reference_score=0.2),
        page("e", language="de"),
    ]
    found = border([pages])
    assert around(found, REFERENCE) == [("stays", "a"), ("goes", "d")]
    assert "file#e" not in {item.origin for item in found}


def test_every_place_of_a_slider_has_its_documents(border):
    dice = random.Random(1)
    pages = [page(f"{i:03d}", language_score=dice.random()) for i in range(300)]
    found = border([pages[:100], pages[100:150]], [pages[150:]])
    scores = {item["doc_id"]: document_batch([item]).column("language_score")[0].as_py() for item in pages}
    for cut, edge in enumerate(CUTS.edges[LANGUAGE]):
        above = sorted((score, name) for name, score in scores.items() if score >= edge)[:SHOWN]
        below = sorted((-score, name) for name, score in scores.items() if score < edge)[:SHOWN]
        expected = [("stays", name) for _, name in above] + [("goes", name) for _, name in below]
        assert around(found, LANGUAGE, cut) == expected


def test_documents_come_from_all_units_in_whatever_order(border, tmp_path):
    units = [[page(f"{i}{j}", reference_score=0.2 + 0.01 * i + 0.001 * j) for j in range(9)] for i in range(9)]
    forward = border(*([unit] for unit in units))
    assert border(*([unit] for unit in reversed(units))) == forward
    assert around(forward, REFERENCE) == [("stays", "50"), ("stays", "51"), ("goes", "48"), ("goes", "47")]


def test_title_and_text_are_shown_short(border):
    found = border([[page("a", text="é" * 1000, title=None, reference_score=0.24)]])
    (item,) = (item for item in found if (item.criterion, item.cut) == (REFERENCE, CUTS.at[REFERENCE]))
    assert (item.title, item.excerpt, item.origin) == ("", "é" * EXCERPT_CHARS, "file#a")
    assert item.score == pytest.approx(0.24)


def test_they_are_looked_for_in_a_bounded_number_of_row_groups(border, monkeypatch):
    monkeypatch.setattr(report_rows, "EXAMINED", 1)
    found = border([[page("a", reference_score=0.3)], [page("b", reference_score=0.26)]])
    assert around(found, REFERENCE) == [("stays", "a")]


def test_where_no_document_is_there_is_none_at_the_border(border):
    assert border([]) == []
