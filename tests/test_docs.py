"""The documentation is true: pages are fresh, names are explained, links lead somewhere, figures are those measured."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.catalogue import commands_page, filter_classes, filters_page, recipe_page
from pipeline.cli import cli
from pipeline.corpora.registry import CORPORA
from pipeline.recipe_file import load_recipe
from pipeline.stage_names import STAGES

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


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What GitHub, and the site, call the page's headings in addresses."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{number}" if number else name for name, last in found.items() for number in range(last + 1)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            there = page.parent / file if file else page
            assert there.exists(), target
            assert not anchor or anchor in anchors(there), target


def test_a_heading_is_found_by_the_name_that_its_page_has_for_it(tmp_path):
    text = "# Who's `in`? A/B [link](x.md)\n```sh\n# no heading\n```\n## Twice\n## Twice\n"
    (tmp_path / "page.md").write_text(text)
    assert anchors(tmp_path / "page.md") == {"whos-in-ab-link", "twice", "twice-1"}


def read_names(path: Path) -> set[str]:
    """All attributes that a module reads, and all strings that it names; what a section declares is neither."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    return attributes | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_recipe_key_is_read_by_something():
    modules = [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "trainer").glob("*.py")]
    read = set().union(*map(read_names, modules))
    keys = re.findall(r"^\| `(?:\w+\.)*(\w+)` \|", recipe_page(), flags=re.MULTILINE)
    assert len(keys) > 150
    assert set(keys) - read == set()


def test_the_code_of_every_stage_is_named_and_every_file_that_is_named_is_there():
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.partition("## The stages and their code\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, flags=re.MULTILINE)
    assert sorted(name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)) == sorted(STAGES)
    files = re.findall(r"`((?:\w+/)+[a-z_0-9]+\.(?:py|toml))`", page)
    assert len(files) > 100
    assert [file for file in files if not (ROOT / file).is_file()] == []


MEASURED = {line["name"]: line for line in map(json.loads, (ROOT / "docs/benchmarks.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("page", ["README.md", "docs/comparison.md"])
def test_every_figure_that_a_page_claims_is_the_one_that_was_measured(page):
    rows = re.findall(r"^\| `([\w-]+)` \|(.*)\| ([\d.]+)x \|$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert len(rows) >= 8
    for name, between, ratio in rows:
        line = MEASURED[name]
        assert float(ratio) == line["ratio"], name
        ours = re.search(r"([\d.]+) (M \w+/s|MB/s)", between)
        assert ours is None or (float(ours[1]), ours[2]) == (line["ours"], line["unit"]), name
    assert page != "README.md" or all(re.search(r"[\d.]+ M?B?[ \w]*/s", between) for _, between, _ in rows)


def test_the_readme_says_of_how_many_engines_one_digest_was_measured():
    lines = list(map(json.loads, (ROOT / "docs/engine-digests.jsonl").read_text().splitlines()))
    demo = [line for line in lines if line["input_bytes"] < 10_000_000]
    assert {line["engine"] for line in demo} == set(
        "embedded-1 embedded-2 spark-local spark-cluster flink-local flink-cluster s3".split()
    )
    assert len({line["digest"] for line in demo}) == 1


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
