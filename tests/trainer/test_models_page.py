"""What docs/models.md says can be done is done here, in its order."""

import re
import shlex
from pathlib import Path

import pytest
from saved_models import saved

from trainer.cli import main
from trainer.meta_release import CONVERT

PAGE = (Path(__file__).parent.parent.parent / "docs/models.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path, vocabulary_path, monkeypatch):
    """Where the page's commands run, with a training in it."""
    saved(tmp_path / "out/demo/training", tokenizer=vocabulary_path)
    (tmp_path / "prompts.txt").write_text("one\ntwo\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_and_every_program_of_the_page_runs(folder, capsys):
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    ours = [command[1:] for command in commands if command[0] == "tokenmill-trainer"]
    assert [main(command) for command in ours] == [0] * 9
    for program in blocks("python"):
        exec(compile(program, "docs/models.md", "exec"), {})
    assert "[3, 24, 24]" in capsys.readouterr().out
    assert {"demo-hf", "demo-bf16", "again", "demo-meta", "again-too"} <= {path.name for path in folder.glob("out/*")}


def test_the_page_and_the_refusal_convert_pickles_by_the_same_command():
    assert f"```sh\n{CONVERT}\n```" in PAGE
