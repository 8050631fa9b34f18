"""Files over HTTP: ranges, redirects that stay decent, timeouts, and what each answer means for the next attempt.

Source: RFC 9110, sections 10.2.3 (Retry-After), 13.1.5 (If-Range), 14 (Range).
"""

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError

from pipeline.errors import SettingError
from pipeline.fetch.patience import Clock
from pipeline.fetch.transfer import AbsentError, BusyError, CutError, RefusedError, Reply, Version
from pipeline.version import VERSION

SCHEMES = ("http", "https")
CHUNK_BYTES = 256 << 10
_MAX_REDIRECTS = 5
_MIN_BYTES_A_TIMEOUT = 1024
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ABSENT = frozenset((404, 410))
_BUSY = frozenset((403, 408, 425, 429, 500, 502, 503, 504))
"""403 too: CommonCrawl and S3 answer so where one asks too often."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})")


@dataclass(slots=True)
class Web:
    """HTTP and HTTPS, through the proxy that the environment names. A server may be silent for `timeout_seconds`."""

    clock: Clock
    timeout_seconds: float = 60.0
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

    def open(self, url: str, start: int, version: Version) -> Reply:
        """The bytes from `start` on while the file is still in that version, else the file from its beginning."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and version.condition:
            headers["If-Range"] = version.condition
        response = self._ask("GET", url, headers)
        if response.status != 416:
            return self._reply(response, url)
        response.close()
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found and int(found[3]) == start:
            return Reply(start=start, total=start, version=_version(response), chunks=iter(()), close=response.close)
        if not start:
            raise CutError("the server refuses a range that was not asked for")
        return self.open(url, 0, version)

    def size(self, url: str) -> int | None:
        """What the server says the file's size is; one that knows no HEAD is asked for the file and left."""
        try:
            response = self._ask("HEAD", url, {})
        except RefusedError:
            reply = self.open(url, 0, Version())
            reply.close()
            return reply.total
        response.close()
        return _length(response)

    def _reply(self, response: urllib3.BaseHTTPResponse, url: str) -> Reply:
        fault = _unlike_a_file(response, url)
        if fault:
            response.close()
            raise CutError(fault)
        start, total = 0, _length(response)
        if response.status == 206:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            start, total = (int(found[1]), int(found[3])) if found and found[1] else (-1, None)
        elif total is None and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
            response.close()
            raise CutError("the server does not say how long the file is")
        chunks = self._chunks(response)
        return Reply(start=start, total=total, version=_version(response), chunks=chunks, close=response.close)

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """Pieces as they come; a connection that drips is as dead as one that is silent."""
        came, since = 0, self.clock.now()
        try:
            while piece := response.read1(CHUNK_BYTES):
                yield piece
                came += len(piece)
                if (now := self.clock.now()) - since >= self.timeout_seconds:
                    if came < _MIN_BYTES_A_TIMEOUT:
                        raise CutError(f"{came} bytes in {now - since:.0f} s")
                    came, since = 0, now
        except (HTTPError, OSError) as error:
            raise CutError(f"the connection broke: {_words(error)}") from error

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """An answer that is no redirect: 200, 206 or 416; any other is raised as what it means."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._request(method, url, headers)
            if response.status not in _REDIRECTS:
                self._judge(response)
                return response
            response.close()
            url = _redirect(url, response.headers.get("Location", ""))
        raise RefusedError(f"more than {_MAX_REDIRECTS} redirects")

    def _request(self, method: str, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool(url).request(
                method,
                url,
                headers={"User-Agent": f"tokenmill/{VERSION}", "Accept-Encoding": "identity", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self.timeout_seconds, read=self.timeout_seconds),
            )
        except LocationValueError as error:
            raise RefusedError(f"{url[:200]} is no address") from error
        except (HTTPError, OSError) as error:
            raise CutError(f"no connection: {_words(error)}") from error

    def _judge(self, response: urllib3.BaseHTTPResponse) -> None:
        status = response.status
        if status in (200, 206, 416):
            return
        response.close()
        if status in _ABSENT:
            raise AbsentError(f"the server has no such file ({status})")
        if status in _BUSY:
            wait = _retry_after(response.headers.get("Retry-After", ""), self.clock.time_of_day())
            raise BusyError(f"the server answers {status}", wait)
        raise RefusedError(f"the server answers {status}")

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Connections, through a proxy where http_proxy or https_proxy names one and no_proxy leaves the host in."""
        parts = urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme, "")
        if proxy and urllib.request.proxy_bypass(parts.hostname or ""):
            proxy = ""
        if proxy not in self._pools:
            self._pools[proxy] = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager(maxsize=16)
        return self._pools[proxy]


def check_base(url: str) -> str:
    """The base address, where it is one."""
    parts = urlsplit(url)
    if parts.scheme in SCHEMES and not parts.hostname:
        raise SettingError(f"--base-url {url} names no host")
    if not parts.scheme or len(parts.scheme) < 2:
        raise SettingError(f"--base-url {url} is no address: https://… or s3://…")
    return url


def _redirect(url: str, location: str) -> str:
    target = urljoin(url, location)
    before, after = urlsplit(url).scheme, urlsplit(target).scheme
    if not location or after not in SCHEMES or (before == "https" and after == "http"):
        raise RefusedError(f"a redirect to {target[:200]!r} is not followed")
    return target


def _version(response: urllib3.BaseHTTPResponse) -> Version:
    return Version(etag=response.headers.get("ETag", ""), modified=response.headers.get("Last-Modified", ""))


def _length(response: urllib3.BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def _unlike_a_file(response: urllib3.BaseHTTPResponse, url: str) -> str:
    """What is wrong with an answer that says it is well: a login page, or bytes packed for the journey."""
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        return "the server sends a web page, not the file"
    coding = response.headers.get("Content-Encoding", "identity").lower()
    # Some servers say so of a file that is gzip itself.
    usual = ("", "identity", "gzip", "x-gzip") if urlsplit(url).path.endswith(".gz") else ("", "identity")
    return "" if coding in usual else f"the server packs the file as {coding[:40]}"


def _retry_after(text: str, now: float) -> float:
    """Seconds that Retry-After asks for, as a number or a date; 0 where it says neither."""
    if re.fullmatch(r"\s*\d{1,9}\s*", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _words(error: Any) -> str:
    """A library's error in one short line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]
