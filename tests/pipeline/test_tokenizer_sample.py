"""What a unit sets aside for the tokenizer follows from its documents' ids and from how much text there is."""

import random

import pyarrow as pa
import pytest

from filters.batch import document_batch
from pipeline.map_stages import SAMPLE_TOKENIZER_STAGE
from pipeline.recipe import Recipe
from pipeline.run import TextSize
from pipeline.samples import rank
from pipeline.stages import done, ensure
from pipeline.storage import read_batches
from pipeline.tokenizer_sample import SCHEMA, Shares, draw, part_bytes, shares

MB = 1 << 20
WEIGHTS = {"c4": 0.75, "books": 0.25}


def recipe(**tokenizer):
    settings = {"sample_bytes": 40 * MB} | tokenizer
    return Recipe.model_validate({"name": "t", "tokenizer": settings, "mixture": {"weights": WEIGHTS}})


def documents(count=1000, text="abcdé"):
    rows = [{"doc_id": f"d{i}", "source": "c4", "origin": "o", "text": text, "language": "en"} for i in range(count)]
    return document_batch(rows)


def drawn(batches, taken, seed=1):
    return pa.Table.from_batches(draw(iter(batches), taken, seed), schema=SCHEMA).to_pylist()


def sizes(c4, books):
    return {"c4": TextSize(*c4), "books": TextSize(*books)}


@pytest.mark.parametrize(
    "c4, books, parts",
    [
        (1000 * MB, 1000 * MB, {"c4": 30 * MB, "books": 10 * MB}),
        (1000 * MB, 1, {"c4": 30 * MB, "books": 10 * MB}),
        (300, 100, {"c4": 300, "books": 100}),
        (100, 300, {"c4": 300, "books": 100}),
        (40 * MB, 0, {"c4": 30 * MB, "books": 10 * MB}),
        (0, 0, {"c4": 0, "books": 0}),
    ],
)
def test_parts_stand_at_the_mixtures_ratios_however_much_there_is(c4, books, parts):
    assert part_bytes(recipe(), sizes((9, c4), (9, books))) == parts


def changed(**change):
    mixture = {"weights": WEIGHTS, "total_tokens": 8000, "sequence_tokens": 8, "changes": ({"from_step": 25} | change,)}
    return Recipe.model_validate({"name": "t", "mixture": mixture, "trainer": {"batch_sequences": 8}})


@pytest.mark.parametrize(
    "made, ratios",
    [
        (recipe(), WEIGHTS),
        (changed(weights={"c4": 0.25, "arxiv": 0.75}), {"c4": 0.35, "books": 0.05, "arxiv": 0.6}),
        (changed(sequence_tokens=16), WEIGHTS),
    ],
)
def test_ratios_are_those_of_the_whole_stream_whatever_changes_in_it(made, ratios):
    found = made.asked_shares
    assert found == pytest.approx(ratios) and sum(found.values()) == pytest.approx(1)
    assert list(found) == list(made.sources)


@pytest.mark.parametrize("total_tokens", [10**6, 12345, 8192])
def test_a_mixture_without_changes_has_its_very_weights(total_tokens):
    mixture = {"weights": {"c4": 0.67, "books": 0.33}, "total_tokens": total_tokens}
    assert Recipe.model_validate({"name": "t", "mixture": mixture}).asked_shares == mixture["weights"]


@pytest.mark.parametrize(
    "documents, size, trained",
    [
        (10**6, 45 * MB - 1, 0),  # The part is 30 MB; what is drawn is half as much again, at least.
        (10**6, 90 * MB - 1, 0),
        (10**6, 90 * MB, 1),
        (10**6, 180 * MB, 2),
        (10**9, 45 * MB << 20, 20),
        (64, 45 * MB << 20, 0),
        (128, 45 * MB << 20, 1),
        (63, 45 * MB << 20, 0),
        (0, 0, 0),
    ],
)
def test_a_share_is_a_power_of_two_with_room_and_enough_documents(documents, size, trained):
    assert shares(recipe(), sizes((documents, size), (9, 400 * MB)), "c4").trained == trained


@pytest.mark.parametrize(
    "documents, size, held_out",
    [
        (63, 1000 * MB, None),  # Too few to spare any.
        (64, 1000 * MB, 4),
        (10**6, 1, 4),  # Never more than one in sixteen.
        (10**6, 64 * MB, 4),
        (10**6, 128 * MB - 1, 4),
        (10**6, 128 * MB, 5),
        (512, 128 * MB, 5),
        (511, 128 * MB, 4),
        (10**6, 4096 * MB, 10),
    ],
)
def test_a_little_is_held_out_of_a_large_source_and_a_sixteenth_of_a_small_one(documents, size, held_out):
    assert shares(recipe(), sizes((documents, size), (9, 9)), "c4").held_out == held_out


@pytest.mark.parametrize("documents, size, held_out", [(1, 5, 0), (10**6, 8 * MB, 1), (31, 8 * MB, 0), (0, 0, 0)])
def test_for_a_given_model_nothing_is_trained_on(documents, size, held_out):
    found = shares(recipe(model="t.model"), sizes((documents, size), (9, 9)), "c4")
    assert found == Shares(trained=None, held_out=held_out)


def test_the_lowest_ranks_are_trained_on_and_the_highest_held_out():
    found = drawn([documents()], Shares(trained=2, held_out=4))
    ranks = {f"d{i}": rank("tokenizer 1", f"d{i}") for i in range(1000)}
    low = {name for name, value in ranks.items() if value < 1 << 62}
    high = {name for name, value in ranks.items() if value >= (1 << 64) - (1 << 60)}
    assert {row["doc_id"] for row in found if not row["held_out"]} == low
    assert {row["doc_id"] for row in found if row["held_out"]} == high
    assert 200 < len(low) < 300 and 40 < len(high) < 90
    assert all(row["rank"] == ranks[row["doc_id"]] for row in found)


@pytest.mark.parametrize(
    "taken, trained, held_out",
    [
        (Shares(trained=0, held_out=None), 1000, 0),
        (Shares(trained=None, held_out=0), 0, 1000),
        (Shares(trained=None, held_out=None), 0, 0),
        (Shares(trained=60, held_out=60), 0, 0),
    ],
)
def test_all_and_none_can_be_drawn(taken, trained, held_out):
    found = drawn([documents()], taken)
    assert (sum(not row["held_out"] for row in found), sum(row["held_out"] for row in found)) == (trained, held_out)


def test_what_is_held_out_is_not_trained_on():
    found = drawn([documents()], Shares(trained=0, held_out=4))
    assert len(found) == len({row["doc_id"] for row in found}) == 1000
    assert 40 < sum(row["held_out"] for row in found) < 90


def test_a_larger_share_holds_the_smaller_one():
    small, large = (drawn([documents()], Shares(trained=trained, held_out=None)) for trained in (4, 3))
    assert {row["doc_id"] for row in small} < {row["doc_id"] for row in large}


def test_neither_batches_nor_order_draw_anything():
    rows = documents().to_pylist()
    random.Random(1).shuffle(rows)
    parts = [document_batch(rows[i : i + 7]) for i in range(0, 1000, 7)]
    one, other = (drawn(batches, Shares(trained=2, held_out=4)) for batches in ([documents()], parts))
    assert sorted(one, key=lambda row: row["doc_id"]) == sorted(other, key=lambda row: row["doc_id"])


def test_another_seed_draws_others():
    one, other = (drawn([documents()], Shares(trained=2, held_out=None), seed) for seed in (1, 2))
    assert {row["doc_id"] for row in one} != {row["doc_id"] for row in other}


def test_a_document_comes_with_its_language_text_and_bytes():
    (row,) = drawn([documents(1)], Shares(trained=0, held_out=None))
    assert (row["language"], row["text"], row["size"]) == ("en", "abcdé", 6)


def test_documents_without_text_are_not_drawn():
    assert drawn([documents(9, text=""), document_batch([])], Shares(trained=0, held_out=None)) == []


@pytest.mark.parametrize("factor", [1, 2, 4, 16, 1000])
def test_what_is_drawn_does_not_grow_with_the_corpus(factor):
    text = {"c4": TextSize(10_000 * factor, 50 * MB * factor), "books": TextSize(1000 * factor, 50 * MB * factor)}
    for source, part in part_bytes(recipe(), text).items():
        found = shares(recipe(), text, source)
        trained = text[source].bytes / 2**found.trained
        assert 1.5 * part <= trained < 3 * part or found.trained == 0
        assert text[source].bytes / 2**found.held_out < 32 * MB


def test_each_unit_of_a_run_leaves_its_sample_with_counts(small_run):
    run = small_run.run()
    for source in run.recipe.sources:
        for unit in run.units(source):
            entry = done(SAMPLE_TOKENIZER_STAGE, run, unit)
            (name,) = entry.outputs
            rows = [row for batch in read_batches(run.output, name) for row in batch.to_pylist()]
            held = [row["size"] for row in rows if row["held_out"]]
            assert name == f"samples/tokenizer/{source}/{unit.name}.parquet"
            counts = {"drawn": len(rows), "drawn_bytes": sum(row["size"] for row in rows)}
            counts |= {"held_out": len(held), "held_out_bytes": sum(held)}
            assert entry.counts in (counts, {}) and (entry.counts or not rows)


def test_a_little_more_text_draws_no_unit_anew(copied_run):
    run = copied_run.run("tokenizer.sample_bytes=100000")
    units = [unit for source in run.recipe.sources for unit in run.units(source)]
    for unit in units:
        ensure(SAMPLE_TOKENIZER_STAGE, run, unit)
    more = copied_run.run("tokenizer.sample_bytes=100001")
    assert all(done(SAMPLE_TOKENIZER_STAGE, more, unit) for unit in units)
