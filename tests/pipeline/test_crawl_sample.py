"""A unit's sample holds what the fits would have drawn from the whole dump, and little else."""

import math

import pytest
from small_web import SPAM, article, reader, recipe

from pipeline.crawl_sample import (
    CUTOFFS,
    NEGATIVES,
    POSITIVES,
    bounds,
    documents_a_unit,
    populations,
    purpose,
    sample_unit,
    write_sample,
)
from pipeline.samples import Draw
from pipeline.storage import Folder, ParquetSink, read_batches

SETTINGS = {"perplexity": {"max_documents": 40}, "reference": {"min_chars": 100, "max_documents": 20}}


def unit(number, count=300):
    """Pages of one unit: one in three cited, one in two scored, one in five too short."""
    return [
        article(
            i,
            words=SPAM,
            doc_id=f"{number}-{i}",
            source="commoncrawl",
            cited=i % 3 == 0,
            perplexity=float(i) if i % 2 else None,
            language_score=0.9,
            **({"text": "short"} if i % 5 == 0 else {}),
        )
        for i in range(count)
    ]


def sampled(pages, settings, units=1):
    read = reader(commoncrawl=pages)
    found = list(sample_unit(lambda: read("commoncrawl"), settings, units))
    return [row for batch, _ in found for row in batch.to_pylist()], [counts for _, counts in found]


def drawn(pages, settings, name, most):
    """Ids of the lowest ranks among all pages of a population."""
    draw = Draw(purpose(name, settings), most)
    named = [
        doc_id
        for batch in reader(commoncrawl=pages)("commoncrawl")
        for doc_id, wanted in zip(batch.column("doc_id").to_pylist(), populations(batch, settings)[name], strict=True)
        if wanted
    ]
    for doc_id in named:
        draw.add(doc_id)
    return {doc_id for doc_id in named if draw.sample().holds(doc_id)}


@pytest.mark.parametrize(
    "columns, members",
    [
        ({"perplexity": 5.0}, {CUTOFFS, NEGATIVES}),
        ({"cited": True}, {POSITIVES}),
        ({"cited": False}, {NEGATIVES}),
        ({"cited": True, "text": "x" * 99}, set()),
        ({"cited": True, "text": "x" * 100}, {POSITIVES}),
        ({"text": "ä" * 99, "perplexity": 5.0}, {CUTOFFS}),
        ({"language_score": 0.49, "perplexity": 5.0}, set()),
        ({"language_score": 0.5}, {NEGATIVES}),
        ({"language_score": None}, set()),
        ({"language": "de"}, set()),
        ({"language": None}, set()),
    ],
)
def test_a_page_belongs_to_what_it_can_teach(columns, members):
    page = article(1, words=SPAM, language_score=0.9) | columns
    (batch,) = reader(commoncrawl=[page])("commoncrawl")
    found = populations(batch, recipe(**SETTINGS))
    assert {name for name, mask in found.items() if mask[0]} == members


def test_an_empty_text_teaches_nothing_even_where_no_length_is_asked_for():
    (batch,) = reader(commoncrawl=[article(1, text="", language_score=0.9)])("commoncrawl")
    found = populations(batch, recipe(reference={"min_chars": 0}))
    assert not found[NEGATIVES][0]


@pytest.mark.parametrize("name, most", [(CUTOFFS, 40), (POSITIVES, 20), (NEGATIVES, 20)])
def test_samples_of_all_units_hold_the_lowest_ranks_of_the_dump(name, most):
    settings, units = recipe(**SETTINGS), [unit(number) for number in range(8)]
    together = [row["doc_id"] for pages in units for row in sampled(pages, settings, len(units))[0]]
    assert drawn([page for pages in units for page in pages], settings, name, most) <= set(together)
    assert len(together) < sum(map(len, units)) / 4


def test_a_lone_unit_gives_as_many_as_the_fits_want():
    rows, _ = sampled(unit(0), recipe(**SETTINGS))
    assert (sum(row["cited"] and row["text"] != "" for row in rows), len({row["doc_id"] for row in rows})) == (
        20,
        len(rows),
    )
    assert sum(not row["cited"] and row["text"] != "" for row in rows) == 20


def test_a_unit_with_far_more_than_its_share_is_cut_short():
    settings = recipe(**SETTINGS)
    large, small = unit(0, 2400), [unit(number, 3) for number in range(1, 64)]
    pages = [page for pages in (large, *small) for page in pages]
    rows = [row["doc_id"] for pages in (large, *small) for row in sampled(pages, settings, 64)[0]]
    wanted = drawn(pages, settings, NEGATIVES, 20)
    assert 0 < len(wanted & set(rows)) < len(wanted)


def test_a_page_wanted_for_its_perplexity_alone_leaves_its_text_behind():
    rows, _ = sampled(unit(0), recipe(**SETTINGS), 64)
    assert {row["doc_id"] for row in rows if row["text"] == ""}
    assert all(row["perplexity"] is not None for row in rows if row["text"] == "")
    assert all(len(row["text"]) >= 100 for row in rows if row["text"])


def test_what_was_drawn_from_is_counted():
    _, counts = sampled(unit(0, 30), recipe(**SETTINGS))
    assert {name: sum(count[name] for count in counts) for name in counts[0]} == {
        CUTOFFS: 15,
        POSITIVES: 8,
        NEGATIVES: 16,
    }


@pytest.mark.parametrize(
    "max_documents, units, most",
    [
        (300_000, 1, 300_000),
        (300_000, 64_000, math.ceil(2 * 9.155 + 4 * math.sqrt(9.155)) + 4),
        (300_000, 32_768, 35),
        (300_000, 65_535, 35),
        (300_000, 65_536, 22),
        (10, 1_000_000, 5),
        (10, 0, 10),
    ],
)
def test_a_unit_gives_twice_its_share_and_a_margin(max_documents, units, most):
    assert documents_a_unit(max_documents, units) == most


@pytest.mark.parametrize(
    "settings, wanted",
    [
        ({}, {CUTOFFS: 40, POSITIVES: 20, NEGATIVES: 20}),
        ({"reference": {"model": "m.bin"}}, {CUTOFFS: 40, POSITIVES: 0, NEGATIVES: 0}),
        (
            {"perplexity": {"head_cutoff": 1.0, "middle_cutoff": 2.0}},
            {CUTOFFS: 0, POSITIVES: 20, NEGATIVES: 20},
        ),
        ({"perplexity": {"cutoffs": "ccnet"}}, {CUTOFFS: 0, POSITIVES: 20, NEGATIVES: 20}),
    ],
)
def test_nothing_is_drawn_for_a_model_that_the_recipe_names(settings, wanted):
    assert bounds(recipe(**(SETTINGS | settings)), 1) == wanted


def test_without_a_fit_the_sample_is_empty():
    settings = recipe(reference={"model": "m.bin"}, perplexity={"head_cutoff": 1.0, "middle_cutoff": 2.0})
    assert sampled(unit(0, 30), settings)[0] == []


def test_a_sample_is_a_file_with_its_counts(tmp_path):
    folder = Folder(str(tmp_path))
    with folder.create("documents.parquet") as pending:
        batches = list(reader(commoncrawl=unit(0))("commoncrawl"))
        sink = ParquetSink(pending.path, batches[0].schema)
        for batch in batches:
            sink.write(batch)
        sink.close()
    counts, written = write_sample(folder, "documents.parquet", "sample.parquet", recipe(**SETTINGS), 64)
    rows = sum(batch.num_rows for batch in read_batches(folder, "sample.parquet"))
    assert counts == {CUTOFFS: 150, POSITIVES: 80, NEGATIVES: 160, "sampled": rows}
    assert written.digest == folder.digest("sample.parquet")


def test_the_order_and_the_batches_of_a_unit_choose_nothing():
    settings = recipe(**SETTINGS)
    one, other = (sampled(pages, settings, 16)[0] for pages in (unit(0), unit(0)[::-1]))
    assert one == other[::-1] != []
