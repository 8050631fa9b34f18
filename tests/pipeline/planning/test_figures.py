"""Usage and ledger of a run, summed by stage, source and folder."""

import pytest

from pipeline.ledger import Tally
from pipeline.planning.figures import by_unit, cold_starts, measure
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.usage import COLD, FIT, JUDGE, SKETCH, UNIT, WALL, measured


@pytest.fixture
def run(tmp_path):
    return Run(load_recipe("demo"), Folder(str(tmp_path)))


def piece(run, part, stage, source="", unit="", sent=0):
    with measured(run.output, part, stage, source, unit) as sizes:
        sizes.append(sent)


def test_bytes_that_are_sent_are_summed_by_stage_and_source(run):
    piece(run, SKETCH, "dedup", "c4", "a", 3)
    piece(run, SKETCH, "dedup", "c4", "b", 4)
    piece(run, JUDGE, "dedup", "c4", "0/0", 5)
    piece(run, UNIT, "clean", "c4", "a")
    found = measure(run)
    assert found.shuffle_bytes == {("dedup", "c4"): 12}
    assert set(found.cpu_seconds) == {("dedup", "c4"), ("clean", "c4")}
    assert by_unit(found.pieces, lambda piece: piece.sent_bytes)["dedup", "c4"] == {"a": 3, "b": 4}


def test_parts_that_are_joined_are_cleaned(run):
    piece(run, SKETCH, "join", "", "a", 3)
    assert measure(run).shuffle_bytes == {("clean", "stackexchange"): 3}


def test_an_engines_time_is_no_piece(run):
    piece(run, WALL, "clean", unit="2")
    found = measure(run)
    assert (found.pieces, list(found.walls)) == ((), [("clean", 2)])


def test_what_the_first_piece_of_a_process_takes_more_is_kept_apart(run):
    piece(run, COLD + UNIT, "clean", "c4", "a")
    piece(run, UNIT, "clean", "c4", "a")
    piece(run, FIT, "train-lm", unit="language_model")
    found = measure(run)
    assert [piece.part for piece in found.pieces] == [FIT, UNIT]
    assert list(cold_starts(found.cold, lambda piece: 2.0)) == [("clean", "c4")]
    assert cold_starts(found.cold, lambda piece: 2.0)["clean", "c4"] == 2.0


def test_files_are_summed_by_the_folder_that_they_lie_in(run):
    written = run.output.write_text("documents/clean/c4/a.parquet", "12345")
    entry = run.record(Tally().entry("clean", "c4", "a", "key", {}, {"documents/clean/c4/a.parquet": written}))
    assert measure(run).output_bytes == {"documents": 5, "ledger": run.output.size(entry.name)}
