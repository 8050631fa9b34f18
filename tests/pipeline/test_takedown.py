"""Documents out of a finished run, in place: their text is nowhere, and all else is as it was."""

import json
import os
import shutil

import numpy as np
import pytest
from provenance_run import EMPTY, TWIN, document, judge, marker, text, url, words_below

from pipeline.errors import SettingError
from pipeline.explain import Explainer
from pipeline.ledger import chain_faults, read_entry, read_ledger
from pipeline.map_stages import MAP_STAGES
from pipeline.mix_work import mix_work
from pipeline.progress import Reporter
from pipeline.run import Run
from pipeline.stages import done
from pipeline.storage import Folder
from pipeline.takedown import take_down
from pipeline.takedown_order import LIST, PENDING, check_finished
from pipeline.work import WorkList
from tokenizer.vocabulary import Vocabulary


def taken(run, *lines):
    """The report, and which stages were to recount."""
    return take_down(run, lines, Reporter(quiet=True), lambda steps: None)


def files(run):
    """Digests of all files below the output but logs."""
    names = [name for name in run.output.walk("") if not name.startswith("logs/")]
    return {name: run.output.digest(name) for name in names}


def ids_of(run):
    return {name: np.fromfile(run.output.local_path(name), "<u2") for name in run.output.glob("**/*.bin")}


def test_text_named_by_address_origin_or_id_is_nowhere_below_the_output(provenance_run, vocabulary_path):
    names = [url("a", 1), document(provenance_run, "a", 2)["origin"], document(provenance_run, "b", 3)["doc_id"]]
    gone = [marker("a", 1), marker("a", 2), marker("b", 3), marker("a", TWIN)]
    before = words_below(provenance_run, vocabulary_path)
    assert all(word in before for word in gone)
    report = taken(provenance_run, *names, url("a", TWIN), url("b", TWIN))
    after = words_below(provenance_run, vocabulary_path)
    assert not any(word in after for word in gone)
    assert marker("a", 0) in after and marker("b", 0) in after
    assert [len(line["documents"]) for line in report["lines"]] == [1, 1, 1, 1, 1]


def test_only_the_ids_of_the_document_become_unk_wherever_they_are(provenance_run, vocabulary_path):
    before = ids_of(provenance_run)
    report = taken(provenance_run, url("a", 1))
    after, vocabulary = ids_of(provenance_run), Vocabulary(vocabulary_path)
    changed = {name: int((after[name] != before[name]).sum()) for name in after}
    (piece,) = report["documents"][0]["tokens"]
    ids = before[f"tokens/{piece['shard']}.bin"][piece["start"] :][: piece["tokens"]]
    assert vocabulary.decode(ids).startswith(marker("a", 1))
    assert {name: count for name, count in changed.items() if count and name.startswith("tokens/")} == {
        f"tokens/{piece['shard']}.bin": report["tokens_masked"]
    }
    in_stream = {name.removeprefix("stream/"): count for name, count in changed.items() if name.startswith("stream/")}
    assert sum(in_stream.values()) == report["stream_tokens_masked"]
    assert [name for name, count in in_stream.items() if count] == report["stream_shards"]
    assert all((after[name][after[name] != before[name]] == vocabulary.unk_id).all() for name in after)


def test_the_report_says_which_steps_had_seen_it_and_which_would_have(provenance_run):
    report = taken(provenance_run, url("a", 1), "https://nobody.example.org/")
    places = report["documents"][0]["tokens"][0]["stream"]
    assert report["positions"] == sorted({place["position"] for place in places})
    steps = sorted({position // 4 + 1 for position in report["positions"]})
    assert report["steps_that_had_seen_it"] == [step for step in steps if step <= 3]
    assert report["steps_that_would_have"] == [step for step in steps if step > 3]
    assert {place["epoch"] for place in places} >= {0, 1}
    assert report["unknown_lines"] == ["https://nobody.example.org/"]
    assert provenance_run.output.read_json(report["report"]) == {
        key: value for key, value in json.loads(json.dumps(report)).items() if key != "did"
    }


def test_nothing_is_to_be_done_again_and_the_ledger_balances(provenance_run, tmp_path):
    taken(provenance_run, url("a", 1), url("b", 4), url("b", TWIN), url("b", EMPTY))
    for unit in provenance_run.units("c4"):
        for stage in ("clean", "sample-tokenizer", "tokenize"):
            assert done(MAP_STAGES[stage], provenance_run, unit) is not None
    assert not judge(provenance_run, tmp_path / "scratch")
    assert mix_work(provenance_run, WorkList(Folder(str(tmp_path)), "mix.json")) is None
    entries = [entry for entry in read_ledger(provenance_run.output) if entry.source == "c4"]
    assert list(chain_faults(entries, {"c4": ("clean", "dedup", "tokenize")})) == []


def test_every_done_record_names_its_files_as_they_are(provenance_run):
    taken(provenance_run, url("a", 1))
    for entry in read_ledger(provenance_run.output):
        for name, said in entry.outputs.items():
            assert (said["bytes"], said["digest"]) == (
                provenance_run.output.size(name),
                provenance_run.output.digest(name),
            )
    manifest = provenance_run.output.read_json("manifest.json")
    assert {name: provenance_run.output.digest(name) for name in manifest["outputs"]} == manifest["outputs"]


def test_the_recount_finds_no_fault(provenance_run, proven):
    before = proven(provenance_run)
    taken(provenance_run, url("a", 1), url("b", 4))
    assert [fault.name for fault in proven(provenance_run).faults] == [fault.name for fault in before.faults] == []


def test_the_same_list_again_changes_nothing(provenance_run):
    first = taken(provenance_run, url("a", 1))
    held = files(provenance_run)
    again = taken(provenance_run, url("a", 1))
    assert (first["did"], again["did"]) == (True, False)
    assert again["taken_down_before"] == [first["documents"][0]["doc_id"]]
    assert files(provenance_run) == held


def test_a_second_list_has_a_report_of_its_own_and_sums_up_in_the_ledger(provenance_run):
    reports = [taken(provenance_run, url("a", page))["report"] for page in (1, 2)]
    assert reports == ["takedown/00001.json", "takedown/00002.json"]
    entry = read_entry(provenance_run.output, "tokenize", "c4", "c4-train.a.json.gz")
    gone = sum(len(text("a", page)) for page in (1, 2))
    assert entry.taken_down["bytes_in"] == gone


def test_a_takedown_that_is_killed_anywhere_goes_on_to_the_same_bytes(provenance_run, tmp_path, monkeypatch):
    names = (url("a", 1), url("b", 4))
    other = Run(provenance_run.recipe, Folder(str(tmp_path / "other")))
    shutil.copytree(provenance_run.output.local_path(), other.output.local_path())
    taken(other, *names)
    kills = 0
    while True:
        with monkeypatch.context() as patched:
            kill_after(patched, 1)
            try:
                taken(provenance_run, *names)
            except KeyboardInterrupt:
                kills += 1
                assert kills < 90
                continue
        break
    assert kills > 40
    assert files(provenance_run) == files(other)


def kill_after(patched, writes):
    """Interrupt the command at the end of the first write that changes a file, after it has been published."""
    left = [writes]
    publish = Folder._publish

    def killing(self, temporary, name):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return publish(self, temporary, name)

    patched.setattr(Folder, "_publish", killing)


def test_nothing_may_run_over_an_unfinished_takedown(provenance_run):
    check_finished(provenance_run.output)
    provenance_run.output.write_json(PENDING, {})
    with pytest.raises(SettingError, match=r"a takedown in .* is not finished"):
        check_finished(provenance_run.output)


def test_a_unit_that_is_cleaned_again_leaves_the_documents_out(provenance_run, vocabulary_path):
    taken(provenance_run, url("a", 1))
    unit = provenance_run.units("c4")[0]
    entry = MAP_STAGES["clean"].process(provenance_run, unit)
    assert entry.rejected == {"takedown:taken_down": {"documents": 1, "bytes": 0}}
    assert marker("a", 1) not in words_below(provenance_run, vocabulary_path)
    assert list(entry.faults()) == []


def test_a_stage_that_is_done_again_balances_with_the_one_before_it(provenance_run):
    taken(provenance_run, url("a", 1))
    for unit in provenance_run.units("c4"):
        MAP_STAGES["tokenize"].process(provenance_run, unit)
    entries = [entry for entry in read_ledger(provenance_run.output) if entry.source == "c4"]
    assert list(chain_faults(entries, {"c4": ("clean", "dedup", "tokenize")})) == []


def test_a_list_of_unknown_names_stays_in_force_and_changes_nothing_else(provenance_run):
    before = files(provenance_run)
    report = taken(provenance_run, "nobody")
    after = files(provenance_run)
    assert (report["did"], report["unknown_lines"], report["documents"]) == (False, ["nobody"], [])
    assert {name for name in after if before.get(name) != after[name]} == {LIST}
    assert provenance_run.output.read_json(LIST) == {"lines": ["nobody"]}


def test_a_run_without_a_stream_loses_its_documents(provenance_run, vocabulary_path):
    for name in ("stream", "tokens", "ledger/tokenize", "ledger/mix"):
        provenance_run.output.delete(name)
    report = taken(provenance_run, url("a", 1))
    assert (report["tokens_masked"], report["stream_shards"]) == (0, [])
    assert marker("a", 1) not in words_below(provenance_run, vocabulary_path)


def test_models_that_had_read_it_are_named(provenance_run):
    report = taken(provenance_run, url("a", 1))
    assert report["models_that_had_read_it"] == ["tokenizer"]
    assert any("models/tokenizer" in caution for caution in report["cautions"])


def test_a_run_that_lies_elsewhere_is_explained_and_masked_as_well(provenance_run):
    there = Folder(f"memory://takedown-{os.getpid()}")
    for name in provenance_run.output.walk(""):
        there.put(provenance_run.output.local_path(name), name)
    run = Run(provenance_run.recipe, there)
    (before,) = Explainer(run).documents(url("a", 1))
    report = taken(run, url("a", 1))
    (after,) = Explainer(run).documents(url("a", 1))
    assert after == before | {"taken_down": True}
    assert report["tokens_masked"] == before["tokens"][0]["end"] - before["tokens"][0]["start"] - 2
    taken(provenance_run, url("a", 1))
    assert {name: there.digest(name) for name in files(provenance_run)} == files(provenance_run)
