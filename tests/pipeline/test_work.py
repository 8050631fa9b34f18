"""The pieces that the engine deals do only what is left to do."""

import pickle
from collections import deque
from types import SimpleNamespace

import pytest

from pipeline.map_stages import CLEAN_STAGE
from pipeline.progress import Phase
from pipeline.stage_names import DEDUP, NEAR_DEDUP, PAGES
from pipeline.stages import done
from pipeline.storage import Folder
from pipeline.work import FitWork, LeaveWork, MapWork, WorkList, group_stage_work, phase_of


@pytest.fixture
def work_list(tmp_path):
    return WorkList(Folder(str(tmp_path / "scratch")), "list.json")


def test_a_manifest_is_read_as_it_was_written(work_list):
    assert work_list.write({"items": [1]}) is work_list
    assert pickle.loads(pickle.dumps(work_list)).read() == {"items": [1]}


def test_a_manifest_that_is_not_there_is_missed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no work list gone\.json in"):
        WorkList(Folder(str(tmp_path)), "gone.json").read()


def test_pieces_are_marked_as_they_are_done(work_list):
    assert work_list.marked() == set()
    work_list.mark(3)
    work_list.mark(3)
    work_list.mark(11)
    assert work_list.marked() == {3, 11}


def as_item(unit, *stages):
    fields = {name: getattr(unit, name) for name in ("source", "name", "input", "size")}
    return {"unit": fields, "stages": list(stages)}


def test_map_work_does_a_unit_that_is_not_done_and_marks_it(copied_run, work_list):
    run = copied_run.run()
    unit = run.units("books")[0]
    run.output.delete(f"documents/clean/books/{unit.name}.parquet")
    work = MapWork(run, work_list.write({"items": [as_item(unit, "clean")]}))
    assert work.sizes() == [(0, unit.size)]
    work.do(0)
    assert work_list.marked() == {0}
    assert done(CLEAN_STAGE, run, unit) is not None


def test_fit_work_trains_the_models_it_names(copied_run):
    run = copied_run.run()
    run.output.delete("models/perplexity/cutoffs.json")
    work = FitWork(run, ("language", "perplexity"))
    assert work.sizes() == [(0, 1), (1, 1)]
    work.do(1)
    assert run.output.exists("models/perplexity/cutoffs.json")


@pytest.mark.parametrize("source", ["commoncrawl", "c4", "github", "books"])
def test_nothing_is_left_of_a_finished_source(small_run, work_list, source):
    run = small_run.run()
    assert group_stage_work(run, stage_of(source), source, run.units(source), [], work_list) is None


def stage_of(source):
    return NEAR_DEDUP if source == "books" else DEDUP


def spoiled(made, source, index):
    """The run without one unit's deduplicated documents, and what is left to do of it."""
    run = made.run()
    units = run.units(source)
    name = f"documents/{stage_of(source)}/{source}/{units[index].name}.parquet"
    digest = run.output.digest(name)
    run.output.delete(name)
    return run, units, name, digest


def by_hand(work):
    """All rounds of the work, as an engine would do them; piece → blocks."""
    blocks = [pair for index, _ in work.senders() for pair in work.send(index)]
    for round_index in range(work.rounds()):
        partitions = {key for key, _ in blocks}
        blocks = [
            pair
            for partition in sorted(partitions)
            for pair in work.judge(round_index, partition, iter([b for key, b in blocks if key == partition]))
        ]
    return {index: [block for key, block in blocks if key == index] for index, _ in work.senders()}


@pytest.mark.parametrize("source", ["commoncrawl", "c4", "books"])
def test_a_unit_is_deduplicated_again_with_all_that_it_is_judged_with(copied_run, work_list, source):
    run, units, name, digest = spoiled(copied_run, source, 1)
    stage = stage_of(source)
    work = group_stage_work(run, stage, source, units, [], work_list)
    assert (work.receivers(), len(work.senders()), work.label) == ([1], len(units), f"{stage}-{source}")
    verdicts = by_hand(work)
    work.receive(1, iter(verdicts[1]))
    assert run.output.digest(name) == digest
    assert work_list.marked() == {1}


def test_whoever_watches_is_told_the_phase_and_how_far_it_is(copied_run, work_list):
    run, units, _, _ = spoiled(copied_run, "c4", 1)
    work = group_stage_work(run, DEDUP, "c4", units, [], work_list)
    whole = sum(unit.size for unit in units)
    assert work.phase() == Phase(0, whole, "taking fingerprints")
    deque(work.send(0))
    assert work.phase() == Phase(units[0].size, whole, "taking fingerprints")
    verdicts = by_hand(work)
    assert work.phase() == Phase(0, 0, "judging")
    work.receive(1, iter(verdicts[1]))
    assert work.phase() == Phase(units[1].size, units[1].size, "writing")


def test_of_groups_side_by_side_the_first_phase_is_told_of_those_that_are_in_it():
    phases = [Phase(1, 4, "taking fingerprints"), Phase(0, 0, "judging"), Phase(2, 8, "taking fingerprints")]
    groups = [SimpleNamespace(phase=lambda phase=phase: phase) for phase in phases]
    assert phase_of(groups) == Phase(3, 12, "taking fingerprints")
    assert phase_of(groups[1:2]) == Phase(0, 0, "judging")


def test_wikipedia_is_sketched_with_the_pages_and_no_verdict_is_applied_to_it(copied_run, work_list):
    run = copied_run.run()
    units, articles = run.units("commoncrawl"), run.units("wikipedia")
    name = f"documents/pages/commoncrawl/{units[0].name}.parquet"
    digest = run.output.digest(name)
    run.output.delete(name)
    work = group_stage_work(run, PAGES, "commoncrawl", units, [], work_list)
    assert (work.receivers(), len(work.senders())) == ([0], len(units) + len(articles))
    work.receive(0, iter(by_hand(work)[0]))
    assert run.output.digest(name) == digest


def test_verdicts_for_a_unit_that_is_done_are_passed_over(copied_run, work_list):
    run, units, _, _ = spoiled(copied_run, "c4", 1)
    work = group_stage_work(run, DEDUP, "c4", units, [], work_list)
    path = copied_run.output / f"documents/dedup/c4/{units[0].name}.parquet"
    before = path.stat().st_mtime_ns
    work.receive(0, iter([b"whatever"]))
    assert (path.stat().st_mtime_ns, work_list.marked()) == (before, set())


def test_a_stage_behind_the_deduplication_is_done_without_sketching_anew(copied_run, work_list):
    run = copied_run.run()
    units = run.units("commoncrawl")
    run.output.delete(f"documents/perplexity/commoncrawl/{units[2].name}.parquet")
    work = group_stage_work(run, DEDUP, "commoncrawl", units, ["language", "perplexity"], work_list)
    assert (work.receivers(), work.senders()) == ([2], [])
    work.receive(2, iter([]))
    assert run.output.exists(f"documents/perplexity/commoncrawl/{units[2].name}.parquet")


def test_what_a_source_leaves_behind_is_a_piece_that_workers_do(copied_run, work_list):
    run = copied_run.run()
    units, page = run.units("books"), "near-dedup/books/audit.html"
    digest = run.output.digest(page)
    run.output.delete(page)
    group = group_stage_work(run, NEAR_DEDUP, "books", units, [], work_list)
    left = LeaveWork((group,))
    assert (group.leaves(), group.receivers()) == (True, [])
    assert left.sizes() == [(0, sum(unit.size for unit in units))]
    assert left.name(0) == "what near-dedup-books leaves behind"
    by_hand(group)  # The audit tells of what was noted while the units were judged.
    left.do(0)
    assert run.output.digest(page) == digest
    again = WorkList(work_list.folder, "again.json")
    assert group_stage_work(run, NEAR_DEDUP, "books", units, [], again) is None


def test_a_stage_that_leaves_nothing_behind_says_so(copied_run, work_list):
    run, units, _, _ = spoiled(copied_run, "books", 1)
    assert not group_stage_work(run, NEAR_DEDUP, "books", units, [], work_list).leaves()


def test_work_is_small_when_it_is_sent_to_workers(small_run, work_list):
    run = small_run.run()
    items = [as_item(unit, "clean") for unit in run.units("wikipedia")] * 1000
    assert len(pickle.dumps(MapWork(run, work_list.write({"items": items})))) < 20_000
