import pytest

from filters.batch import document_batch
from pipeline import report_figures, report_rows
from pipeline.corpora.corpus import BadRecord
from pipeline.ledger import LedgerEntry
from pipeline.report_figures import EXAMPLES, EXCERPT_CHARS, read_figures
from pipeline.storage import Folder
from pipeline.units import UnitOutputs

CHAINS = {"c4": ("clean", "dedup", "tokenize"), "books": ("clean", "tokenize")}


def entry(stage="clean", source="c4", unit="a", **figures):
    return LedgerEntry(stage=stage, source=source, unit=unit, key="k", **figures)


def batch(*ids, text="some text", **columns):
    rows = [{"doc_id": i, "source": "c4", "origin": f"file#{i}", "text": text} | columns for i in ids]
    return document_batch(rows)


@pytest.fixture
def output(tmp_path):
    return Folder(str(tmp_path))


def write_unit(output, unit, rejected=(), kept=(), bad=(), stage="clean"):
    import pyarrow as pa

    with UnitOutputs(output, stage, "c4", unit, keep_rejected=True) as outputs:
        if kept:
            outputs.keep(batch(*kept))
        for ids, name, reason in rejected:
            outputs.reject(name, batch(*ids), pa.array([reason] * len(ids)))
        for record in bad:
            outputs.quarantine(record, f"file#{record.key}")
    output.write_json(f"ledger/{stage}/c4/{unit}.json", entry(unit=unit, stage=stage).to_json())


def test_an_empty_folder_has_empty_figures(output):
    figures = read_figures(output, CHAINS)
    assert (figures.stages, figures.faults, figures.rejected, figures.training.points) == ([], [], [], [])
    assert (figures.models, figures.stream) == ({}, {})


def test_an_entry_of_a_model_is_no_document_stage(output):
    output.write_json("ledger/mix/models/stream.json", entry("mix", "models", "stream").to_json())
    assert read_figures(output, CHAINS).stages == []


def test_a_stage_beside_the_chain_is_no_part_of_the_funnel(output):
    output.write_json("ledger/sample/c4/a.json", entry("sample", counts={"sampled": 5}).to_json())
    output.write_json("ledger/clean/c4/a.json", entry().to_json())
    assert [item.stage for item in read_figures(output, CHAINS).stages] == ["clean"]


def test_a_spread_is_no_figure_of_a_models_table(output):
    output.write_json("models/reference/report.json", {"auc": 0.9, "spread": [1] * 17, "few": [1] * 16})
    assert list(read_figures(output, CHAINS).models["reference"]) == ["auc", "few"]


def test_faults_of_units_and_between_stages_are_told(output):
    output.write_json("ledger/clean/c4/a.json", entry(documents_in=3, documents_kept=2).to_json())
    output.write_json("ledger/dedup/c4/a.json", entry("dedup", documents_in=1, documents_kept=1).to_json())
    faults = read_figures(output, CHAINS).faults
    assert faults[0].startswith("clean/c4/a: 3 documents in")
    assert faults[1].startswith("dedup/c4/a: 1 documents and 0 bytes in, but clean kept 2")


def test_examples_are_those_with_the_smallest_ids_over_all_units(output):
    write_unit(output, "a", rejected=[(("d5", "d1", "d9"), "f", "short")])
    write_unit(output, "b", rejected=[(("d3", "d0"), "f", "short"), (("d7",), "g", "long")])
    found = [(item.kind, item.origin) for item in read_figures(output, CHAINS).rejected]
    assert found == [("f:short", f"file#d{i}") for i in (0, 1, 3)] + [("g:long", "file#d7")]


def test_kept_examples_are_those_of_the_last_stage_before_the_tokens(output):
    write_unit(output, "a", kept=("d1", "d2"))
    write_unit(output, "a", kept=("d2",), stage="dedup")
    output.write_json("ledger/tokenize/c4/a.json", entry("tokenize").to_json())
    assert [(item.stage, item.kind, item.origin) for item in read_figures(output, CHAINS).kept] == [
        ("dedup", "kept", "file#d2")
    ]


@pytest.mark.parametrize("most, kinds", [(1, {"f:short"}), (2, {"f:short", "g:long"})])
def test_no_more_kinds_have_examples_than_the_bound(output, monkeypatch, most, kinds):
    monkeypatch.setattr(report_figures, "MAX_KINDS", most)
    write_unit(output, "a", rejected=[(("d1", "d2"), "f", "short"), (("d3",), "g", "long"), (("d4",), "f", "short")])
    found = read_figures(output, CHAINS).rejected
    assert {item.kind for item in found} == kinds
    assert [item.origin for item in found if item.kind == "f:short"] == ["file#d1", "file#d2", "file#d4"]


def test_many_candidates_leave_few_examples(output):
    write_unit(output, "a", kept=tuple(f"d{i:04d}" for i in range(1500, 0, -1)))
    found = [item.origin for item in read_figures(output, CHAINS).kept]
    assert found == ["file#d0001", "file#d0002", "file#d0003"][:EXAMPLES]


def test_examples_are_looked_for_in_a_bounded_number_of_row_groups(output, monkeypatch):
    monkeypatch.setattr(report_rows, "EXAMINED", 1)
    write_unit(output, "a", kept=("d2",))
    write_unit(output, "b", kept=("d1",))
    assert [item.origin for item in read_figures(output, CHAINS).kept] == ["file#d2"]


def test_a_quarantined_record_shows_its_detail_and_its_raw_bytes(output):
    bad = BadRecord(key="7", reason="bad_json", detail="line 7", raw=b"\xff{", size=900)
    write_unit(output, "a", bad=[bad])
    (example,) = read_figures(output, CHAINS).quarantined
    assert (example.kind, example.origin, example.title) == ("bad_json", "file#7", "line 7")
    assert (example.excerpt, example.size) == ("\ufffd{", 900)


def test_an_excerpt_is_short_and_says_how_long_the_text_is(output):
    with UnitOutputs(output, "clean", "c4", "a", keep_rejected=True) as outputs:
        outputs.keep(batch("d1", text="é" * 5000))
    output.write_json("ledger/clean/c4/a.json", entry().to_json())
    (example,) = read_figures(output, CHAINS).kept
    assert (example.excerpt, example.size) == ("é" * EXCERPT_CHARS, 10_000)


def test_reports_of_models_are_flattened(output):
    output.write_json("models/language/report.json", {"pieces": 2000, "sample": {"bytes": 1.5, "of": "text"}})
    assert read_figures(output, CHAINS).models == {
        "language": {"pieces": "2000", "sample · bytes": "1.5", "sample · of": "text"}
    }


def test_the_report_of_the_tokenizer_stands_apart(output):
    output.write_json("models/tokenizer/report.json", {"vocabulary_size": 2000})
    figures = read_figures(output, CHAINS)
    assert (figures.tokenizer, figures.models) == ({"vocabulary_size": 2000}, {})
