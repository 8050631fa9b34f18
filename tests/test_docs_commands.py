"""Every command of the documentation is run: here, by the test of its page, or it is read, for a reason given here.

To be read is to go through the real command line up to the work: options and their values, the recipe with its `--set`
keys, Beam's flags, targets of make, modules, files and extras.
"""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import cli
from pipeline.recipe_file import load_recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = set(
    ". aws docker export gcloud git lm_eval make mvn nohup npm pip python python3 tokenmill tokenmill-trainer"
    " tokenmill-worker torchrun".split()
)
_OPEN = {"", "sh", "bash"}
"""Kinds of blocks that hold commands; of a block without a kind, the lines that begin with a program's name."""


@dataclass(frozen=True)
class Command:
    """One line of a page, as a shell would have it."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """Its words, without what the environment is given first and without a comment."""
        words = shlex.split(self.line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        return [re.sub(r"^[\w.-]+/bin/", "", word) if not at else word for at, word in enumerate(words)]

    def __str__(self) -> str:
        return f"{self.page}: {self.line}"


def commands_of(page: Path) -> Iterator[Command]:
    """All commands of a page's blocks, with the page's own exported names filled in."""
    names: dict[str, str] = {}
    for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE):
        if kind not in _OPEN:
            continue
        for line in text.replace("\\\n", " ").splitlines():
            command = Command(page.name, Template(line.removeprefix("$ ")).safe_substitute(names))
            first = re.match(r"(?:[A-Z_]+=\S* )*(?:[\w.-]+/bin/)?(\S+)", command.line)
            if first and first[1] in PROGRAMS:
                if command.words[0] == "export":
                    names |= dict(word.split("=", 1) for word in command.words[1:])
                yield command


COMMANDS = [command for page in PAGES for command in commands_of(page)]

NOT_RUN_HERE = [
    # (page, beginning of the line as a pattern, the test that runs it, or why it is only read)
    ("evaluation.md", "tokenmill-trainer", "tests/test_evaluation_page.py"),
    ("gpu.md", "tokenmill-trainer|python -m benchmarks|make", "tests/test_gpu_page.py"),
    ("models.md", "tokenmill-trainer", "tests/trainer/test_models_page.py"),
    ("training.md", "tokenmill-trainer", "tests/trainer/test_training_page.py"),
    ("dataflow.md", "tokenmill run", "tests/test_dataflow_page.py, up to the request of a job"),
    ("provenance.md", "tokenmill", "tests/test_docs.py"),
    ("add-a-source.md", "tokenmill (demo-input|run|report)", "tests/test_add_a_source_page.py"),
    (
        "",
        "tokenmill fetch",
        "a network; tests/pipeline/fetch/test_command.py has a server of its own",
    ),
    ("", "tokenmill run .*--runner=SparkRunner", "needs a job server; tests/test_spark.py runs where there is one"),
    ("", "tokenmill run .*--runner=FlinkRunner", "needs a job server; tests/test_flink.py runs where there is one"),
    ("", "tokenmill .*s3://", "needs a store; tests/test_object_stores.py has one"),
    ("", "tokenmill doctor", "asks the network for Beam's job server; tests/pipeline/test_doctor.py"),
    ("training.md", "tokenmill train mine.toml", "a GPU"),
    ("laptop.md", "tokenmill run", "half a minute each; tests/pipeline/test_conductor.py says what a threshold redoes"),
    ("report.md", "python tests/pipeline/browser.py", "a browser; tests/pipeline/test_report_page.py"),
    ("", "tokenmill drill", "minutes; tests/test_drill.py does fewer kills"),
    ("", "tokenmill plan", "half a minute each; tests/pipeline/planning/test_command.py plans a smaller run"),
    ("planning.md", "tokenmill (demo-input|run)", "minutes: four times the demo"),
    ("spark-flink.md", "tokenmill demo-input", "ten seconds; tests/pipeline/test_demo_input.py makes fewer dumps"),
    ("README.md|commoncrawl.md", "tokenmill run llama1", "terabytes of dumps"),
    ("one-big-box.md", "(nohup )?tokenmill (run .*--until|train|report)", "hours, of dumps that are fetched"),
    ("tutorial.md", "tokenmill (run|report) (?!.*--dry-run)", "minutes, of dumps that are fetched"),
    ("mutation.md", "make mutants|benchmarks.mutants", "half an hour, and packages from a network"),
    ("install.md", "make release|tokenmill-env", "minutes, and packages from a network"),
    ("", "make (demo|test|check)", "minutes; tests/test_demo.py runs the demo with little of everything"),
    ("", "make (job-servers|clusters)", "Maven and pip, and so a network"),
    ("", "python (-m tests|tests)/?.clusters", "a server that stays until Ctrl-C"),
    ("", ".*python -m pytest", "these are tests"),
    ("", "python -m benchmarks(?! --list)", "minutes; the tests of benchmarks/ measure less"),
    ("", "torchrun", "several GPUs; tests/trainer/test_torchrun.py does it on processors"),
    ("", "lm_eval", "a package of others; tests/readers/test_lm_eval.py, after `make readers`"),
    ("models.md", "python -c", "files of a release that may not be shipped"),
    ("", "pip install|python3 -m venv|\\. .venv", "installs"),
    ("", "export|gcloud|aws", "Google's, Amazon's and the shell's own"),
]


def why_not(command: Command) -> str:
    """What the table says of the command; empty where it is to be run here."""
    found = (
        why
        for page, begins, why in NOT_RUN_HERE
        if re.fullmatch(page or ".*", command.page) and re.match(begins, command.line)
    )
    return next(found, "")


RUN_HERE = [command for command in COMMANDS if not why_not(command)]


@pytest.mark.parametrize("page, begins, why", NOT_RUN_HERE)
def test_every_line_of_the_table_is_of_a_command_and_names_a_test_that_is_there(page, begins, why):
    assert any(re.fullmatch(page or ".*", one.page) and re.match(begins, one.line) for one in COMMANDS)
    assert all((ROOT / name).exists() for name in re.findall(r"tests/[\w/]+(?:\.py|/(?=\s))", why))


def toml(value: object) -> str:
    """A recipe's value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


@pytest.fixture(scope="module")
def sandbox(small_run, tmp_path_factory) -> Path:
    """A folder as the pages have it, where each of their recipes and outputs is that of the small demo."""
    folder = tmp_path_factory.mktemp("sandbox")
    copy = small_run.copied_to(folder, dumps=True)
    (folder / "out").rename(folder / "demo-run")
    (folder / "out").mkdir()
    (folder / "demo-run").rename(folder / "out/demo")
    for name in ("llama1", "mine"):
        (folder / "out" / name).symlink_to("demo")
    shutil.copytree(folder / "out/demo", folder / "out/run")  # It becomes a run with evaluation sets.
    (folder / "docs").mkdir()
    for path in (ROOT / "docs").glob("*.toml"):
        (folder / "docs" / path.name).symlink_to(path)
    tables = small_run.run().recipe.model_dump(mode="json")
    lines = [f"{name} = {toml(value)}" for name, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    for name in ("demo", "llama1", "mine.toml"):
        (folder / name).write_text("\n".join(lines))
    (folder / "evals.jsonl").write_text('{"question": "Which of the two grinders makes the finest coffee of all?"}\n')
    settled = "\n".join(lines).replace("sets = {  }", f'sets = {{ own = "{folder}/evals.jsonl" }}')
    (folder / "recipe.toml").write_text(settled)
    models = Path(copy.output).parent / "out/demo/models"
    for name, model in (
        ("my/tokenizer.model", "tokenizer/tokenizer.model"),
        ("dumps/models/lid.176.ftz", "language/language.bin"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(models / model)
    box = re.search(r"^```toml\n(.*?)```", (ROOT / "docs/one-big-box.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    (folder / "box.toml").write_text(box[1])
    return folder


def invoke(words: list[str]) -> None:
    """Run a command of ours; an error is raised."""
    from trainer.cli import cli as trainer

    if words[:2] == ["tokenmill", "run"]:  # What it replaces, a model that was read before, is cached in a process.
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pipeline.cli", *words[1:]]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    else:
        group = cli if words[0] == "tokenmill" else trainer
        found = CliRunner().invoke(group, words[1:], catch_exceptions=False)
        assert found.exit_code == 0, found.output


@pytest.mark.parametrize("page", sorted({command.page for command in RUN_HERE}))
def test_every_command_of_a_page_runs(sandbox, monkeypatch, page):
    pytest.importorskip("torch", reason="pip install 'tokenmill[train]'")
    monkeypatch.chdir(sandbox)
    for command in [command for command in RUN_HERE if command.page == page]:
        words = command.words
        if ">" in words:
            words = words[: words.index(">")]
        if words[0].startswith("tokenmill"):
            words = [
                path for word in words for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
            ]
            invoke(words)
        else:
            assert words[:3] == ["python", "-m", "benchmarks"], command
            subprocess.run([sys.executable, *words[1:]], cwd=ROOT, check=True, capture_output=True)


def parsed(command: click.Command, words: list[str]) -> dict[str, object]:
    """The words through the command line, up to the command's own work."""
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    with command.make_context(command.name, words) as context:
        return context.params


def read_ours(words: list[str]) -> None:
    """A command of ours: options, the recipe's keys, Beam's flags."""
    from pipeline.engine import check_flags
    from pipeline.engines.dataflow import spelled
    from trainer.cli import cli as trainer

    given = parsed(cli if words[0] == "tokenmill" else trainer, words[1:])
    if "recipe" in given:
        recipe = {"demo": "demo", "docs/tutorial.toml": str(ROOT / "docs/tutorial.toml")}.get(given["recipe"], "llama1")
        load_recipe(recipe, given.get("overrides", ()))
        flags = spelled(given.get("beam_flags", ()))
        # An engine that is named is looked for; what is held here is that it is one of those that we know.
        runner = next((flag for flag in flags if flag.startswith("--runner=")), "--runner=SparkRunner")
        assert runner.partition("=")[2] in ("SparkRunner", "FlinkRunner", "DataflowRunner")
        check_flags([flag for flag in flags if flag != runner])


def read_python(words: list[str]) -> None:
    """A module or file of Python: it is there."""
    if words[1] == "-m":
        assert words[2] in ("pytest", "venv") or importlib.util.find_spec(words[2])
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
    else:
        assert words[1] == "-c" or (ROOT / words[1]).exists()


@pytest.mark.parametrize("command", [one for one in COMMANDS if why_not(one)], ids=str)
def test_every_command_that_is_not_run_here_is_read(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").touch()
    words = [word for word in command.words if word != "nohup"]
    if words[0] == "torchrun":
        words = ["tokenmill-trainer", *words[words.index("trainer") + 1 :]]
    words = words[: words.index(">")] if ">" in words else words
    if words[0] in ("tokenmill", "tokenmill-trainer") and "train …" not in command.line:
        read_ours(words)
    elif words[0] == "make":
        subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
    elif words[0] in ("python", "python3") and "install" not in words:
        read_python(words)
    elif "install" in words:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(re.search(r"\[(.*)\]", words[-1])[1].split(",")) <= set(extras)
    else:
        done = subprocess.run(["bash", "-n"], input=command.line, text=True, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if "```toml" in page.read_text()], ids=lambda page: page.name)
def test_every_recipe_of_a_page_is_one(page, tmp_path):
    for number, text in enumerate(
        re.findall(r"^```toml\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    ):
        if page.name != "add-a-source.md":  # Its source is none of ours.
            (tmp_path / f"{number}.toml").write_text(text if "name =" in text else f'name = "page"\n{text}')
            load_recipe(str(tmp_path / f"{number}.toml"))


def test_the_programs_of_readme_and_tutorial_print_what_they_say(sandbox, monkeypatch, capsys):
    monkeypatch.chdir(sandbox)
    (sandbox / "out/tutorial").symlink_to("demo")
    for page in ("README.md", "docs/tutorial.md"):
        (program,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
        exec(compile(program, page, "exec"), {})
    said = capsys.readouterr().out
    assert "language_not_kept" in said and "reason" in said
