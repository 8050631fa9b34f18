"""The shape of the code: who imports whom, sizes, names, and a test beside each module."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from pipeline.recipe import Recipe

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "tokenmill": set(),
    "filters": {"tokenizer"},
    "tokenizer": set(),
    "mixtures": set(),
    "trainer": {"tokenmill", "mixtures", "tokenizer"},
    "pipeline": {"tokenmill", "filters", "tokenizer", "mixtures"},
}
CALLED_FROM_OUTSIDE = {
    "format_commands": "click asks a group for its commands",
    "format_help": "click asks a command for its help",
    "get_invalid_choice_message": "click asks a choice what to say of another value",
    "find_class": "an unpickler asks it for each class",
    "readall": "part of what an io.RawIOBase has",
    "start_bundle": "Beam calls it",
    "finish_bundle": "Beam calls it",
    "StartWorker": "Beam's worker pool service",
    "StopWorker": "Beam's worker pool service",
    "_compile_for_args": "numba's dispatcher calls it",
    "NEGATIVE_SAMPLING": "fastText's number for a loss, one of four",
    "new_model": "a model with its first weights for one who has no run; parity with other models is held on it",
    "pretended": "what one process of many holds and computes, for checks on one machine",
}
"""What nothing in the packages or documents mentions, and why it is there all the same."""
HEAVY = {"apache_beam": "pipeline", "torch": "trainer"}
MODULES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES = 350, 60
VAGUE_NAMES = {"utils", "common", "helpers", "misc", "core", "base"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_room_imports_only_what_it_may(path: Path):
    room = path.relative_to(ROOT).parts[0]
    rooms = {name.split(".")[0] for name in imported(path)}
    assert rooms & set(ALLOWED) <= ALLOWED[room] | {room}
    assert all(room == owner for name, owner in HEAVY.items() if name in rooms)


def test_no_import_cycle():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    edges = {name: {found for found in imported(path) if found in names} for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


@pytest.mark.parametrize("room", ALLOWED)
def test_each_room_is_ours(room: str):
    assert Path(importlib.import_module(room).__file__).parent == ROOT / room


def test_filters_load_without_beam_or_torch():
    modules = [f"filters.{path.stem}" for path in (ROOT / "filters").glob("*.py") if path.stem != "__init__"]
    script = f"import sys, {', '.join(modules)}; sys.exit(any(name in sys.modules for name in {list(HEAVY)}))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_small_and_well_named(path: Path):
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_FILE_LINES
    assert path.stem not in VAGUE_NAMES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=relative)
def test_a_file_of_tests_is_small(path: Path):
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_init_files_hold_a_docstring_only(path: Path):
    if path.name == "__init__.py":
        assert len(ast.parse(path.read_text()).body) == 1


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_error_is_swallowed_and_no_note_left(path: Path):
    source = path.read_text()
    assert "TODO" not in source
    assert "FIXME" not in source
    for node in ast.walk(ast.parse(source)):
        broad = isinstance(node, ast.ExceptHandler) and (
            node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
        )
        assert not broad or any(isinstance(inner, ast.Raise) for inner in ast.walk(node)), node.lineno


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=relative)
def test_each_module_has_its_test(path: Path):
    test = ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.name}"
    assert test.exists(), f"write {relative(test)}"


def test_tests_are_as_long_as_the_code():
    def lines(paths: Iterator[Path]) -> int:
        return sum(len(path.read_text().splitlines()) for path in paths)

    assert lines((ROOT / "tests").rglob("*.py")) >= lines(iter(MODULES))


def test_each_filter_is_frozen_and_cites_its_source():
    found = 0
    for path in (ROOT / "filters").glob("*.py"):
        module = importlib.import_module(f"filters.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "apply"):
                if not hasattr(value, "reasons"):
                    continue
                found += 1
                assert value.__dataclass_params__.frozen, value
                assert "__slots__" in vars(value), value
                assert "Source:" in value.__doc__, value
    assert found >= 20


def mentions(source: str) -> Iterator[str]:
    """Names that a file uses: not those that it defines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def defined(source: str) -> Iterator[str]:
    """Functions, classes and methods of a file, but for what a decorator registers, and its constants."""
    kept = {"property", "staticmethod", "classmethod", "cache", "dataclass", "contextmanager", "no_grad", "compiled"}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__") and node.name != "_":
            calls = (call.func if isinstance(call, ast.Call) else call for call in node.decorator_list)
            if all(getattr(call, "attr", getattr(call, "id", "")) in kept for call in calls):
                yield node.name
    for node in tree.body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def unused(sources: Iterable[str], others: Iterable[str], documents: Iterable[str]) -> set[str]:
    """What files define and neither they nor others use, nor documents name."""
    files = list(sources)
    used = {name for source in (*files, *others) for name in mentions(source)}
    told = {word for text in documents for word in re.findall(r"\w+", text)}
    return {name for source in files for name in defined(source)} - used - told


def test_nothing_is_defined_that_nothing_uses():
    benchmarks = [path.read_text() for path in (ROOT / "benchmarks").rglob("*.py")]
    starts = [path.read_text() for path in (ROOT / "tokenmill").rglob("*.py")]
    documents = [path.read_text() for path in (*(ROOT / "docs").glob("*.md"), ROOT / "pyproject.toml")]
    found = unused([path.read_text() for path in MODULES], [*benchmarks, *starts], documents)
    assert found == set(CALLED_FROM_OUTSIDE)


def test_what_is_used_by_a_test_alone_is_found():
    source = (
        "def dead(): ...\ndef alive(): ...\nDEAD = 1\n@command\ndef verb(): alive()\nclass A:\n    def read(self): ..."
    )
    assert unused([source], ["A"], ["`told`"]) == {"dead", "DEAD", "read"}
    assert unused([source], ["A().read"], ["`dead` and DEAD"]) == set()


def keys_of(section: type[BaseModel]) -> Iterator[str]:
    """A recipe's keys, of its sections and of their tables too."""
    for name, field in section.model_fields.items():
        yield name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys_of(kind)


def unread(keys: Iterable[str], sources: Iterable[str]) -> set[str]:
    """Keys that no file reads as an attribute, or by name."""
    read: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                read.update(node.value.split("."))
    return set(keys) - read


def test_each_key_of_a_recipe_is_read_by_something():
    sources = [path.read_text() for path in MODULES]
    assert unread(keys_of(Recipe), sources) == set()
    assert unread([*keys_of(Recipe), "a_key_of_the_future"], sources) == {"a_key_of_the_future"}
