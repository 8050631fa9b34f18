"""What docs/evaluation.md says can be done is done here, with the demo's model, and its training says the same."""

import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")

from trainer.cli import main

PAGE = (Path(__file__).parent.parent / "docs/evaluation.md").read_text()


@pytest.fixture
def folder(small_run, tmp_path, monkeypatch):
    """Where the page's commands run, with the finished demo in it, and the sets of the page's lines."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/demo").symlink_to(small_run.output)
    items = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "sets").mkdir()
    for name, item in zip(("arc_easy", "winogrande"), items, strict=True):
        (tmp_path / f"sets/{name}.jsonl").write_text(item)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, command):
    assert main(shlex.split(command)[1:]) == 0
    return capsys.readouterr().out


def test_every_command_of_the_page_runs(folder, capsys):
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
    by_hand, fewer, choices, first = (said(capsys, line) for line in lines)
    assert by_hand.startswith("step 20, windows of 128 tokens\nsource ")
    assert all(some["documents"] <= 8 for some in json.loads(fewer)["sources"].values())
    assert "arc_easy" in choices and "winogrande" in choices
    assert {name: some["items"] for name, some in json.loads(first)["sets"].items()} == {"winogrande": 1, "arc_easy": 1}


def test_a_training_writes_the_figures_that_its_last_checkpoint_has(folder, capsys):
    written = json.loads((folder / "out/demo/training/evaluation.jsonl").read_text().splitlines()[-1])
    found = json.loads(said(capsys, "x evaluate out/demo/training --held-out out/demo/held-out --json"))
    assert (written["step"], set(written["sources"])) == (20, set(found["sources"]))
    for source, some in written["sources"].items():
        assert some == pytest.approx(found["sources"][source], rel=1e-6)
        assert 0.5 < some["bits_per_byte"] < 6 and some["documents"] > 0


def test_each_reason_of_a_broken_line_is_on_the_page():
    code = (Path(__file__).parent.parent / "trainer/choice_sets.py").read_text()
    reasons = re.findall(r'_BrokenItemError\("(\w+)"\)|broken\["(\w+)"\]', code)
    assert {one or other for one, other in reasons} == {
        *("no_json", "no_object", "no_text", "empty_text", "no_choice", "gold_is_no_choice")
    } and all(f"`{one or other}`" in PAGE for one, other in reasons)
