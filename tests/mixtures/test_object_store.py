"""Streams in an object store: S3's protocol, spoken by moto's server on this machine."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mixtures import byte_ranges
from mixtures.byte_ranges import ReadError, RemoteFiles
from mixtures.loader import Loader
from mixtures.stream import Stream, VirtualStream

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'tokenmill[dev]'")
pytest.importorskip("moto", reason="moto is not installed: pip install 'tokenmill[dev]'")

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def started() -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A server in a process of its own, and what s3fs has to know of it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-c", SERVER], text=True, **pipes)
    endpoint = f"http://127.0.0.1:{process.stdout.readline().strip()}"
    client = {"endpoint_url": endpoint, "region_name": "eu-west-1"}
    return process, {"key": "key", "secret": "secret", "client_kwargs": client}


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, Any]]:
    process, options = started()
    with process:
        s3fs.S3FileSystem(**options).mkdir("bucket")
        yield options
        process.stdin.close()


@pytest.fixture
def uploaded(store, long_then_short, request) -> tuple[Any, str]:
    """A run of three phases, and its address."""
    address = f"s3://bucket/{request.node.name}"
    for folder in (long_then_short.stream, long_then_short.tokens):
        s3fs.S3FileSystem(**store).put(str(folder), f"{address}/{folder.name}", recursive=True)
    return long_then_short, address


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_stream_in_a_store_gives_the_same_batches(store, uploaded, ranks):
    run, address = uploaded
    stream = Stream.open(f"{address}/stream", storage_options=store)
    stream.check()
    loaders = [Loader(stream, batch_sequences=12, rank=rank, ranks=ranks) for rank in range(ranks)]
    rows = [row for parts in zip(*loaders, strict=True) for part in parts for row in part.tokens.tolist()]
    assert rows == run.rows


def test_the_sources_in_a_store_give_the_same_batches(store, uploaded):
    run, address = uploaded
    stream = VirtualStream.open(run.stream, f"{address}/tokens", storage_options=store)
    stream.check()
    assert [row for batch in Loader(stream, batch_sequences=6) for row in batch.tokens.tolist()] == run.rows


def test_a_shard_that_is_not_in_the_store_is_named_where_it_is_needed(store, uploaded):
    _, address = uploaded
    s3fs.S3FileSystem(**store).rm(f"{address}/stream/stream-00002.bin")
    stream = Stream.open(f"{address}/stream", storage_options=store)
    loader = Loader(stream, batch_sequences=6)
    assert [next(loader).consumed, next(loader).consumed] == [6, 12]
    with pytest.raises(FileNotFoundError, match=rf"{address}/stream/stream-00002\.bin"):
        next(loader)
    with pytest.raises(FileNotFoundError, match=r"stream-00002\.bin is missing"):
        stream.check()


def test_no_stream_in_a_store_is_named(store):
    with pytest.raises(FileNotFoundError, match=r"s3://bucket/nowhere/stream\.json"):
        Stream.open("s3://bucket/nowhere", storage_options=store)


def test_a_store_that_goes_away_ends_in_a_named_error(monkeypatch):
    monkeypatch.setattr(byte_ranges, "FIRST_WAIT_SECONDS", 0.01)
    process, options = started()
    with process:
        s3fs.S3FileSystem(**options).mkdir("other")
        s3fs.S3FileSystem(**options).pipe_file("other/a", b"0123456789")
        files = RemoteFiles("s3://other", options | {"config_kwargs": {"retries": {"max_attempts": 1}}}, attempts=2)
        room = bytearray(4)
        files.read([("a", 3, memoryview(room))])
        assert bytes(room) == b"3456"
        files._fs.retries = 1
        process.kill()
    with pytest.raises(ReadError, match=r"^s3://other/a: 2 attempts failed, the last with "):
        files.read([("a", 3, memoryview(room))])
