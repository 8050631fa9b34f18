"""The documentation is true: generated pages are fresh, every name is explained, links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.catalogue import commands_page, filter_classes, filters_page, recipe_page
from pipeline.cli import cli
from pipeline.corpora.registry import CORPORA
from pipeline.recipe_file import load_recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(
    "name, page", [("filters", filters_page), ("commands", lambda: commands_page(cli)), ("recipe", recipe_page)]
)
def test_a_generated_page_is_fresh(name, page):
    assert (ROOT / f"docs/{name}.md").read_text() == page(), f"tokenmill catalogue {name} > docs/{name}.md"


def test_every_reason_is_documented_and_tested():
    documented = (ROOT / "docs/filters.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for rule in filter_classes():
        for reason in rule.reasons:
            assert f"`{reason}`" in documented
            assert reason in tests, f"no test names {rule.name}:{reason}"


def test_every_reason_of_a_bad_record_is_tested():
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    missing = {reason for corpus in CORPORA.values() for reason in corpus.bad_reasons if reason not in tests}
    assert not missing


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_teaches_and_has_an_example(name):
    assert f"Example: tokenmill {name}" in cli.commands[name].help


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_documentation_exists(page):
    for name in re.findall(r"^(?:\$ )?tokenmill ([a-z][a-z0-9-]*)", page.read_text(), flags=re.MULTILINE):
        assert name in cli.commands, name


def test_every_recipe_key_is_read_by_something():
    code = "\n".join(path.read_text() for path in (ROOT / "pipeline").rglob("*.py") if path.name != "recipe.py")
    code += (ROOT / "trainer/config.py").read_text()
    keys = re.findall(r"^\| `(?:(\w+)\.)?(\w+)` \|", recipe_page(), flags=re.MULTILINE)
    dead = [f"{section}.{key}" for section, key in keys if not re.search(rf"\b{key}\b", code)]
    assert not dead


def test_the_commands_about_provenance_run(copied_run, tmp_path, monkeypatch):
    page = (ROOT / "docs/provenance.md").read_text()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "urls.txt").write_text(re.search(r"```text\n(.*?)```", page, flags=re.DOTALL)[1])
    commands = re.findall(r"^tokenmill (explain|takedown) demo --output out/demo (.+)$", page, flags=re.MULTILINE)
    said = {}
    for verb, options in commands:
        arguments = [verb, *copied_run.arguments(), *shlex.split(options)]
        found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        said[verb, options] = found.output
        assert found.exit_code == 0, found.output
    assert len(said) == 8
    assert "report: takedown/00001.json" in said["takedown", "--list urls.txt"]


def test_the_recipe_of_a_change_is_one(tmp_path):
    found = re.search(r"```toml\n(.*?)```", (ROOT / "docs/changes.md").read_text(), flags=re.DOTALL)
    (tmp_path / "mine.toml").write_text('name = "mine"\n' + found[1])
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    assert [(phase.until, phase.sequence_tokens) for phase in recipe.phases] == [
        (120_000 * 2048, 2048), (30_000 * 2048, 2048), (None, 8192)
    ]  # fmt: skip
    assert [set(recipe.phases[0].weights) - set(phase.weights) for phase in recipe.phases[1:]] == [
        {"books", "stackexchange"}
    ] * 2
    setting = re.search(r"--set '(.*?)'", (ROOT / "docs/changes.md").read_text())
    assert load_recipe("llama1", [setting[1]]).phases[1].sequence_tokens == 8192
