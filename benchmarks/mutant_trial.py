"""Tests of a mutant: in a copy of the tree, in a process of its own that may take neither all time nor all memory.

The process is forked from a server that has loaded what others wrote, so that a trial costs little beside its tests.
A copy shares its files by hard links, compiled loops included, and numba compiles what the mutant changes anew.
"""

import ast
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.mutant_points import PACKAGES, Mutant

PRELOADED = (
    "apache_beam",
    "hypothesis",
    "lxml.html",
    "numba",
    "numpy",
    "pyarrow.dataset",
    "pydantic",
    "pytest",
    "rich",
)

SURVIVED, NOT_PYTHON = "survived", "syntax"
KILLED = {
    "test": "a test fails",
    "time": "the tests do not end in three times their time",
    "crash": "the process dies",
}

CPU_SECONDS = 40
"""What every mutant may take; one whose file has tests that take longer, three times what they take."""
WALL_SECONDS = 600
"""For tests that wait for what does not come."""
MEMORY_BYTES = 16 << 30

_PYTEST = 100
"""Added to pytest's exit codes, to tell them from those of a process that ends otherwise."""
_OUTCOMES = {100: SURVIVED, 101: "test", 102: "test", 104: "test", -signal.SIGXCPU: "time"}  # 102, 104: no import.
_OPTIONS = (
    "-x",
    "-q",
    "--basetemp=mutant.files",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
_MARKS = "not slow and not gpu and not real and not readers"
_SAID, _TOOK = "mutant.log", "mutant.seconds"


class Trials:
    """Trials of mutants over a frozen copy of a tree."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))
        self._limits: dict[str, int] = {}
        self.said = ""
        """What pytest said last."""

    def outcome(self, mutant: Mutant) -> str:
        """How it was killed, or that it survived, or that it is no Python."""
        code = mutant.code((self.tree / mutant.file).read_text())
        try:
            ast.parse(code)
        except SyntaxError:
            return NOT_PYTHON
        found = self._outcome(mutant.file, code, self._limits.get(mutant.file, CPU_SECONDS))
        if found == "time" and mutant.file not in self._limits:
            self._limits[mutant.file] = max(CPU_SECONDS, 3 * self._needed(mutant.file))
            if self._limits[mutant.file] > CPU_SECONDS:
                found = self._outcome(mutant.file, code, self._limits[mutant.file])
        return found

    def hold(self, files: Collection[str]) -> None:
        """Raises RuntimeError where a test of these files fails though nothing is mutated."""
        tests = sorted({test for file in files for test in self.tests(file)})
        if tests and _process(self._context, self.tree, tests, resource.RLIM_INFINITY) != _PYTEST:
            raise RuntimeError(f"tests fail where nothing is mutated: {(self.tree / _SAID).read_text()[-2000:]}")

    def warm(self) -> None:
        """Compile all modules to bytecode, the tests' too, for all copies to share."""
        _process(
            self._context, self.tree, ["--collect-only", *(f"tests/{package}" for package in PACKAGES)], CPU_SECONDS
        )

    def tests(self, file: str) -> list[str]:
        """The tests that see a file: its own; then those of its package that import it; then at one remove."""
        module = _module(file)
        users = {name for name, imported in self._imports.items() if module in imported}
        package = module.partition(".")[0]
        own = f"tests/{package}/test_{Path(file).name}"
        ranked = [
            (test != own, module not in imported, test)
            for test, imported in self._test_imports.items()
            if test.startswith(f"tests/{package}/") and (test == own or imported & {module, *users})
        ]
        return [test for *_, test in sorted(ranked)]

    @cached_property
    def _imports(self) -> Mapping[str, set[str]]:
        files = [file for package in PACKAGES for file in (self.tree / package).glob("*.py")]
        return {_module(str(file.relative_to(self.tree))): _imported(file) for file in files}

    @cached_property
    def _test_imports(self) -> Mapping[str, set[str]]:
        files = [file for package in PACKAGES for file in (self.tree / "tests" / package).glob("test_*.py")]
        return {str(file.relative_to(self.tree)): _imported(file) for file in files}

    def _needed(self, file: str) -> int:
        """Processor seconds of a file's tests where it does what it did, but is compiled anew."""
        with self._changed(file, (self.tree / file).read_text() + "# Compiled anew.\n") as tree:
            _process(self._context, tree, self.tests(file), resource.RLIM_INFINITY)
            return int(float((tree / _TOOK).read_text())) + 1

    def _outcome(self, file: str, code: str, seconds: int) -> str:
        with self._changed(file, code) as tree:
            ended = _process(self._context, tree, self.tests(file), seconds)
            self.said = (tree / _SAID).read_text(errors="replace") if (tree / _SAID).exists() else ""
        if ended >= 0 and ended not in _OUTCOMES:
            raise RuntimeError(f"the tests of {file} could not be run: exit code {ended}, {self.said[-2000:]}")
        return _OUTCOMES.get(ended, "crash")

    @contextmanager
    def _changed(self, file: str, code: str) -> Iterator[Path]:
        """A copy of the tree with one file changed."""
        with TemporaryDirectory(prefix="mutant-", dir=self.tree.parent) as name:
            copy = Path(name) / "tree"
            shutil.copytree(self.tree, copy, copy_function=os.link)
            (copy / file).unlink()
            (copy / file).write_text(code)
            yield copy


def _process(context: ForkServerContext, tree: Path, tests: Sequence[str], seconds: int) -> int:
    """The exit code of a process that runs tests; it and all that they started are gone thereafter."""
    process = context.Process(target=_test, args=(tree, tests, seconds))
    process.start()
    process.join(WALL_SECONDS)
    late = process.is_alive()
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.join()
    return -signal.SIGXCPU if late else process.exitcode or 0


def _test(tree: Path, tests: Sequence[str], seconds: int) -> None:
    """What the process does."""
    import pytest

    os.setsid()
    sys.dont_write_bytecode = False
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    with Path(_SAID).open("w") as said:
        os.dup2(said.fileno(), sys.stdout.fileno())
        os.dup2(said.fileno(), sys.stderr.fileno())
    code = pytest.main([*_OPTIONS, "-m", _MARKS, *tests])
    sys.stdout.flush()
    Path(_TOOK).write_text(str(time.process_time()))
    os._exit(_PYTEST + code)


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def _imported(path: Path) -> set[str]:
    """The modules that a file imports, and what it takes from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@contextmanager
def frozen(root: Path) -> Iterator[Path]:
    """A copy of a tree's files that git knows or would add, with their compiled loops."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with TemporaryDirectory(prefix="tokenmill-mutants-") as name:
        tree = Path(name) / "tree"
        loops = (str(path.relative_to(root)) for path in root.glob("*/__pycache__/*.nb[ic]"))
        for file in (*listed.stdout.splitlines(), *loops):
            if (root / file).exists():
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / file, tree / file)
        yield tree
