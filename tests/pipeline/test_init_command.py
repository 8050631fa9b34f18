"""`tokenmill init`: from a folder of dumps to a recipe that runs."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import _exit_code
from pipeline.recipe_file import load_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture
def called(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = _exit_code(["init", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def dumps(small_run, tmp_path):
    """A few of the demo's: two Wikipedias, programs, and threads of one site."""
    for pattern in ("wikipedia/s[lv]*", "github/*", "stackexchange/*"):
        for path in sorted(small_run.dumps.glob(pattern))[:6]:
            target = tmp_path / "dumps" / path.relative_to(small_run.dumps)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    return tmp_path / "dumps"


def test_sources_are_those_whose_dumps_lie_there(called, dumps):
    code, out, err = called("mine.toml", "--input", dumps)
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == (
        "wrote mine.toml, with the numbers of demo; next: tokenmill run mine.toml --output out --dry-run"
    )
    recipe = load_recipe("mine.toml")
    assert recipe.sources == ("github", "wikipedia", "stackexchange")
    assert (recipe.name, recipe.inputs.root) == ("mine", str(dumps))


def test_named_sources_are_taken_and_said_to_have_no_dumps_yet(called, dumps):
    code, _, err = called("mine.toml", "--input", dumps, "--source", "arxiv", "--source", "wikipedia")
    assert code == 0
    assert f"caution: no dumps of arxiv lie below {dumps} yet: arxiv/**/*.tar" in err.splitlines()
    assert load_recipe("mine.toml").sources == ("wikipedia", "arxiv")


def test_what_a_run_would_lack_is_said_at_once(called):
    code, out, _ = called("mine.toml", "--source", "commoncrawl", "--like", "llama1", "--json")
    assert code == 0
    assert json.loads(out)["cautions"][-1].startswith("train-language needs the source wikipedia: add it to")


def test_a_file_that_is_there_is_kept_unless_forced(called, dumps, tmp_path):
    (tmp_path / "mine.toml").write_text("mine")
    code, _, err = called("mine.toml", "--input", dumps)
    assert (code, err) == (2, "error: mine.toml is there already: name another file, or write over it with --force\n")
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert called("mine.toml", "--input", dumps, "--force")[0] == 0
    assert load_recipe("mine.toml").name == "mine"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--input", "nowhere"), "--input nowhere holds no dumps: looked for commoncrawl/**/*.wet.gz; c4/"),
        (("--source", "wikpedia"), "--source wikpedia is no source; did you mean wikipedia?"),
        (("--source", "c4", "--tokens", "9"), "--tokens must be at least 1024, a step of the trainer, got 9"),
    ],
)
def test_a_wrong_word_is_one_line(called, tmp_path, arguments, said):
    code, out, err = called("mine.toml", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {said}")
    assert not (tmp_path / "mine.toml").exists()


def tokenmill(*arguments, **more):
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, capture_output=True, check=False, **more
    )


@pytest.mark.system
@pytest.mark.slow
def test_the_recipe_runs_on_a_few_dumps_to_a_stream_that_is_verified(called, dumps, tmp_path):
    called("mine.toml", "--input", "dumps", "--tokens", "65536")
    said = tokenmill("run", "mine.toml", "--output", "out", "--dry-run", cwd=tmp_path)
    assert (said.returncode, "clean github: " in said.stdout) == (0, True)
    small = ("--set", "tokenizer.vocabulary_size=500", "--workers", "2", "--until", "verify", "--json")
    done = tokenmill("run", "mine.toml", "--output", "out", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (done.stderr, figures["limits_passed"], figures["mixture"]["tokens"]) == ("", [], 65_536)
    assert set(figures["mixture"]["sources"]) == {"github", "wikipedia", "stackexchange"}


def test_in_a_terminal_it_asks_for_what_is_not_given(dumps, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pipeline.cli", "init", "mine.toml"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, f"{dumps}\nwikipedia\n".encode())
        process.wait()
        said = os.read(ours, 10_000).decode()
    assert process.returncode == 0, said
    assert "Where do the raw dumps lie? [dumps]:" in said
    assert "Which sources? [github wikipedia stackexchange]:" in said
    assert load_recipe(str(tmp_path / "mine.toml")).sources == ("wikipedia",)
