"""An S3 server on this machine (moto's), behind a proxy that has the faults of a real store.

    with S3Store() as store:                                    # a bucket called `bucket` is there
        subprocess.run(command, env=os.environ | store.environment)
        with store.configured(): Folder(store.address("run"))   # the same for this process
        store.requests                                          # how many requests came, by method (and LIST)
        store.faults = Faults(seed=1, errors=0.05, cuts=0.02)   # from now on; Faults() has none

    python -m tests.clusters.s3 --seed 1 --errors 0.05 --cuts 0.02 --slow 0.01     as a command: prints `export` lines

A process that only knows the endpoint changes the faults by `POST /-/faults` with a JSON object of the fields of
`Faults`, and reads the counts at `GET /-/requests`. What the server holds is gone when it ends; `down` is a store that
cannot be reached and comes back with all that it held.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "bucket"
_MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_DRAWN_BY_THE_SERVER = re.compile(r"uploadId=[^&]*")
_ERRORS = ((503, "SlowDown"), (503, "ServiceUnavailable"), (500, "InternalError"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Which share of the requests goes wrong, and how.

    The n-th request of a method and path always fares the same; what the server draws anew each time, the name of an
    upload in parts, does not count as path.
    """

    seed: int = 0
    errors: float = 0.0
    """Answered 503 SlowDown, 503 ServiceUnavailable or 500 InternalError, and not done."""
    cuts: float = 0.0
    """Cut in the middle: of a GET half of the body comes; of a PUT or POST half arrives, or all and no answer comes."""
    slow: float = 0.0
    """Answered after `slow_seconds`."""
    slow_seconds: float = 1.0
    most: int = 3
    """A method and path fares ill at most so often in a row, so that whoever insists gets through."""
    denied: tuple[str, ...] = ()
    """Methods that are answered 403 AccessDenied."""
    below: str = ""
    """Only paths that hold this text fare ill."""
    down: bool = False
    """Connections are closed at once."""


class S3Store:
    """Starts both servers on entry, and ends them on exit."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.requests: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> "S3Store":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        # A session of its own: who kills the process group of a run does not mean the store.
        self._moto = subprocess.Popen([sys.executable, "-c", _MOTO], text=True, start_new_session=True, **pipes)
        assert self._moto.stdout is not None
        self._moto_port = int(self._moto.stdout.readline())
        self._proxy = _Server(("127.0.0.1", 0), _Handler)
        self._proxy.store = self
        threading.Thread(target=self._proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        reply = _forwarded(self._moto_port, "PUT", f"/{BUCKET}", {}, b"")
        assert reply.status == 200, reply.body
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()
        assert self._moto.stdin is not None and self._moto.stdout is not None
        self._moto.stdin.close()
        self._moto.stdout.close()
        self._moto.terminate()
        self._moto.wait()

    @property
    def endpoint(self) -> str:
        """Where clients speak to the store."""
        return f"http://127.0.0.1:{self._proxy.server_port}"

    @property
    def options(self) -> dict[str, Any]:
        """What s3fs has to be told."""
        return {"endpoint_url": self.endpoint, "key": "key", "secret": "secret"}

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables of the environment, for processes that are started with them."""
        return {"FSSPEC_S3": json.dumps(self.options), "AWS_DEFAULT_REGION": "us-east-1"}

    def address(self, name: str) -> str:
        """The address of a name in the bucket."""
        return f"s3://{BUCKET}/{name}"

    @contextmanager
    def configured(self) -> Iterator[None]:
        """This process, and those that it starts, speak to this store."""
        import fsspec.config
        import s3fs

        held, environment = fsspec.config.conf.get("s3"), dict(os.environ)
        fsspec.config.conf["s3"] = self.options
        os.environ.update(self.environment)
        try:
            yield
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            for name in self.environment:
                os.environ.pop(name)
                os.environ.update({name: environment[name]} if name in environment else {})
            fsspec.config.conf.pop("s3")
            fsspec.config.conf.update({"s3": held} if held else {})

    def fate(self, method: str, path: str) -> str:
        """What becomes of a request, which is counted: `well`, `denied`, `down`, `error`, `cut` or `slow`."""
        faults, what = self.faults, f"{method} {_DRAWN_BY_THE_SERVER.sub('', path)}"
        with self._lock:
            self.requests["LIST" if "list-type=" in path else method] += 1
            self._turns[what] += 1
            fate = _fate(faults, method, path, f"{faults.seed} {what} {self._turns[what]}")
            ill = fate in ("error", "cut")
            if ill and self._in_a_row[what] == faults.most:
                fate, ill = "well", False
            self._in_a_row[what] = self._in_a_row[what] + 1 if ill else 0
            self.failed[fate] += 1
        return fate


def _fate(faults: Faults, method: str, path: str, draw: str) -> str:
    if faults.down:
        return "down"
    if faults.below not in path:
        return "well"
    if method in faults.denied:
        return "denied"
    drawn = random.Random(draw).random()
    for fate, share in (("error", faults.errors), ("cut", faults.cuts), ("slow", faults.slow)):
        if drawn < share:
            return fate
        drawn -= share
    return "well"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


_connections = threading.local()


def _forwarded(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> _Reply:
    if getattr(_connections, "port", None) != port:
        _connections.port, _connections.held = port, http.client.HTTPConnection("127.0.0.1", port)
    connection = _connections.held
    try:
        connection.request(method, path, body=body or None, headers=headers)
        reply = connection.getresponse()
    except (http.client.HTTPException, OSError):  # The server let an idle connection go.
        connection.close()
        connection.request(method, path, body=body or None, headers=headers)
        reply = connection.getresponse()
    return _Reply(reply.status, reply.getheaders(), reply.read())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    store: S3Store

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in mid-request is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        store = self.server.store
        if self.path.startswith("/-/"):
            self._control()
            return
        fate, length = store.fate(self.command, self.path), int(self.headers.get("Content-Length") or 0)
        half = fate == "cut" and length and random.Random(f"{self.path} {length}").random() < 0.5
        body = self.rfile.read(length // 2 if half or fate == "down" else length)
        if half or fate == "down":
            self.close_connection = True
        elif fate in ("error", "denied"):
            self._refuse(fate)
        else:
            time.sleep(store.faults.slow_seconds if fate == "slow" else 0)
            headers = {name: value for name, value in self.headers.items() if name != "Expect"}
            self._answer(_forwarded(store._moto_port, self.command, self.path, headers, body), is_cut=fate == "cut")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    def _answer(self, reply: _Reply, *, is_cut: bool = False) -> None:
        if is_cut and (self.command != "GET" or not reply.body):
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(name, value)
        told = {name.lower(): value for name, value in reply.headers}.get("content-length", "0")
        self.send_header("Content-Length", told if self.command == "HEAD" else str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if is_cut else reply.body)
        self.close_connection = self.close_connection or is_cut

    def _refuse(self, fate: str) -> None:
        status, code = (403, "AccessDenied") if fate == "denied" else random.Random(self.path).choice(_ERRORS)
        said = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by the test</Message></Error>".encode()
        self._answer(_Reply(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(said)))], said))

    def _control(self) -> None:
        store = self.server.store
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/-/faults" and body:
            given = json.loads(body)
            store.faults = replace(store.faults, **given | {"denied": tuple(given.get("denied", store.faults.denied))})
        said = asdict(store.faults) if self.path == "/-/faults" else {"came": store.requests, "fared": store.failed}
        self._answer(_Reply(200, [("Content-Type", "application/json")], json.dumps(said).encode()))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="An S3 server on this machine that has faults.")
    parser.add_argument("--seed", type=int, default=0)
    for share in ("errors", "cuts", "slow"):
        parser.add_argument(f"--{share}", type=float, default=0.0)
    given = parser.parse_args()
    with S3Store(Faults(**vars(given))) as store:
        for name, value in store.environment.items():
            print(f"export {name}='{value}'")
        print(f"# {store.address('')} at {store.endpoint}; Ctrl-C ends it", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
