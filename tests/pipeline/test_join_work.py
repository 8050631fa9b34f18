"""Parts of a file that exchange what belongs together are cleaned like any other unit, and redone alone."""

import io

import py7zr
import pyarrow.parquet as pq
import pytest

from pipeline.conductor import Conductor
from pipeline.engine import Engine
from pipeline.exchange import FileCarrier
from pipeline.join_work import is_joined, join_work
from pipeline.map_stages import CLEAN_STAGE
from pipeline.progress import Reporter
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.stages import done
from pipeline.storage import Folder
from pipeline.tasks import Judge, Receive, Send
from pipeline.work import WorkList

LARGE, SMALL = "stackexchange/large/Posts.xml", "stackexchange/small/Posts.xml"


def table(questions):
    """A question with two answers each, which lie far from it; a broken row, and an id that comes again."""
    rows = [f'<row Id="{n}" PostTypeId="1" Title="title {n}" Body="question {n}" />' for n in range(questions)]
    for score in (3, 20):
        answer = '<row Id="{id}" PostTypeId="2" ParentId="{n}" Score="{score}" Body="score {score}" />'
        rows += [answer.format(id=(score + 1) * 1000 + n, n=n, score=score) for n in range(questions)]
    return ("<posts>\n" + "\n".join([*rows, "<row />", rows[0]]) + "\n</posts>\n").encode()


@pytest.fixture
def dumps(tmp_path):
    for name, questions in ((LARGE, 200), (SMALL, 3)):
        path = tmp_path / "dumps" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(table(questions))
    return tmp_path


def make(folder, out="out", part_bytes=10_000, *overrides):
    settings = [f'inputs.root="{folder / "dumps"}"', "mixture.weights={stackexchange=1.0}", *overrides]
    recipe = load_recipe("llama1", [*settings, f"stackexchange.part_bytes={part_bytes}"])
    return Run(recipe, Folder(str(folder / out)))


def work_of(run, name="join.json"):
    return join_work(
        run, {"stackexchange": run.units("stackexchange")}, WorkList(Folder(run.output.address("w")), name)
    )


def by_hand(run, name="join.json"):
    """The work as the embedded engine would do it."""
    work = work_of(run, name)
    carrier = FileCarrier(run.output.local_path("scratch"))
    sent = {key for index, _ in work.senders() for key, _ in Send(work, carrier)(index, ())}
    for piece in (key for key in sorted(sent) if key >= 0):
        list(Judge(work, carrier, 0)(piece, ()))
    for piece in range(len(run.units("stackexchange"))):
        list(Receive(work, carrier)(piece, ()))
    return work


def texts(run, kind="documents"):
    """What all units kept, by origin."""
    names = run.output.glob(f"{kind}/clean/stackexchange/*.parquet")
    rows = [row for name in names for row in pq.read_table(run.output.local_path(name)).to_pylist()]
    return sorted((row["origin"], row.get("text") or row["reason"]) for row in rows)


def entries(run):
    return [done(CLEAN_STAGE, run, unit) for unit in run.units("stackexchange")]


def test_a_small_file_is_one_unit_and_joined_with_none(dumps):
    run = make(dumps)
    *parts, small = run.units("stackexchange")
    assert (len(parts), {unit.input for unit in parts}, small.input) == (5, {LARGE}, SMALL)
    assert [is_joined(unit) for unit in (parts[0], small)] == [True, False]
    assert work_of(make(dumps, part_bytes=1 << 20)) is None


def test_parts_give_the_documents_that_the_whole_gives(dumps):
    whole, run = make(dumps, "whole", 1 << 20), make(dumps)
    for unit in whole.units("stackexchange"):
        CLEAN_STAGE.process(whole, unit)
    by_hand(run)
    CLEAN_STAGE.process(run, run.units("stackexchange")[-1])
    assert texts(run) == texts(whole)
    assert texts(run, "quarantine") == texts(whole, "quarantine")
    assert [fault for entry in entries(run) for fault in entry.faults()] == []
    assert (
        sum(entry.documents_in for entry in entries(run)) == sum(entry.documents_in for entry in entries(whole)) == 207
    )


def test_only_parts_that_are_not_done_are_done_again_with_the_same_bytes(dumps):
    run = make(dumps)
    by_hand(run)
    name = f"documents/clean/stackexchange/{run.units('stackexchange')[2].name}.parquet"
    digest = run.output.digest(name)
    assert work_of(run, "second.json") is None
    run.output.delete(name)
    work = by_hand(run, "third.json")
    assert (work.receivers(), len(work.senders()), work.work_list.marked()) == ([2], 5, {2})
    assert run.output.digest(name) == digest


def test_sizes_tell_how_far_the_work_is(dumps):
    run = make(dumps)
    work = work_of(run)
    size = (dumps / "dumps" / LARGE).stat().st_size
    assert (sum(size for _, size in work.senders()), work.bytes_done()) == (size, 0)
    work.work_list.mark(0)
    assert work.bytes_done() == run.units("stackexchange")[0].size


def test_an_archive_is_read_whole_by_its_first_part(dumps):
    (dumps / "dumps" / LARGE).unlink()
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as packed:
        packed.writestr(table(200), "Posts.xml")
    (dumps / "dumps/stackexchange/large.7z").write_bytes(stream.getvalue())
    run = make(dumps, "out", 2000)
    parts = [unit for unit in run.units("stackexchange") if unit.input.endswith(".7z")]
    assert work_of(run).senders()[0] == (0, len(stream.getvalue()))
    by_hand(run)
    kept = [entry.documents_kept for entry in entries(run)[: len(parts)]]
    assert (len(parts) > 3, sum(kept), min(kept) > 0) == (True, 200, True)


def test_the_engine_does_split_and_whole_files_in_one_step(dumps, tmp_path):
    run = make(dumps)
    work = Conductor(run, Engine(workers=2, log=tmp_path / "log"), Reporter(stream=io.StringIO()))
    work.stages(["clean"])
    assert work.worked == ["clean"]
    assert [entry.documents_kept for entry in entries(run)][-1] == 3
    assert sum(entry.documents_kept for entry in entries(run)) == 203
    assert run.output.list("logs/work") == []
    again = Conductor(run, Engine(workers=2, log=tmp_path / "log"), Reporter(stream=io.StringIO()))
    again.stages(["clean"])
    assert again.worked == []
