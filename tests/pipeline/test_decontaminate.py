"""Contaminated documents are dropped or marked with evidence, in every source, and reported set by set."""

import dataclasses
import json
import random
import shutil

import pyarrow.parquet as pq
import pytest

from filters.batch import document_batch
from pipeline.conductor import Conductor
from pipeline.corpora.registry import document_stages
from pipeline.decontaminate import SHOWN_EXAMPLES, Decontaminate, Examples, said_of, write_findings
from pipeline.engine import Engine
from pipeline.errors import FatalError
from pipeline.ledger import Tally, chain_faults, read_entry, read_ledger
from pipeline.models import CONTAMINATION_INDEX
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.report import write_report
from pipeline.run import Run
from pipeline.stages import done, ensure
from pipeline.storage import Folder
from pipeline.units import Unit, UnitOutputs, process_batches

QUIET = Reporter(quiet=True)
CHANCE = random.Random(7)
QUESTIONS = [" ".join(f"q{n}w{CHANCE.randint(0, 99)}" for _ in range(20)) for n in range(4)]
WEIGHTS = {"wikipedia": 0.5, "arxiv": 0.5}
TEXTS = {
    "wikipedia": ["Nothing here.", f"Before. {QUESTIONS[0].upper()} Behind.", "Or here."],
    "arxiv": [QUESTIONS[0] + " . " + QUESTIONS[1], " ".join(QUESTIONS[2].split()[:12])],
}
STAGE = Decontaminate()


@pytest.fixture
def made(tmp_path):
    """`made(setting=…)`: a run whose documents are clean, one unit a source, with a set of four questions."""
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps({"q": q}) + "\n" for q in QUESTIONS))
    output = Folder(str(tmp_path / "out"))
    for source, texts in TEXTS.items():
        rows = [
            {"doc_id": f"{source}{i}", "source": source, "origin": f"f#{i}", "text": t} for i, t in enumerate(texts)
        ]
        tally = Tally()
        with UnitOutputs(output, "clean", source, "u", keep_rejected=True) as outputs:
            process_batches([document_batch(rows)], (), outputs, tally)
        entry = tally.entry("clean", source, "u", "k", {}, outputs.written)
        output.write_json(entry.name, entry.to_json())

    def build(**settings):
        named = {"sets": {"quiz": f"{tmp_path}/quiz.jsonl"}} | settings
        recipe = {"name": "t", "mixture": {"weights": WEIGHTS}, "near_dedup": {"sources": ()}, "decontaminate": named}
        return Run(Recipe.model_validate(recipe), output)

    return build


def unit(source):
    return Unit(source=source, name="u", input="f", size=1)


def decontaminated(run):
    CONTAMINATION_INDEX.is_current(run) or CONTAMINATION_INDEX.train(run)
    entries = {source: ensure(STAGE, run, unit(source)) for source in TEXTS}
    write_findings(run, QUIET)
    return entries


def rows(run, what, source):
    path = run.output.local_path(f"{what}/decontaminate/{source}/u.parquet")
    return pq.read_table(path).to_pylist() if path.exists() else []


def test_contaminated_documents_are_dropped_with_evidence(made):
    run = made()
    entry = decontaminated(run)["wikipedia"]
    (gone,) = rows(run, "rejected", "wikipedia")
    assert (gone["doc_id"], gone["filter"], gone["reason"]) == ("wikipedia1", "drop_contaminated", "contaminated")
    (found,) = gone["contamination"]
    assert found.pop("item").endswith("quiz.jsonl#1")
    assert found == {
        **{"set": "quiz", "field": "q", "ngram": " ".join(QUESTIONS[0].split()[:13])},
        **{"place": 8, "hits": 8, "found": 8, "ngrams": 8},
    }
    assert [row["doc_id"] for row in rows(run, "documents", "wikipedia")] == ["wikipedia0", "wikipedia2"]
    assert entry.rejected["drop_contaminated:contaminated"]["documents"] == 1
    assert dict(entry.counts) == {"find_contamination.documents": 1, "find_contamination.documents.quiz": 1}


def test_marked_documents_stay_with_the_same_evidence(made):
    dropped = made()
    decontaminated(dropped)
    evidence = [row["contamination"] for row in rows(dropped, "rejected", "arxiv")]
    marked = made(action="mark")
    entries = decontaminated(marked)
    kept = rows(marked, "documents", "arxiv")
    assert [row["contamination"] for row in kept] == [*evidence, None]
    assert [row["text"] for row in kept] == TEXTS["arxiv"]
    assert rows(marked, "rejected", "arxiv") == [] and not entries["arxiv"].rejected


@pytest.mark.parametrize("settings", [{}, {"action": "mark"}, {"min_fraction": 1.0}, {"ngram_words": 12}])
def test_the_ledger_balances(made, settings):
    run = made(**settings)
    decontaminated(run)
    entries = [entry for entry in read_ledger(run.output) if entry.source in TEXTS]
    assert not [fault for entry in entries for fault in entry.faults()]
    assert not list(chain_faults(entries, dict.fromkeys(TEXTS, ("clean", "decontaminate"))))


def test_findings_say_of_each_set_how_much_of_it_is_where(made):
    run = made()
    decontaminated(run)
    found = run.output.read_json("decontaminate/report.json")
    quiz = found["sets"]["quiz"]
    assert (found["action"], found["ngram_words"], found["min_fraction"]) == ("drop", 13, 0.0)
    assert (quiz["items"], quiz["searchable_items"], quiz["items_hit"], quiz["contaminated_fraction"]) == (4, 4, 2, 0.5)
    assert quiz["documents"] == {"arxiv": 1, "wikipedia": 1}
    first = quiz["most_frequent_ngrams"][0]
    assert first["documents"] == 2 and first["ngram"] in QUESTIONS[0]
    assert [row["doc_id"] for row in quiz["examples"]] == ["arxiv0", "wikipedia1"]
    assert quiz["examples"][1]["text"] == f"{QUESTIONS[0].upper()} Behind."


def test_a_document_that_holds_too_little_stays_and_its_ngrams_are_counted(made):
    run = made(min_fraction=0.5, ngram_words=12)
    decontaminated(run)
    quiz = run.output.read_json("decontaminate/report.json")["sets"]["quiz"]
    assert quiz["items_hit"] == 2  # Of question 2 there is one n-gram of nine.
    assert " ".join(QUESTIONS[2].split()[:12]) in [row["ngram"] for row in quiz["most_frequent_ngrams"]]
    run = made(ngram_words=12)
    decontaminated(run)
    assert run.output.read_json("decontaminate/report.json")["sets"]["quiz"]["items_hit"] == 3


def test_nothing_changes_and_nothing_is_done_again(made):
    run = made()
    before = decontaminated(run)
    assert all(done(STAGE, run, unit(source)) == entry for source, entry in before.items())
    assert not write_findings(run, QUIET)


@pytest.mark.parametrize(
    "settings, redone",
    [
        ({"action": "mark"}, True),
        ({"min_fraction": 0.1}, True),
        ({"ngram_words": 9}, True),
        ({"max_ngrams": 99}, False),
    ],
)
def test_a_setting_is_in_the_key(made, settings, redone):
    decontaminated(made())
    changed = made(**settings)
    CONTAMINATION_INDEX.is_current(changed) or CONTAMINATION_INDEX.train(changed)
    assert (done(STAGE, changed, unit("arxiv")) is None) == redone


def test_a_changed_set_is_indexed_anew_and_the_documents_are_put_to_it(made, tmp_path, monkeypatch):
    monkeypatch.setattr("filters.load_once._loaded", {})
    run = made()
    decontaminated(run)
    text = (tmp_path / "quiz.jsonl").read_text()
    (tmp_path / "quiz.jsonl").write_text(
        text + json.dumps({"q": "Or here, nothing: twelve words are enough, are they?"}) + "\n"
    )
    monkeypatch.setattr("filters.load_once._loaded", {})  # As in another process.
    assert not CONTAMINATION_INDEX.is_current(run)
    CONTAMINATION_INDEX.train(run)
    assert done(STAGE, run, unit("wikipedia")) is None


def test_a_set_that_is_written_anew_with_the_same_items_redoes_no_document(made, tmp_path, monkeypatch):
    run = made()
    decontaminated(run)
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps({"q": q, "n": 1}) + "\n" for q in QUESTIONS))
    monkeypatch.setattr("filters.load_once._loaded", {})
    assert not CONTAMINATION_INDEX.is_current(run)
    CONTAMINATION_INDEX.train(run)
    assert done(STAGE, run, unit("wikipedia")) is not None


def test_rejected_documents_that_are_not_kept_are_in_the_findings_all_the_same(made):
    run = made()
    run = dataclasses.replace(
        run, recipe=run.recipe.model_copy(update={"rejected": run.recipe.rejected.model_copy(update={"keep": False})})
    )
    decontaminated(run)
    assert rows(run, "rejected", "arxiv") == []
    assert len(run.output.read_json("decontaminate/report.json")["sets"]["quiz"]["examples"]) == 2


def test_a_unit_without_contamination_leaves_no_findings(made, tmp_path):
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"q": " ".join(f"z{n}" for n in range(13))}))
    run = made()
    entries = decontaminated(run)
    assert list(entries["arxiv"].outputs) == ["documents/decontaminate/arxiv/u.parquet"]
    quiz = run.output.read_json("decontaminate/report.json")["sets"]["quiz"]
    assert (quiz["items_hit"], quiz["documents"], quiz["examples"], quiz["most_frequent_ngrams"]) == (0, {}, [], [])


def test_without_sets_there_is_no_stage_and_nothing_to_say(made):
    run = made(sets={})
    assert "decontaminate" not in document_stages(run.recipe, "arxiv")
    assert not CONTAMINATION_INDEX.is_trained(run.recipe)
    assert not write_findings(run, QUIET)


def test_examples_are_the_documents_with_the_smallest_ids_whatever_their_order():
    ids = [f"{n:03d}" for n in range(40)]
    orders = [ids, ids[::-1], random.Random(3).sample(ids, 40)]
    held = []
    for order in orders:
        examples = Examples()
        for doc_id in [*order, *order]:
            examples.add("quiz", {"doc_id": doc_id})
        held.append(examples.held["quiz"])
    assert held[0] == held[1] == held[2] == [{"doc_id": doc_id} for doc_id in ids[:SHOWN_EXAMPLES]]


def test_a_line_says_what_was_found_of_a_set():
    figures = {
        "items": 1200,
        "items_hit": 3,
        "searchable_items": 1100,
        "documents": {"c4": 4, "books": 1},
        "faults": {},
    }
    assert said_of(figures) == "3 of 1,200 items (1,100 searchable) in 5 documents"
    assert said_of(figures | {"faults": {"not_json": 2}}).endswith("in 5 documents; 2 broken lines or files")


def leaks(run):
    """Of each source words of its longest document, as items of a set, and what document they are from."""
    found = {}
    for source in run.recipe.sources:
        rows = [
            row for batch in run.documents(document_stages(run.recipe, source)[-1], source) for row in batch.to_pylist()
        ]
        row = max(rows, key=lambda row: (len(set(row["text"].split())), row["doc_id"]))
        words = row["text"].split()
        found[source] = row["doc_id"], " ".join(words[len(words) // 2 :][:40])
    return found


def test_a_leak_planted_in_each_source_is_found_by_a_whole_run(copied_run, tmp_path):
    planted = leaks(copied_run.run())
    lines = [json.dumps({"source": source, "text": text}) for source, (_, text) in planted.items()]
    (tmp_path / "leaks.jsonl").write_text("\n".join([*lines, "{broken"]))
    setting = f'decontaminate.sets={{leaks = "{tmp_path}/leaks.jsonl"}}'
    run = copied_run.run(setting)
    work = Conductor(run, Engine((), 2, copied_run.output / "logs/run.log"), QUIET)
    with pytest.raises(FatalError, match="stage decontaminate needs index-evals to be up to date"):
        work.stages(("decontaminate",))
    work.stages(("index-evals", "decontaminate"))
    assert work.worked == ["index-evals", "decontaminate"]
    gone = {
        source: [row["doc_id"] for path in folder.iterdir() for row in pq.read_table(path).to_pylist()]
        for source in planted
        if (folder := copied_run.output / f"rejected/decontaminate/{source}").exists()
    }
    assert all(doc_id in gone[source] for source, (doc_id, _) in planted.items())
    figures = run.output.read_json("decontaminate/report.json")["sets"]["leaks"]
    assert (figures["items_hit"], figures["faults"]) == (len(planted), {"not_json": 1})
    assert set(figures["documents"]) == set(planted)
    names = [name for entry in read_ledger(run.output) if entry.stage == "decontaminate" for name in entry.outputs]
    held = {name: run.output.digest(name) for name in names}
    shutil.rmtree(copied_run.output / "ledger/decontaminate")
    again = Conductor(run, Engine((), 1, copied_run.output / "logs/run.log"), QUIET)
    again.stages(("index-evals", "decontaminate"))
    assert {name: run.output.digest(name) for name in names} == held
    write_report(run.output, run.recipe, {})
    assert "leaks · documents" in (copied_run.output / "report.html").read_text()
    Conductor(copied_run.run(), Engine((), 1, copied_run.output / "logs/run.log"), QUIET).stages(("clean",))
    assert not list((copied_run.output / "decontaminate").rglob("*.json"))
    assert read_entry(run.output, "decontaminate", "models", "findings") is None
