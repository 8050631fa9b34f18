"""What every test may use: no network, documents at hand, and the folder of real dumps where there is one."""

import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

from filters.batch import document_batch
from tokenizer.train import train_tokenizer

# The same examples on every run, and no limit of time for one of them: machines are slow at times.
settings.register_profile("tokenmill", derandomize=True, deadline=None)
settings.load_profile("tokenmill")


@pytest.fixture
def real_data() -> Path:
    """The folder of real dumps; its layout is in docs/real-inputs.md."""
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
def vocabulary_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 600 pieces, trained on words of ten letters, with runs of blanks and digits among them."""
    chance = random.Random(1)
    words = ["".join(chance.choice("abcdefghij") for _ in range(chance.randint(1, 7))) for _ in range(500)]
    texts = [" ".join(chance.choice(words) for _ in range(30)) + "    1234 " + "  " * (i % 9) for i in range(400)]
    folder = tmp_path_factory.mktemp("vocabulary")
    train_tokenizer(iter(texts), folder / "tokenizer", vocabulary_size=600)
    return folder / "tokenizer.model"
