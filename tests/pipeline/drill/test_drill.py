"""A drill is over when its kills have landed and nothing differs; else it ends at the first difference, in one line."""

import re
import sys
from pathlib import Path

import pytest

from pipeline.drill import drill as module
from pipeline.drill.drill import RECORD, Drill
from pipeline.drill.processes import start_driver
from pipeline.errors import FatalError, SettingError
from pipeline.recipe_file import load_recipe
from pipeline.storage import Folder

WRITES = """
import pathlib, subprocess, sys, time
output, begins = pathlib.Path(sys.argv[1]), lambda stage: print(stage, "begins", flush=True)
output.mkdir(parents=True, exist_ok=True)
begins("a"); time.sleep(0.5)
(output / "file").write_text("made")
"""


@pytest.fixture
def drill(tmp_path, monkeypatch):
    """`drill("code", kills=2)`: a drill whose runs are the code, told which folder to write to."""
    monkeypatch.setattr(module.tempfile, "mkdtemp", lambda prefix: str(_made(tmp_path / prefix)))
    monkeypatch.setattr(module, "ORPHAN_SECONDS", 2.0)

    def made(code=WRITES, **settings):
        def started(command, said, environment):
            folder = command[command.index("--output") + 1]
            return start_driver([sys.executable, "-c", code, folder], said, environment)

        monkeypatch.setattr(module, "start_driver", started)
        given = {"kills": 2, "seed": 0, "kinds": ("driver",), "words": (("demo",), ()), "say": lambda text: None}
        folder = Folder(str(tmp_path / "drill"))
        return Drill(**{"recipe": load_recipe("demo"), "output": folder} | given | settings)

    return made


def _made(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def test_a_drill_ends_when_its_kills_have_landed_and_leaves_both_outputs(drill, tmp_path):
    figures = drill().do()
    assert [kill["what"] for kill in figures["kills"]] == ["driver", "driver"]
    assert figures["files"] == 1 and figures["starts"] == figures["runs"] + 2
    assert {path.name for path in (tmp_path / "drill").iterdir()} == {"hurt", "reference"}
    assert not (tmp_path / "tokenmill-drill-").exists()


def test_the_reference_is_done_once_for_a_recipe(drill, tmp_path, monkeypatch):
    drill().do()
    (tmp_path / "drill/reference/manifest.json").touch()
    (tmp_path / "drill/reference/logs/mark").touch()
    assert [stage.label for stage in drill()._stages()] == ["a"]
    assert (tmp_path / "drill/reference/logs/mark").exists()
    monkeypatch.setattr(Drill, "_in_peace", lambda self, folder: [])
    assert drill(recipe=load_recipe("demo", ["seed=2"]))._stages() == []
    assert not (tmp_path / "drill/reference/logs/mark").exists()


def test_a_reference_that_is_no_drills_is_refused_and_stays(drill, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingError, match=re.escape(f"--reference {tmp_path} is not what a drill with this recipe")):
        drill(reference=Folder(str(tmp_path))).do()
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / RECORD).exists()


def test_a_difference_ends_the_drill_and_what_the_runs_said_stays(drill, tmp_path):
    differs = WRITES + "print('wrote', output.name, flush=True); (output / 'file').write_text(output.name)"
    said = f"run 1, hurt by 2 kills, differs: file has the digest .*what the runs said lies in {tmp_path}"
    with pytest.raises(FatalError, match=said):
        drill(differs).do()
    assert "wrote hurt" in "".join(path.read_text() for path in tmp_path.glob("tokenmill-drill-/hurt-1.*.log"))


def test_a_process_that_outlives_its_run_ends_the_drill_and_is_ended(drill):
    leaves = WRITES + "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])"
    made = drill(leaves)
    with pytest.raises(FatalError, match=r"run 1 has ended, and python.*, process \d+ is still at work"):
        made.do()
    assert module.marked(made._mark) == []


@pytest.mark.parametrize("code, kind", [(2, SettingError), (1, FatalError)])
def test_a_run_that_fails_in_peace_is_not_drilled(drill, code, kind):
    with pytest.raises(kind, match=r"inputs.root is wrong .the reference's run, which nothing hurt."):
        drill(f"import sys; print('error: inputs.root is wrong'); sys.exit({code})").do()


def test_kills_that_never_land_end_the_drill(drill, monkeypatch):
    monkeypatch.setattr(module, "VAIN_RUNS", 2)
    with pytest.raises(FatalError, match="0 of 2 kills landed; 2 more runs gave them nothing to hit"):
        drill(kinds=("workers",)).do()
