"""TAB: real shells read the script, and ask the real command."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.completion import script

ROOT = Path(__file__).parents[2]
HEAVY = ("apache_beam", "pyarrow", "numba", "numpy", "fsspec", "rich", "torch", "kenlm", "lxml")


@pytest.fixture
def place(tmp_path):
    """A folder with a recipe in it, and the two programs on the path."""
    (tmp_path / "bin").mkdir()
    for program, module in (("tokenmill", "pipeline.cli"), ("tokenmill-trainer", "trainer")):
        shim = tmp_path / "bin" / program
        shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m {module} "$@"\n')
        shim.chmod(0o755)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/mine.toml").touch()
    return tmp_path


def started(place, *command, **more):
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=place / "work",
        env=os.environ | {"PATH": path},
        text=True,
        capture_output=True,
        check=False,
        **more,
    )


def tab(place, line):
    """What bash offers for the line's last word."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    source = f"""
        compopt() {{ :; }}  # Bash has it only while a key is pressed.
        eval "$(tokenmill completion bash)"
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        $(complete -p {words[0]} | sed 's/.*-F \\([^ ]*\\).*/\\1/') {words[0]}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = started(place, "bash", "--norc", "--noprofile", "-c", source)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    "line, offered",
    [
        ("tokenmill tok", ["tokenizer-report", "tokenize"]),
        ("tokenmill fetch wi", ["wikipedia"]),
        ("tokenmill run ", ["demo", "llama1", "mine.toml"]),
        ("tokenmill run demo --dr", ["--dry-run"]),
        ("tokenmill run demo --set seed", ["seed="]),
        ("tokenmill run demo --until ver", ["verify"]),
        ("tokenmill completion f", ["fish"]),
        ("tokenmill run demo --set seed = ", []),
        ("tokenmill-trainer ev", ["evaluate"]),
    ],
)
def test_bash_offers(place, line, offered):
    assert tab(place, line) == offered


def test_in_a_terminal_the_key_tab_completes_and_a_key_of_the_recipe_gets_no_blank(place):
    keys = 'eval "$(tokenmill completion bash)"\ntokenmill run mi\t--set see\t7 --dry\techo\n'
    ours, theirs = pty.openpty()
    (place / "rc").write_text("PS1=; bind 'set enable-bracketed-paste off'\n")
    shim = place / "bin/tokenmill"
    shim.write_text(shim.read_text().replace("\n", '\n[ "$1" = run ] && echo "<$*>" && exit\n', 1))
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--rcfile", place / "rc", "-i"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=place / "work", start_new_session=True,
        env=os.environ | {"PATH": path, "TERM": "dumb"},
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, keys.encode() + b"exit\n")
        said = b""
        try:
            while piece := os.read(ours, 4096):
                said += piece
        except OSError:  # The terminal's other end is closed.
            pass
    assert process.returncode == 0
    assert "<run mine.toml --set seed=7 --dry-run echo>" in said.decode()


@pytest.mark.parametrize("shell, check", [("zsh", "-n"), ("fish", "--no-execute")])
def test_other_shells_read_their_script(tmp_path, shell, check):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell))
    assert subprocess.run([shell, check, tmp_path / "script"], check=False).returncode == 0


def test_fish_offers(place):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    source = "tokenmill completion fish | source; complete -C 'tokenmill run demo --set see'"
    assert started(place, "fish", "--no-config", "-c", source).stdout.split() == ["seed="]


@pytest.mark.parametrize("words, heavy", [("tokenmill r", HEAVY), ("tokenmill run demo --set s", HEAVY)])
def test_what_a_tab_imports_is_light(words, heavy):
    asked = f"""
        import atexit, sys
        atexit.register(lambda: print("heavy:", *(name for name in {heavy!r} if name in sys.modules)))
        from pipeline.cli import main
        main()
    """
    env = os.environ | {
        "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_TOKENMILL_COMPLETE": "bash_complete"
    }  # fmt: skip
    source = "\n".join(line.strip() for line in asked.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[0].startswith("plain,")
    assert done.stdout.splitlines()[-1] == "heavy:"
