"""The stream is verified, trained on and reported once; the manifest says what the run was made of."""

import io
from dataclasses import replace

import pytest

from pipeline import finish
from pipeline.engine import Engine
from pipeline.errors import FatalError, SettingError
from pipeline.finish import check_finish, finish_steps
from pipeline.ledger import read_entry
from pipeline.progress import Reporter
from pipeline.storage import Folder
from pipeline.stream_work import mix_work
from pipeline.work import Manifest

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


def test_training_without_torch_is_refused_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(finish.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"train needs PyTorch: pip install 'tokenmill\[train\]'"):
        check_finish(("mix", "train"))
    check_finish(("mix", "verify"))


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


@pytest.mark.parametrize("from_step, said", [(30, "already trained: 20 steps"), (5, "begins anew: ")])
def test_training_goes_on_unless_the_mixture_changes_before_where_it_stands(copied_run, tmp_path, from_step, said):
    run, heard = copied_run.run(f"mixture.changes=[{{from_step = {from_step}, sequence_tokens = 64}}]"), io.StringIO()
    metrics = copied_run.output / "training/metrics.jsonl"
    before, scratch = metrics.read_bytes(), Folder(str(tmp_path / "scratch"))
    work = mix_work(run, Manifest(scratch, "mix.json"))
    ENGINE.run_groups([work], scratch)
    work.finish()
    assert finish_steps(run, Reporter(stream=heard), ("verify", "train"), ENGINE) == ["verify", "train"]
    assert said in heard.getvalue()
    assert (metrics.read_bytes() == before) is (from_step == 30)


def test_what_the_trainer_says_is_passed_on():
    said = []
    reporter = Reporter(quiet=True)
    reporter.say = said.append
    command = ["sh", "-c", "echo step 1 >&2; echo step 2 >&2; exit 3"]
    assert finish._relayed(command, reporter) == 3
    assert said == ["  step 1", "  step 2"]


@pytest.mark.parametrize("code, error", [(130, KeyboardInterrupt), (1, FatalError)])
def test_a_trainer_that_ends_badly_ends_the_run(copied_run, monkeypatch, code, error):
    monkeypatch.setattr(finish, "_relayed", lambda command, reporter: code)
    with pytest.raises(error):
        finish_steps(copied_run.run("trainer.steps=21"), QUIET, ("train",), ENGINE)
    assert read_entry(copied_run.run().output, "train", "models", "model").key


def test_a_remote_stream_is_not_trained_on(small_run, monkeypatch):
    run = small_run.run("trainer.steps=21")
    monkeypatch.setattr("pipeline.storage.Folder.is_local", property(lambda _: False))
    with pytest.raises(FatalError, match=r"train reads a local folder: copy .*/stream to this machine first"):
        finish_steps(run, QUIET, ("train",), ENGINE)
