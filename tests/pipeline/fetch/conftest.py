"""A web server on this machine that misbehaves as it is told, a clock that does not wait, and gzipped files."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.fetch.download import Downloads
from pipeline.fetch.patience import Patience
from pipeline.fetch.shelf import Shelf
from pipeline.fetch.web import Web


class Answers:
    """What a server may answer instead of the file."""

    @staticmethod
    def status(code: int, **headers: str) -> Callable:
        return lambda handler: handler.reply(code, b"no", plain(headers))

    @staticmethod
    def cut_after(size: int) -> Callable:
        """The right head and the first bytes; then the connection closes."""
        return lambda handler: handler.head_and(size)

    @staticmethod
    def stalls_after(size: int) -> Callable:
        """The right head and the first bytes; then nothing more."""

        def answer(handler):
            handler.head_and(size)
            handler.wfile.flush()
            handler.server.site.done.wait(5)

        return answer

    @staticmethod
    def claims(length: int) -> Callable:
        """All bytes under another length."""
        return lambda handler: handler.reply(200, handler.server.site.files[handler.path], handler.tag(), length)

    @staticmethod
    def body(data: bytes, **headers: str) -> Callable:
        return lambda handler: handler.reply(200, data, plain(headers))

    @staticmethod
    def part(data: bytes, place: str, **headers: str) -> Callable:
        return lambda handler: handler.reply(206, data, {"Content-Range": place, **plain(headers)})

    @staticmethod
    def moved(location: str) -> Callable:
        return lambda handler: handler.reply(302, b"", {"Location": location})

    @staticmethod
    def silent(handler) -> None:
        handler.server.site.done.wait(5)
        handler.close_connection = True

    @staticmethod
    def unmeasured(handler) -> None:
        """An answer that does not say how long it is."""
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(handler.server.site.files[handler.path])
        handler.close_connection = True


def plain(headers):
    return {name.replace("_", "-"): text for name, text in headers.items()}


@dataclass
class Site(Answers):
    """What the server has. `faults[path]` are answers given instead, one a request; `asked` is what came."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Callable]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    knows_ranges: bool = True
    done: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path: str) -> list[str | None]:
        """The Range of each request for a path."""
        return [headers.get("Range") for method, asked, headers in self.asked if asked == path and method == "GET"]

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_HEAD(self):
        self.answer()

    def answer(self):
        site = self.server.site
        site.asked.append((self.command, self.path, dict(self.headers)))
        if faults := site.faults.get(self.path):
            faults.pop(0)(self)
        elif self.path not in site.files:
            self.reply(404, b"none")
        else:
            self.serve(site.files[self.path])

    def tag(self):
        site = self.server.site
        return {"ETag": site.etags.get(self.path) or f'"{hashlib.md5(site.files[self.path]).hexdigest()}"'}

    def head_and(self, size):
        data = self.server.site.files[self.path]
        self.reply(200, data[:size], self.tag(), length=len(data))

    def serve(self, data):
        etag = self.tag()["ETag"]
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if not start or not self.server.site.knows_ranges or self.headers.get("If-Range", etag) != etag:
            self.reply(200, data, self.tag())
        elif start >= len(data):
            self.reply(416, b"", {"ETag": etag, "Content-Range": f"bytes */{len(data)}"})
        else:
            place = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.reply(206, data[start:], {"ETag": etag, "Content-Range": place})

    def reply(self, status, body, headers=(), length=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # Clients go away in mid-answer: that is what is tested.
    server.site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.site
    server.site.done.set()
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class QuickClock:
    """A wait is noted and over."""

    time: float = 1_000_000.0
    waits: list[float] = field(default_factory=list)

    def now(self):
        return self.time

    def time_of_day(self):
        return self.time

    def wait(self, seconds):
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def patience(clock, said) -> Patience:
    return Patience(clock=clock, say=said.append, attempts=5)


@pytest.fixture
def web(clock) -> Web:
    return Web(clock, timeout_seconds=0.3)


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "dumps")


@pytest.fixture
def downloads(shelf, web, patience) -> Downloads:
    return Downloads(shelf=shelf, transport=web, patience=patience, stopped=threading.Event())


@pytest.fixture
def wet() -> bytes:
    """A gzip file of several members that do not pack well: 60 kB."""
    block = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(600))
    return b"".join(gzip.compress(block[i::3] + bytes([i]), mtime=0) for i in range(9))
