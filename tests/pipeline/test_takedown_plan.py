"""What a takedown will do, before it does anything."""

from provenance_run import EMPTY, TWIN, document, text, url

from pipeline.takedown_plan import is_report, plan_takedown, report_of, taken_before


def test_a_plan_writes_nothing_and_holds_no_text(finished_provenance_run):
    before = sorted(finished_provenance_run.output.walk(""))
    plan = plan_takedown(finished_provenance_run, [url("a", 1)])
    assert sorted(finished_provenance_run.output.walk("")) == before
    assert text("a", 1)[:10] not in str(plan) + str(report_of(plan))


def test_each_line_says_what_it_names(finished_provenance_run):
    doc_id = document(finished_provenance_run, "a", 1)["doc_id"]
    plan = plan_takedown(finished_provenance_run, [url("a", 1), doc_id, "nobody"])
    assert plan["lines"] == [
        {"line": url("a", 1), "documents": [doc_id]},
        {"line": doc_id, "documents": [doc_id]},
        {"line": "nobody", "documents": []},
    ]
    assert plan["unknown_lines"] == ["nobody"]
    assert [each["doc_id"] for each in plan["documents"]] == [doc_id]


def test_what_the_ledger_will_say_is_gone_is_known_before(finished_provenance_run):
    (unit,) = plan_takedown(finished_provenance_run, [url("b", 2), url("b", TWIN), url("b", EMPTY)])["units"]
    kept, twin = len(text("b", 2)), len(text("a", TWIN))
    assert unit["taken_down"] == {
        "clean": {"bytes_in": 0, "bytes_kept": kept + twin},
        "dedup": {"bytes_in": kept + twin, "bytes_kept": kept},
        "tokenize": {"bytes_in": kept, "bytes_kept": 0},
    }


def test_rejected_documents_have_no_tokens_and_say_why(finished_provenance_run):
    report = report_of(plan_takedown(finished_provenance_run, [url("b", TWIN)]))
    (told,) = report["documents"]
    assert told["tokens"] == [] and told["ended"][0]["stage"] == "dedup" and "reason" in told["ended"][0]
    assert (report["tokens_masked"], report["token_shards"], report["positions"]) == (0, [], [])
    assert report["steps_that_had_seen_it"] == report["steps_that_would_have"] == []


def test_sums_are_those_of_the_documents(finished_provenance_run):
    report = report_of(plan_takedown(finished_provenance_run, [url("a", 1), url("b", 2)]))
    pieces = [piece for told in report["documents"] for piece in told["tokens"]]
    assert report["tokens_masked"] == sum(piece["tokens"] for piece in pieces)
    assert report["stream_tokens_masked"] == sum(place["tokens"] for piece in pieces for place in piece["stream"])
    assert report["token_shards"] == ["c4/c4-train.a.json.gz-00000", "c4/c4-train.b.json.gz-00000"]


def test_documents_of_earlier_reports_are_not_planned_again(provenance_run):
    doc_id = document(provenance_run, "a", 1)["doc_id"]
    provenance_run.output.write_json("takedown/00001.json", {"documents": [{"doc_id": doc_id}]})
    assert taken_before(provenance_run.output) == {doc_id}
    plan = plan_takedown(provenance_run, [url("a", 1)])
    assert (plan["taken_down_before"], plan["documents"], plan["unknown_lines"]) == ([doc_id], [], [])


def test_reports_are_files_with_a_number():
    assert [is_report(name) for name in ("00001.json", "list.json", "unfinished.json")] == [True, False, False]
