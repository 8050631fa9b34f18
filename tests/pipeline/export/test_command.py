"""`tokenmill export`: settings are checked before anything is written, and figures come as one JSON object."""

import json

import pytest

from pipeline.cli import _exit_code
from pipeline.guards import locked
from pipeline.storage import Folder


@pytest.fixture
def called(capsys, finished_token_run, tmp_path, monkeypatch):
    """`called("--format", …)`: exit code, standard output and standard error of an export to `tmp_path / "to"`."""
    monkeypatch.setattr("pipeline.recipe_file.load_recipe", lambda name, overrides: finished_token_run.recipe)

    def call(*arguments, to=tmp_path / "to", output=finished_token_run.root):
        code = _exit_code(["export", "demo", "--output", str(output), "--to", str(to), *arguments])
        return code, *capsys.readouterr()

    return call


def test_figures_come_as_one_object(called):
    code, out, err = called("--format", "llm.c", "--positions", "10:20", "--split", "val", "--json")
    figures = json.loads(out)
    assert code == 0
    assert (figures["did"], figures["tokens"], figures["splits"]["val"]["files"]) == (True, 160, 1)
    assert err == ""


def test_a_rerun_says_that_there_is_nothing_to_do(called, tmp_path):
    called("--format", "olmo")
    assert json.loads(called("--format", "olmo", "--json")[1])["did"] is False
    code, out, err = called("--format", "olmo")
    assert (code, out) == (0, "")
    assert err.splitlines()[0] == f"nothing to do: olmo-sources in {tmp_path / 'to'} is up to date"


def test_people_read_one_line(called, tmp_path):
    code, out, err = called("--format", "mds")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1].startswith("4,000 tokens, 2 files, 17,")
    assert err.splitlines()[-1].endswith(f"bytes in {tmp_path / 'to'}")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--format", "hdf5"), "Invalid value for '--format': 'hdf5' is not one of 'megatron', 'datatrove'"),
        (("--format", "olmo", "--of", "stream"), "--format olmo reads token shards as they lie"),
        (("--format", "mds", "--of", "sources", "--positions", "1:"), "--positions are of the stream"),
        (("--format", "mds", "--positions", "3"), "--positions must be FIRST:LAST, such as 0:900 or 900:, got '3'"),
        (("--format", "mds", "--positions", "-1:3"), "--positions must be FIRST:LAST"),
        (("--format", "mds", "--positions", "9:999"), "--positions must lie within 0:250, got 9:999"),
        (("--format", "mds", "--split", "../up"), "--split must be letters, digits, - and _, got '../up'"),
        (("--format", "mds", "--split", ""), "--split must be letters"),
        (("--format", "mds", "--file-bytes", "63"), "--file-bytes must hold a sequence of 16 tokens: at least 64"),
        (("--format", "mds", "--file-bytes", "0"), "Invalid value for '--file-bytes'"),
    ],
)
def test_a_wrong_word_is_one_line_and_nothing_is_written(called, tmp_path, arguments, message):
    code, out, err = called(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"error: {message}")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("below", ["", "exported", "tokens/c4"])
def test_the_runs_own_folder_is_no_target(called, finished_token_run, below):
    code, _, err = called("--format", "olmo", to=finished_token_run.root / below)
    assert code == 2
    assert "must lie outside --output" in err


def test_a_link_into_the_runs_own_folder_is_no_target_either(called, finished_token_run, tmp_path):
    (tmp_path / "link").symlink_to(finished_token_run.root)
    assert called("--format", "olmo", to=tmp_path / "link/x")[0] == 2


def test_addresses_are_compared_too(called):
    code, _, err = called("--format", "olmo", output="memory://bucket/run", to="memory://bucket/run/x")
    assert (code, "must lie outside" in err) == (2, True)


def test_what_is_missing_is_named(called, tmp_path):
    code, _, err = called("--format", "mds", output=tmp_path / "nothing")
    assert (code, err) == (1, "error: export needs the stream: run `tokenmill mix` first, or export --of sources\n")


def test_one_export_at_a_time_works_in_a_folder(called, tmp_path):
    with locked(Folder(str(tmp_path / "to")), name=".export.lock", option="--to"):
        code, _, err = called("--format", "mds")
    assert (code, err) == (2, f"error: --to {tmp_path / 'to'}: another run is at work there\n")


def test_half_of_a_takedown_is_not_exported(called, token_run, tmp_path):
    (token_run.root / "takedown").mkdir()
    (token_run.root / "takedown/unfinished.json").write_text("{}")
    code, _, err = called("--format", "olmo", output=token_run.root)
    assert (code, "a takedown in" in err) == (2, True)
    assert not (tmp_path / "to").exists()
