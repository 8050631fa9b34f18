"""Done records say what is to be there; what is missing among them, or there without them, is told."""

import json

import pytest

from pipeline.verify_records import count_faults, listing_faults, read_records, stream_entry_faults


def told(faults):
    return [(fault.name, fault.where) for fault in faults]


def entry_path(run, source="c4", unit="unit0"):
    return run.root / f"ledger/tokenize/{source}/{unit}.json"


def test_records_name_all_files_and_count_documents_and_tokens(finished_token_run):
    records = read_records(finished_token_run.run())
    there = {str(path.relative_to(finished_token_run.root)) for path in finished_token_run.root.glob("tokens/*/*")}
    assert {name for name in records.files if name.startswith("tokens/")} == there
    assert (records.documents, sum(records.tokens.values())) == ({"c4": 120, "books": 60, "wikipedia": 5}, 5077)
    assert records.shards("wikipedia") == ["unit0-00000"]
    assert len(records.shard_files("wikipedia", "unit0-00000")) == 7
    assert records.faults == []


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 9000],
)
def test_a_record_that_is_none_is_told(token_run, content):
    entry_path(token_run).write_text(content)
    assert told(read_records(token_run.run()).faults) == [("record_missing", "ledger/tokenize/c4/unit0.json")]


@pytest.mark.parametrize("output", [None, 1, {}, {"bytes": "1", "digest": "x"}, {"bytes": 1, "digest": None}])
def test_a_record_whose_outputs_are_none_is_told(token_run, output):
    entry = json.loads(entry_path(token_run).read_text())
    entry["outputs"][min(entry["outputs"])] = output
    entry_path(token_run).write_text(json.dumps(entry))
    assert told(read_records(token_run.run()).faults) == [("record_missing", "ledger/tokenize/c4/unit0.json")]


@pytest.mark.parametrize("name", ["tokens/c4/more", "tokens/arxiv/a.bin", "stream/more"])
def test_a_file_that_no_record_names_is_told(token_run, name):
    run = token_run.run()
    (token_run.root / name).parent.mkdir(exist_ok=True)
    (token_run.root / name).write_bytes(b"")
    assert told(listing_faults(run, read_records(run))) == [("file_unknown", name)]


def test_a_source_without_shards_is_told(token_run):
    run = token_run.run()
    entry_path(token_run, "wikipedia").unlink()
    found = told(listing_faults(run, read_records(run)))
    assert {name for name, _ in found} == {"file_unknown", "source_missing"}
    assert found[-1] == ("source_missing", "tokens/wikipedia")


def test_a_stream_shard_without_a_record_is_told(finished_token_run):
    records = read_records(finished_token_run.run())
    assert list(stream_entry_faults(3, records)) == []
    assert told(stream_entry_faults(4, records)) == [("record_missing", "stream/stream-00003.bin")]


@pytest.mark.parametrize("counts, faults", [((120, 0), 0), ((119, 0), 1), ((120, 1), 1)])
def test_counts_of_records_and_of_shards_are_compared(finished_token_run, counts, faults):
    records = read_records(finished_token_run.run())
    documents, more = counts
    found = [
        {"source": name, "documents": records.documents[name], "tokens": records.tokens[name]}
        for name in ("books", "wikipedia")
    ]
    found.append({"source": "c4", "documents": documents, "tokens": records.tokens["c4"] + more})
    assert told(count_faults(records, found)) == [("ledger_differs", "ledger/tokenize/c4")] * faults
