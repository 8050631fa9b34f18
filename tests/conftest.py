"""What every test may use: no network, documents at hand, and the folder of real dumps where there is one."""

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

from filters.batch import document_batch
from filters.fasttext_model import FastTextModel
from pipeline.demo_input import generate
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder
from tokenizer.train import train_tokenizer

# The same examples on every run, and no limit of time for one of them: machines are slow at times.
settings.register_profile("tokenmill", derandomize=True, deadline=None)
settings.load_profile("tokenmill")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: no process is to be left with one when the others have nothing more to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_make_parametrize_id(val: object) -> str | None:
    """What is packed holds the time of its packing, and a test has the same name in each of several processes."""
    return "packed" if isinstance(val, bytes) and val[:2] in (b"\x1f\x8b", b"PK", b"7z") else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real dumps that TOKENMILL_REAL_DATA names."""
    folder = os.environ.get("TOKENMILL_REAL_DATA")
    if not folder:
        pytest.skip("TOKENMILL_REAL_DATA names no folder of real dumps")
    return Path(folder)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only this machine may be spoken to."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
            raise RuntimeError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


@pytest.fixture
def hears_hangups() -> Iterator[None]:
    """A hangup is heard, though `nohup` may have started the tests."""
    held = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, held)


@pytest.fixture
def documents() -> Callable[..., pa.RecordBatch]:
    """`documents("text", "text", url="…")`: a batch with one document a text."""

    def build(*texts: str, **columns: Any) -> pa.RecordBatch:
        rows = [
            {"doc_id": str(i), "source": "c4", "origin": f"file#{i}", "text": text} | columns
            for i, text in enumerate(texts)
        ]
        return document_batch(rows)

    return build


@pytest.fixture(scope="session")
def likeliest() -> Callable[[str | Path, str], tuple[str | None, float]]:
    """`likeliest(path, text)`: what a classifier says of one text, and how sure it is."""

    def ask(path: str | Path, text: str) -> tuple[str | None, float]:
        model = FastTextModel.load(str(path))
        ((label,),), ((score,),) = model.predict(pa.array([text]))
        return (model.labels[label] if label >= 0 else None), float(score)

    return ask


@pytest.fixture(scope="session")
def vocabulary_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 600 pieces, trained on words of ten letters, with runs of blanks and digits among them."""
    chance = random.Random(1)
    words = ["".join(chance.choice("abcdefghij") for _ in range(chance.randint(1, 7))) for _ in range(500)]
    texts = [" ".join(chance.choice(words) for _ in range(30)) + "    1234 " + "  " * (i % 9) for i in range(400)]
    folder = tmp_path_factory.mktemp("vocabulary")
    train_tokenizer(iter(texts), folder / "tokenizer", vocabulary_size=600)
    return folder / "tokenizer.model"


@dataclass(frozen=True)
class SmallRun:
    """The demo with little of everything: its dumps, its output, and what the command that made it said."""

    dumps: Path
    output: Path
    said: str = ""

    @property
    def settings(self) -> tuple[str, ...]:
        """What makes it small, as overrides of the recipe."""
        trainer = ("trainer.steps=20", "trainer.warmup_steps=2", "trainer.layers=1", "trainer.batch_sequences=8",
                   "trainer.checkpoint_steps=10", "trainer.threads=1")  # fmt: skip
        sizes = ("mixture.total_tokens=65536", "tokenizer.vocabulary_size=600", "limits.max_failed_fraction=0.9")
        return (f"inputs.root={self.dumps}", *trainer, *sizes)

    def arguments(self, *overrides: str) -> list[str]:
        """What comes after the verb and its recipe."""
        sets = [part for setting in (*self.settings, *overrides) for part in ("--set", setting)]
        return ["demo", "--output", str(self.output), *sets]

    def run(self, *overrides: str) -> Run:
        """The run that stage functions take."""
        return Run(load_recipe("demo", (*self.settings, *overrides)), Folder(str(self.output)))

    def start(self, verb: str, *extra: str) -> subprocess.Popen[str]:
        """The command in a process, and a process group, of its own."""
        command = [sys.executable, "-m", "pipeline.cli", verb, *self.arguments(), *extra]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, text=True, start_new_session=True, **pipes)

    def copied_to(self, folder: Path, *, dumps: bool = False) -> "SmallRun":
        """A copy of the output to spoil; of the dumps too where they are to change."""
        shutil.copytree(self.output, folder / "out")
        if dumps:
            shutil.copytree(self.dumps, folder / "dumps")
        return replace(self, output=folder / "out", dumps=folder / "dumps" if dumps else self.dumps)


@pytest.fixture(scope="session")
def once(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[str, Callable[[Path], None]], Path]:
    """`once("demo", make)`: the folder that `make(folder)` filled, in one of the processes that pytest-xdist runs."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(pytestconfig, "workerinput") else base

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Whoever comes meanwhile waits for it.
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # Of one that failed.
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def small_run(once: Callable[[str, Callable[[Path], None]], Path]) -> SmallRun:
    """Not to be written to."""

    def make(folder: Path) -> None:
        generate(folder / "dumps", seed=0, scale=0.15)
        with SmallRun(folder / "dumps", folder / "out").start("run", "--workers=2") as process:
            _, said = process.communicate()
        assert process.returncode == 0, said
        (folder / "said").write_text(said)

    folder = once("demo", make)
    return SmallRun(folder / "dumps", folder / "out", (folder / "said").read_text())


@pytest.fixture
def copied_run(small_run: SmallRun, tmp_path: Path) -> SmallRun:
    """A copy of its output."""
    return small_run.copied_to(tmp_path)
