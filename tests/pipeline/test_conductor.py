"""A rerun does what no longer follows from what is there, and nothing else."""

import gzip
import shutil
from dataclasses import replace

import pytest

from pipeline.conductor import Conductor
from pipeline.corpora.registry import CORPORA
from pipeline.engine import Engine
from pipeline.errors import FatalError
from pipeline.ledger import LedgerEntry, read_entry
from pipeline.progress import Reporter
from pipeline.stage_names import STAGES, STEPS

DOCUMENTS = STAGES[: STAGES.index("sample-tokenizer")]


def conductor(made, *overrides):
    return Conductor(made.run(*overrides), Engine((), 2, made.output / "logs/run.log"), Reporter(quiet=True))


def ledger(made):
    """When each done record was written."""
    root = made.output / "ledger"
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*.json")}


def redone(made, before):
    return sorted(name for name, time in ledger(made).items() if before.get(name) != time)


def digests(made, names):
    return {name: made.run().output.digest(name) for name in names}


def test_each_stage_is_in_one_step():
    assert len(STAGES) == len(set(STAGES)) == sum(len(step) for step in STEPS)


@pytest.mark.parametrize("stage, sources", [("dedup", ("commoncrawl", "c4", "github")), ("near-dedup", ("books",))])
def test_a_deleted_output_is_redone_alone_with_the_same_bytes(copied_run, stage, sources):
    names = [
        f"documents/{stage}/{source}/{(copied_run.run().output.list(f'documents/{stage}/{source}'))[0]}"
        for source in sources
    ]
    held, before = digests(copied_run, names), ledger(copied_run)
    for name in names:
        copied_run.run().output.delete(name)
    work = conductor(copied_run)
    work.stages((stage,))
    assert digests(copied_run, names) == held
    assert redone(copied_run, before) == sorted(
        name.replace("documents/", "").replace(".parquet", ".json") for name in names
    )
    assert work.worked == [stage]


def test_a_deleted_output_of_a_map_stage_is_redone_alone(copied_run):
    unit = copied_run.run().units("wikipedia")[0]
    before = ledger(copied_run)
    copied_run.run().output.delete(f"documents/clean/wikipedia/{unit.name}.parquet")
    conductor(copied_run).stages(("clean",))
    assert redone(copied_run, before) == [f"clean/wikipedia/{unit.name}.json"]


def test_a_raw_file_packed_anew_is_cleaned_anew_and_nothing_follows(small_run, tmp_path):
    made = small_run.copied_to(tmp_path, dumps=True)
    unit = made.run().units("c4")[0]
    path = made.dumps / unit.input
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1))
    before, work = ledger(made), conductor(made)
    work.stages(DOCUMENTS)
    assert (redone(made, before), work.worked) == ([f"clean/c4/{unit.name}.json"], ["clean"])


def test_a_removed_raw_file_takes_what_came_of_it_along(small_run, tmp_path):
    made = small_run.copied_to(tmp_path, dumps=True)
    unit = made.run().units("arxiv")[0]
    (made.dumps / unit.input).unlink()
    before, work = ledger(made), conductor(made)
    work.stages(DOCUMENTS)
    assert [path for path in made.output.rglob(f"{unit.name}*") if "logs" not in path.parts] == []
    assert (redone(made, before), work.worked) == ([], [])


@pytest.mark.parametrize(
    "setting, stages",
    [
        ("reference.min_score=0.6", {"select", "threshold", "train-reference"}),
        ("reference.token_budget=10000", {"select", "threshold"}),
        ("arxiv.abstract=true", {"clean"}),
        ("near_dedup.max_containment=0.8", {"near-dedup"}),
        ("near_dedup.max_lost_fraction={books=0.99}", set()),
        ("trainer.steps=30", set()),
    ],
)
def test_a_changed_setting_redoes_the_stages_that_read_it(copied_run, setting, stages):
    before = ledger(copied_run)
    conductor(copied_run, setting).stages(DOCUMENTS)
    assert {name.split("/")[0] for name in redone(copied_run, before)} == stages


def test_a_changed_setting_of_one_source_leaves_the_others_alone(copied_run):
    before = ledger(copied_run)
    conductor(copied_run, "c4.max_line_bytes=5000").stages(("clean", "dedup"))
    assert {name.split("/")[1] for name in redone(copied_run, before)} == {"c4"}


def test_a_changed_language_threshold_identifies_and_scores_nothing_anew(copied_run):
    plan = list(conductor(copied_run, "language.min_score=0.7").plan(("language", "perplexity", "select", "dedup")))
    left = {stage: todo for stage, source, todo, _ in plan if source == "commoncrawl"}
    assert left == {"language": 0, "perplexity": 0, "select": 4, "dedup": 0}


def test_what_a_killed_run_left_is_cleared_up(copied_run):
    left = [".x.parquet.0f.part", "documents/clean/c4/orphan.parquet", "tokens/c4/.y.part", "tokens/c4/z-9.bin"]
    left += ["quarantine/clean/c4/old.parquet", "logs/work/0f/dedup", "models/language/.language.bin.0f.part"]
    for name in left:
        (copied_run.output / name).parent.mkdir(parents=True, exist_ok=True)
        (copied_run.output / name).write_text("left")
    before = ledger(copied_run)
    conductor(copied_run).stages(("clean",))
    assert [name for name in left if (copied_run.output / name).exists()] == []
    assert redone(copied_run, before) == []


def test_what_a_killed_worker_left_is_cleared_up_when_the_run_ends(copied_run):
    left = copied_run.output / "documents/clean/c4/.u.parquet.0f.part"

    class Meanwhile(Engine):
        def run(self, work):
            left.write_text("half")
            return super().run(work)

    shutil.rmtree(copied_run.output / "ledger/clean/c4")
    engine = Meanwhile((), 2, copied_run.output / "logs/run.log")
    done = Conductor(copied_run.run(), engine, Reporter(quiet=True))
    done.stages(("clean",))
    assert done.worked == ["clean"]
    assert not left.exists()


def test_past_the_limit_of_failed_records_the_stage_is_named(copied_run):
    work = conductor(copied_run, "limits.max_failed_fraction=0.3")
    work.stages(("clean",))
    assert [text.split(":")[0] for text in work.exceeded] == ["clean/arxiv"]
    assert "records failed, more than limits.max_failed_fraction = 0.3" in work.exceeded[0]


@pytest.mark.parametrize("stages", [("near-dedup",), ("tokenize",), STAGES])
def test_a_source_that_loses_too_much_to_near_duplicates_ends_the_run_before_anything_reads_it(copied_run, stages):
    before, work = ledger(copied_run), conductor(copied_run, "near_dedup.max_lost_fraction={books=0.01}")
    said = r"near-dedup/books: \d+ of \d+ documents are .*, more than near_dedup.max_lost_fraction.books = 0.01 \(see "
    with pytest.raises(FatalError, match=said):
        work.stages(stages)
    assert redone(copied_run, before) == []


def test_what_comes_before_near_duplicates_and_the_report_are_made_all_the_same(copied_run):
    conductor(copied_run, "near_dedup.max_lost_fraction={books=0.01}").stages(("dedup", "report"))


def test_the_audit_goes_with_the_stage(copied_run):
    conductor(copied_run, "near_dedup.sources=[]").stages(("clean",))
    left = [path for path in copied_run.output.rglob("near-dedup/**/*") if path.is_file() and "logs" not in path.parts]
    assert left == []


def test_an_audit_that_is_gone_is_made_again_with_the_same_bytes(copied_run):
    path = copied_run.output / "near-dedup/books/audit.html"
    held, before = path.read_bytes(), ledger(copied_run)
    path.unlink()
    conductor(copied_run).stages(("near-dedup",))
    assert (path.read_bytes(), redone(copied_run, before)) == (held, ["near-dedup/models/audit-books.json"])


def test_a_stage_without_the_one_before_it_says_what_to_run(copied_run):
    shutil.rmtree(copied_run.output / "ledger/dedup/c4")
    with pytest.raises(FatalError, match=r"stage tokenize needs dedup of c4/.*: run `tokenmill dedup` first"):
        conductor(copied_run).stages(("tokenize",))


def test_a_ledger_that_does_not_balance_ends_the_run(copied_run):
    run = copied_run.run()
    unit = run.units("c4")[0]
    entry = read_entry(run.output, "clean", "c4", unit.name)
    run.output.write_json(entry.name, entry.to_json() | {"documents_kept": entry.documents_kept - 1})
    with pytest.raises(FatalError, match=r"the ledger does not balance: clean/c4/.* documents in, but"):
        conductor(copied_run).stages(("clean",))


def test_what_came_of_a_file_that_was_never_there_goes(copied_run):
    run = copied_run.run()
    run.output.write_json("documents/clean/c4/x.parquet", {})
    outputs = {"documents/clean/c4/x.parquet": {"bytes": 3, "digest": ""}}
    run.record(LedgerEntry(stage="clean", source="c4", unit="x", key="", outputs=outputs))
    conductor(copied_run).stages(("verify", "report"))
    assert read_entry(run.output, "clean", "c4", "x") is None
    assert not run.output.exists("documents/clean/c4/x.parquet")


def test_the_plan_counts_units_and_writes_nothing(small_run, tmp_path):
    fresh = small_run.__class__(small_run.dumps, tmp_path / "none")
    plan = list(conductor(fresh).plan(("clean", "tokenize")))
    assert {(stage, todo == units) for stage, _, todo, units in plan} == {("clean", True), ("tokenize", True)}
    assert not fresh.output.exists()


def test_the_plan_of_a_finished_run_has_nothing_left(copied_run):
    shutil.rmtree(copied_run.output / "logs")
    assert {todo for _, _, todo, _ in conductor(copied_run).plan(STAGES)} == {0}
    assert not (copied_run.output / "logs/inputs").exists()


def test_a_fit_refuses_samples_of_documents_that_have_changed(copied_run):
    again = "language.min_score=0.7"
    with pytest.raises(FatalError, match=r"stage cutoffs needs sample of commoncrawl/.*: run `tokenmill sample` first"):
        conductor(copied_run, again).stages(("cutoffs",))
    conductor(copied_run, again).stages(("sample", "cutoffs"))


def test_samples_are_swept_and_pruned_like_documents(small_run, tmp_path):
    made = small_run.copied_to(tmp_path, dumps=True)
    (made.output / "samples/commoncrawl/left.parquet").write_bytes(b"of a killed run")
    unit = made.run().units("commoncrawl")[0]
    (made.dumps / unit.input).unlink()
    conductor(made).stages(("clean",))
    kept = sorted(path.name for path in (made.output / "samples/commoncrawl").iterdir())
    assert kept == sorted(f"{other.name}.parquet" for other in made.run().units("commoncrawl"))


def test_a_stage_refuses_a_model_that_follows_from_nothing_there(copied_run):
    copied_run.run().output.delete("ledger/cutoffs/models/perplexity.json")
    with pytest.raises(FatalError, match="stage select needs cutoffs to be up to date: run `tokenmill cutoffs` first"):
        conductor(copied_run).stages(("select",))


class Here:
    """Does pieces in this process, where a test has changed a corpus."""

    def run(self, work):
        for index, _ in work.sizes():
            work.do(index)


def test_a_source_that_nothing_is_judged_in_goes_through_the_map_stages_of_a_step_that_others_are_judged_in(
    copied_run, monkeypatch
):
    books = copied_run.run().units("books")
    monkeypatch.setitem(CORPORA, "books", replace(CORPORA["books"], stages=lambda _: ("clean", "language")))
    made = conductor(copied_run)
    made.engine = Here()
    made.stages(("dedup", "language"))
    assert all(read_entry(made.run.output, "language", "books", unit.name) for unit in books)
