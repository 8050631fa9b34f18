"""What every test may use: no network, fixed seeds, documents at hand, and the folder of real dumps where there is one."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from filters.batch import document_batch


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
        rows = [{"doc_id": str(i), "source": "c4", "origin": f"file#{i}", "text": text} | columns for i, text in enumerate(texts)]
        return document_batch(rows)

    return build
