"""Each source and size of file is in the sample; what is large is read in part."""

import pytest

from pipeline.planning.sampling import MIN_HEAD_BYTES, MIN_PIECES, draw, in_fine_parts
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder

WEIGHTS = {"commoncrawl": 0.5, "wikipedia": 0.2, "books": 0.2, "stackexchange": 0.1}


def write(root, name, size):
    path = root / "dumps" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.truncate(size)


@pytest.fixture
def run(tmp_path):
    recipe = load_recipe("demo", [f"inputs.root={tmp_path}/dumps"])
    mixture = recipe.mixture.model_copy(update={"weights": {"commoncrawl": 0.8, "books": 0.1, "wikipedia": 0.1}})
    return Run(recipe.model_copy(update={"mixture": mixture}), Folder(str(tmp_path / "out")))


@pytest.fixture
def dumps(tmp_path):
    for index in range(2000):
        write(tmp_path, f"commoncrawl/{index:04}.warc.wet.gz", 1000 + index)
    for index in range(6):
        write(tmp_path, f"books/{index}.txt", 10 << (4 * index))
    write(tmp_path, "wikipedia/enwiki-1-pages.xml", 40 << 20)


def strata_of(strata, source):
    return [part for part in strata if part.source == source]


def test_the_asked_fraction_of_many_files_is_drawn_whole(run, dumps):
    sample, strata = draw(run, 0.01, 1)
    pieces = [name for part in strata_of(strata, "commoncrawl") for name in part.pieces]
    assert len(pieces) in (20, 21, 22)
    assert not any(name.startswith("commoncrawl") for name in sample.heads)
    assert {f"commoncrawl/{name}" for name in pieces} <= sample.units


def test_each_size_of_file_is_in_it_however_few_there_are(run, dumps):
    sizes = [list(part.pieces.values()) for part in strata_of(draw(run, 0.001, 1)[1], "books")]
    assert sizes == [[10 << (4 * index)] for index in range(6)]


def test_a_wikipedia_dump_is_drawn_in_fine_parts_and_stands_for_the_recipes_own(run, dumps):
    (part,) = strata_of(draw(run, 0.001, 1)[1], "wikipedia")
    assert part.unit_bytes == (40 << 20,)
    assert list(part.pieces.values()) == [8 << 20] * MIN_PIECES
    assert in_fine_parts(run.recipe).wikipedia.part_bytes == 8 << 20


def test_of_a_few_large_files_the_heads_are_read(run, dumps, tmp_path):
    for index in range(4):
        write(tmp_path, f"commoncrawl/large{index}.wet.gz", 50 << 20)
    sample, strata = draw(run, 0.001, 1)
    large = max(strata_of(strata, "commoncrawl"), key=lambda part: part.bytes)
    assert set(large.pieces.values()) == {MIN_HEAD_BYTES}
    assert set(sample.heads.values()) == {MIN_HEAD_BYTES}


def test_a_file_that_is_too_large_and_cannot_be_cut_is_left_out(run, dumps, tmp_path):
    write(tmp_path, "books/all.zip", 5 << 30)
    found = max(strata_of(draw(run, 0.001, 1)[1], "books"), key=lambda part: part.bytes)
    assert (found.pieces, found.bytes) == ({}, 5 << 30)


def test_the_seed_chooses(run, dumps):
    drawn = [draw(run, 0.01, seed)[0].units for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_language_that_models_are_fitted_on_is_in_it(run, dumps, tmp_path):
    for language in ("bg", "ca", "cs", "da", "de", "fr", "hu", "it"):
        write(tmp_path, f"wikipedia/{language}wiki-1-pages.xml", 41 << 20)
    sample, _ = draw(run, 0.001, 1)
    assert ("wikipedia", "wikipedia/enwiki-1-pages.xml") in sample.files
