"""A run that is given secrets in every way leaves none of them behind: on the console, in logs, in what it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET, PASSWORD, TOKEN = "wJalrXUtnFEMIK7MDENG", "hunter22hunter22", "hf_0123456789abcdef"
RECIPE = """
name = "secrets"
[inputs]
root = "{root}"
[mixture]
weights = {{books = 1.0}}
[language]
model = "https://me:{password}@127.0.0.1:1/lid.bin?sig={secret}"
"""


@pytest.fixture
def given(tmp_path):
    """(recipe, output) of a run over one book."""
    book = tmp_path / "dumps/books/one.txt"
    book.parent.mkdir(parents=True)
    book.write_text("It was the best of times, it was the worst of times. " * 200)
    recipe = tmp_path / "secrets.toml"
    recipe.write_text(RECIPE.format(root=tmp_path / "dumps", password=PASSWORD, secret=SECRET))
    return str(recipe), tmp_path / "out"


def said_by(*arguments: str) -> str:
    """What the command says on both of its streams."""
    environment = os.environ | {"AWS_SECRET_ACCESS_KEY": SECRET, "HF_TOKEN": TOKEN}
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


def held_in(text: str) -> list[str]:
    return [secret for secret in (SECRET, PASSWORD, TOKEN) if secret in text]


@pytest.mark.slow
def test_a_run_leaves_no_secret_behind(given):
    recipe, output = given
    flags = ["--", f"--s3_secret_access_key={SECRET}", f"--azure_connection_string=AccountKey={TOKEN}"]
    arguments = ["clean", recipe, "--output", str(output), "--workers", "1"]
    said = said_by(*arguments, "--json", *flags)
    assert json.loads(said[said.index("{") : said.rindex("}") + 1])["did"] == ["clean"]
    written = {path: path.read_bytes().decode("utf-8", "replace") for path in Path(output).rglob("*") if path.is_file()}
    assert "[hidden]" in written[output / "manifest.json"]
    assert (output / "logs/run.log") in written
    assert {str(path): found for path, text in written.items() if (found := held_in(text))} == {}
    assert held_in(said) == []
    shown = said_by(*arguments, "--dry-run", *flags)
    assert "lid.bin?sig=[hidden]" in shown
    assert held_in(shown) == []


def test_an_error_says_no_secret(given):
    said = said_by("clean", given[0], "--output", str(given[1]), "--", f"--s3_secret_acces_key={SECRET}")
    assert said.startswith(
        "error: unknown Beam flag --s3_secret_acces_key=[hidden]; did you mean --s3_secret_access_key?"
    )
