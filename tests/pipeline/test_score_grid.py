"""What a grid of scores tells is what the filters would keep, to the document, at its own cuts and at all others."""

import random

import numpy as np
import pytest

from filters.batch import document_batch
from filters.select import LanguageIs, PerplexityBucketIs, ReferenceScoreAtLeast
from pipeline.score_grid import COLUMNS, CountScores, Cuts, ScoreGrid, cuts_of, read_grid, write_grid
from pipeline.storage import Folder


def rules(keep=("head", "middle"), decimals=None, languages=("en",), language=0.5, reference=0.3, head=100.0):
    return (
        LanguageIs(keep=languages, min_score=language, score_decimals=decimals),
        PerplexityBucketIs(keep=keep, head=head, middle=200.0),
        ReferenceScoreAtLeast(min_score=reference),
    )


def pages(count=400, seed=1):
    """Pages of all kinds, with scores on the edges among them and some that are missing."""
    dice = random.Random(seed)
    choices = {
        "language": ("en", "en", "en", "de", None),
        "language_score": (0.5, 0.495, 0.4999, 1.0, dice.random(), dice.random(), None),
        "perplexity": (100.0, 200.0, 50.0, 99.9999, 1e6, 180 * dice.random(), 400 * dice.random(), None),
        "reference_score": (0.3, 0.25, 0.0, 1.0, dice.random(), dice.random(), None),
    }
    rows = []
    for number in range(count):
        scores = {name: dice.choice(values) for name, values in choices.items()}
        page = {"doc_id": f"{number:04d}", "source": "commoncrawl", "origin": str(number), "text": "x" * (number % 7)}
        rows.append(page | scores)
    return document_batch(rows)


def kept_by(filters, batch):
    for rule in filters:
        batch = batch.filter(rule.apply(batch).reason.is_null())
    return batch.num_rows, sum(len(text) for text in batch.column("text").to_pylist())


def counted(filters, *batches):
    grid = ScoreGrid(cuts_of(filters))
    for batch in batches:
        assert CountScores(grid).apply(batch).batch is batch
    return grid


def moved(grid, **cuts):
    """The grid with the run's cuts at other edges."""
    at = tuple(cuts.get(name, place) for name, place in zip("lpr", grid.cuts.at, strict=True))
    other = ScoreGrid(Cuts(**{name: getattr(grid.cuts, name) for name in Cuts.__slots__} | {"at": at}))
    other.documents, other.sizes = grid.documents, grid.sizes
    return other


@pytest.mark.parametrize(
    "keep", [("head",), ("head", "middle"), ("middle",), ("tail",), ("head", "tail"), ("head", "middle", "tail")]
)
@pytest.mark.parametrize("decimals", [None, 2])
def test_at_the_runs_own_thresholds_it_tells_what_the_filters_keep(keep, decimals):
    filters, batch = rules(keep, decimals), pages()
    assert counted(filters, batch).kept() == kept_by(filters, batch)
    assert kept_by(filters, batch)[0] > 5


def test_at_any_other_edge_it_tells_what_the_filters_would_keep_there():
    batch, found = pages(), counted(rules(), pages())
    language, perplexity, reference = found.cuts.edges
    for number, edge in enumerate(language):
        assert moved(found, l=number).kept() == kept_by(rules(language=edge), batch)
    for number, edge in enumerate(reference):
        assert moved(found, r=number).kept() == kept_by(rules(reference=edge), batch)
    for number, edge in enumerate(perplexity):
        head_alone = PerplexityBucketIs(keep=("head",), head=edge, middle=edge)
        assert moved(found, p=number).kept() == kept_by((rules()[0], head_alone, rules()[2]), batch)
    everything = rules(keep=("head", "middle", "tail"))
    assert moved(found, p=len(perplexity)).kept() == kept_by(everything, batch)


def test_all_three_cuts_may_move_together():
    batch, found = pages(), counted(rules(), pages())
    language, reference = found.cuts.edges[0].index(0.7), found.cuts.edges[2].index(0.5)
    kept = kept_by(rules(language=0.7, reference=0.5, keep=("head", "middle", "tail")), batch)
    assert moved(found, l=language, p=len(found.cuts.edges[1]), r=reference).kept() == kept


def test_the_runs_own_thresholds_are_edges_whatever_they_are():
    cuts = cuts_of(rules(language=0.123, reference=0.6789, head=7.5))
    assert [edges[at] for edges, at in zip(cuts.edges, cuts.at, strict=True)] == [0.123, 200.0, 0.6789]
    assert 7.5 in cuts.edges[1]
    assert all(list(edges) == sorted(set(edges)) for edges in cuts.edges)


def test_more_than_one_language_may_pass():
    filters, batch = rules(languages=("en", "de")), pages()
    assert counted(filters, batch).kept() == kept_by(filters, batch)
    assert kept_by(filters, batch) > kept_by(rules(), batch)


def test_each_criterion_is_told_apart():
    cuts = cuts_of(rules())
    pages_ = [(0.9, 50.0, 0.9), (0.1, 50.0, 0.9), (0.9, 900.0, 0.9), (0.9, 50.0, 0.1)]
    assert cuts.passing(cuts.cells(np.array(pages_))).tolist() == [
        [True, True, True], [False, True, True], [True, False, True], [True, True, False]
    ]  # fmt: skip


def test_pages_that_lack_a_score_or_are_in_another_language_are_in_no_cell():
    batch = pages()
    rows = [row for row in batch.to_pylist() if row["language"] == "en" and all(row[n] is not None for n in COLUMNS)]
    assert counted(rules(), batch).documents.sum() == len(rows) < batch.num_rows


def test_the_number_of_cells_hangs_on_no_corpus():
    assert counted(rules(), *(pages(seed=seed) for seed in range(5))).documents.size < 20_000


def test_grids_of_units_are_read_back_as_one(tmp_path):
    output, filters, batches = Folder(str(tmp_path)), rules(), (pages(seed=1), pages(seed=2))
    for name, batch in zip("ab", batches, strict=True):
        (written,) = write_grid(output, "commoncrawl", name, (CountScores(counted(filters, batch)), *filters)).items()
        assert written[0] == f"select/commoncrawl/{name}.json"
    whole, found = counted(filters, *batches), read_grid(output, "commoncrawl")
    assert (found.documents == whole.documents).all() and (found.sizes == whole.sizes).all()
    assert found.cuts == whole.cuts


def test_units_that_were_selected_at_other_thresholds_are_no_grid(tmp_path):
    output = Folder(str(tmp_path))
    for name, reference in (("a", 0.3), ("b", 0.4)):
        filters = rules(reference=reference)
        write_grid(output, "commoncrawl", name, (CountScores(counted(filters, pages())), *filters))
    assert read_grid(output, "commoncrawl") is None


def test_where_nothing_was_selected_there_is_no_grid(tmp_path):
    assert read_grid(Folder(str(tmp_path)), "commoncrawl") is None
