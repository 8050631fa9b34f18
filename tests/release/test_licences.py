"""What stems from others is named in THIRD_PARTY.md, with its licence, and the texts are there."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from release import TOP, licences  # noqa: E402 - a script beside this file

PAGE = (ROOT / "THIRD_PARTY.md").read_text()
ROWS = {found[1]: found[0] for found in re.finditer(r"^\| `([\w.-]+/[\w.-]+)` \|.*$", PAGE, re.MULTILINE)}
NAMES = {
    "RedPajama": "togethercomputer/RedPajama-Data",
    "c4_utils.py": "tensorflow/datasets",
    "`wikipedia` script": "huggingface/datasets",
    "github-linguist": "github-linguist/linguist",
    "gitleaks": "gitleaks/gitleaks",
    "detect-secrets": "Yelp/detect-secrets",
    "nltk/tokenize": "nltk/nltk",
    "MediaWiki": "wikimedia/mediawiki",
    "InternetArchiveBot": "internetarchive/internetarchivebot",
    "ProveIt": "wikimedia/ProveIt",
    "HTML Standard": "whatwg/html",
    "megatron/core": "NVIDIA/Megatron-LM",
    "Dolma toolkit": "allenai/dolma",
    "litdata/streaming": "Lightning-AI/litData",
    "streaming/base": "mosaicml/streaming",
    "llm.c": "karpathy/llm.c",
    "nanoGPT": "karpathy/nanoGPT",
    "datatrove/pipeline": "huggingface/datatrove",
}
"""How docstrings name projects that they do not name by owner and name."""
FOLDERS = (
    "lm src data_prep config data torchao lm_eval pipeline optim utils filters streaming llmc nltk nanotron".split()
)
"""A path inside a project looks like a project, too."""


def sources(path: Path) -> str:
    """All that the file's docstrings give as a source."""
    tree = ast.walk(ast.parse(path.read_text()))
    texts = (node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str))
    found = (part for text in texts for part in re.findall(r"Source: .*?(?=\s+Differs: |\n\n|\Z)", text, re.DOTALL))
    return "\n".join(found)


def projects(text: str) -> set[str]:
    """The projects that a source names."""
    written = re.findall(r"(?<![\w/.-])([A-Za-z][\w-]*)/([A-Za-z](?:[\w-]|\.(?=\w))*)(?![\w/])", text)
    by_owner = {
        f"{owner}/{name}" for owner, name in written if owner not in FOLDERS and not name.endswith((".py", ".h"))
    }
    return by_owner - set(NAMES) | {project for name, project in NAMES.items() if name in text}


SOURCES = {
    path: found for top in TOP for path in sorted((ROOT / top).rglob("*.py")) if (found := projects(sources(path)))
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_project_that_a_docstring_cites_is_named_with_the_file(path):
    for project in SOURCES[path]:
        assert f"`{path.relative_to(ROOT)}`" in ROWS.get(project, ""), project


def test_each_file_that_the_page_names_cites_the_project():
    for project, row in ROWS.items():
        for name in re.findall(r"`(\w+/[\w/]+\.py)`", row):
            assert project in SOURCES.get(ROOT / name, ()), (project, name)


def adapted() -> dict[str, list[str]]:
    """The cells of the projects whose expression is in ours."""
    page = PAGE.partition("## Facts")[0]
    return {project: row.strip("| ").split(" | ") for project, row in ROWS.items() if row in page}


def test_what_is_adapted_may_be_given_on_under_our_licence():
    assert {cells[1].split(" ")[0] for cells in adapted().values()} == {
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
    }


def test_each_text_is_there_with_its_holder_and_none_besides():
    linked = {}
    for project, (_, licence, holder, *_) in adapted().items():
        if not licence.startswith("Apache-2.0"):
            (linked[project],) = re.findall(r"\((licenses/[\w.-]+\.txt)\)", licence)
            assert holder in (ROOT / linked[project]).read_text(), project
    assert {*linked.values(), "LICENSE", "THIRD_PARTY.md"} == licences()
