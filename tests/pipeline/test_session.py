"""What a command over a run is told before, and what comes of it; `test_cli.py` has it as it is typed."""

from pipeline.section import SOURCES
from pipeline.session import Session, stages_until
from pipeline.stage_names import STAGES


def test_a_run_has_all_stages_or_those_up_to_one():
    assert stages_until(None) == STAGES
    assert stages_until("pages") == STAGES[: STAGES.index("pages") + 1]


def test_a_session_that_finds_nothing_to_do_says_so(capfd, copied_run):
    Session(copied_run.run(), (), 0, as_json=False).do(("clean",))
    assert capfd.readouterr() == ("", f"nothing to do: clean of {copied_run.output} are up to date\n")


def test_a_dry_run_is_told_to_people_source_by_source(capsys, small_run):
    Session(small_run.run(), (), 0, as_json=False).dry_run(("clean",))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if " files below " in line] == list(SOURCES)
    assert "clean c4: 0 of 4 units to do" in lines
