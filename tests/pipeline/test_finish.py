"""The stream is verified, trained on and reported once; the manifest says what the run was made of."""

from dataclasses import replace

import pytest

from pipeline.engine import Engine
from pipeline.errors import FatalError
from pipeline.finish import finish_steps
from pipeline.ledger import read_entry
from pipeline.progress import Reporter

QUIET = Reporter(quiet=True)
ENGINE = Engine(workers=1)


def test_what_is_done_is_not_done_again(small_run):
    assert finish_steps(small_run.run(), QUIET, ("verify", "train", "report"), ENGINE) == []


@pytest.mark.parametrize("stage", ["verify", "train"])
def test_without_a_stream_it_says_what_to_run(small_run, tmp_path, stage):
    run = replace(small_run, output=tmp_path).run()
    with pytest.raises(FatalError, match=f"stage {stage} needs the stream: run `tokenmill mix` first"):
        finish_steps(run, QUIET, (stage,), ENGINE)


def test_a_flipped_byte_of_the_stream_is_found(copied_run):
    path = next((copied_run.output / "stream").glob("*.bin"))
    content = bytearray(path.read_bytes())
    content[999] ^= 1
    path.write_bytes(content)
    with pytest.raises(FatalError, match=r"verify found \d faults, the first: digest_differs in stream/"):
        finish_steps(copied_run.run(), QUIET, ("verify",), ENGINE)
    assert read_entry(copied_run.run().output, "verify", "models", "stream") is None


def test_a_report_is_written_again_where_the_ledger_changed(copied_run):
    run = copied_run.run()
    before = run.output.digest("report.html")
    entry = read_entry(run.output, "clean", "c4", run.units("c4")[0].name)
    run.record(replace(entry, documents_in=entry.documents_in + 1, documents_kept=entry.documents_kept + 1))
    assert finish_steps(run, QUIET, ("verify", "report"), ENGINE) == ["report"]
    assert run.output.digest("report.html") != before


def test_a_deleted_report_is_the_same_again(copied_run):
    run = copied_run.run()
    before = run.output.digest("report.html")
    run.output.delete("report.html")
    assert finish_steps(run, QUIET, ("report",), ENGINE) == ["report"]
    assert run.output.digest("report.html") == before
