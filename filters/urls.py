"""Web addresses: one spelling for all addresses of a page, what an archived copy was made of, and 64-bit keys.

`normalize_url("https://www.Example.org:443/a/?utm_source=x#top")` is `"example.org/a"`.
"""

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import numpy.typing as npt

MAX_URL_CHARS = 8192
"""A longer address is none: servers refuse them, and reading one would take the longer for it."""

_MAX_HOST_CHARS = 253  # RFC 1035, section 2.3.4.
_MAX_ARCHIVES = 3
_ABSOLUTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_WWW = re.compile(r"\Awww\.(?=[^.]+\.)")  # www.com is a domain of its own.
_HOST = re.compile(r"[^\s:/]+\.[^\s:/]+(?::\d+)?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|dclid|yclid|msclkid|igshid|mc_cid|mc_eid)(?:=.*)?", re.IGNORECASE)
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_ALLOWED = "".join(map(chr, range(0x21, 0x7F)))
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ARCHIVE = re.compile(
    r"(?:https?:)?//(?:[\w-]+\.)?(?:"
    r"(?:web|wayback|liveweb)\.archive\.org|archive\.org/web|archive\.(?:today|is|ph|fo|li|md|vn)|webcitation\.org|"
    r"archive\.wikiwix\.com|archive-it\.org|ghostarchive\.org|web\.archive\.bibalex\.org|webcache\.googleusercontent\.com|"
    r"webarchive\.(?:nationalarchives\.gov\.uk|parliament\.uk|proni\.gov\.uk|loc\.gov|org\.uk|bac-lac\.gc\.ca)|"
    r"swap\.stanford\.edu|webharvest\.gov|arquivo\.pt/wayback|vefsafn\.is|padi\.cat|collectionscanada\.gc\.ca/webarchives|"
    r"europarchive\.org|internetmemory\.org|perma-archives\.org|eresources\.nlb\.gov\.sg/webarchives|"
    r"freezepage\.com|perma\.cc|peeep\.us|megalodon\.jp"
    r")(?=[/:?]|\Z)",
    re.IGNORECASE,
)
_SNAPSHOT = re.compile(r"/(?:\*|newest|oldest|latest|timegate|\d[\d.-]{3,20}(?:[a-z]{2}_)?)/+([^/\s][^\s]*)")
_COPIED = re.compile(r"[?&]url=([^&#]+)")
_CACHED = re.compile(r"[?&]q=cache:(?:[\w-]{12}:)?([^&#+ ]+)")


def original_url(url: str) -> str:
    """What a web archive's copy is a copy of; the address itself where it is no copy or does not say.

    Wikipedia cites dead pages through such copies.
    """
    for _ in range(_MAX_ARCHIVES):
        if len(url) > MAX_URL_CHARS or not (archive := _ARCHIVE.match(url)):
            break
        if found := _SNAPSHOT.search(url, archive.end()):
            copied = found[1]
        elif found := _COPIED.search(url, archive.end()) or _CACHED.search(url, archive.end()):
            copied = unquote(found[1], errors="replace")
        else:
            break
        url = copied if _ABSOLUTE.match(copied) else f"http://{copied.lstrip('/')}"
    return url


def is_archived(url: str) -> bool:
    """Is this an archive's copy, or another page of a web archive?"""
    return len(url) <= MAX_URL_CHARS and _ARCHIVE.match(url) is not None


def normalize_url(url: str | None) -> str:
    """What two addresses of one page share; empty for what is no web address.

    Left out: scheme, `www.`, default port, user, fragment, tracking parameters, slashes at the end, and the archive
    through which a copy is read. The host is in lower case and in ASCII, as crawlers and browsers ask for it; letters
    are escaped in the path and query where they must be and nowhere else (RFC 3986, section 6.2.2). All other
    parameters stay, in their order: one that names a session may as well name the page.
    """
    url = original_url((url or "").strip())
    if len(url) > MAX_URL_CHARS:
        return ""
    if not _ABSOLUTE.match(url):
        url = f"//{url}" if "@" not in url else ""
    try:
        parts = urlsplit(url, scheme="http")
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT_PORTS:
        return ""
    host = _normalize_host(parts.netloc.rpartition("@")[2].removesuffix(_DEFAULT_PORTS[parts.scheme]))
    if not host:
        return ""
    path = _normalize_escapes(_without_dots(parts.path)).rstrip("/")
    kept = [part for part in _normalize_escapes(parts.query).split("&") if part and not _TRACKING.fullmatch(part)]
    return host + path + ("?" + "&".join(kept) if kept else "")


def url_keys(urls: Iterable[str | None]) -> npt.NDArray[np.uint64]:
    """64 bits of a hash of each normalised address; 0 for what is no web address."""
    return np.fromiter((_url_key(normalize_url(url)) for url in urls), dtype=np.uint64)


def _url_key(url: str) -> int:
    digest = hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") if url else 0


def _normalize_host(host: str) -> str:
    """Lower case, punycode, without `www.` and the root's dot; empty for what is no host of the web."""
    if len(host) > _MAX_HOST_CHARS:
        return ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    host = _WWW.sub("", host.lower().removesuffix("."))
    return host if _HOST.fullmatch(host) else ""


def _normalize_escapes(part: str) -> str:
    if part.isascii() and "%" not in part and " " not in part:
        return part
    escaped = quote(part, safe=_ALLOWED, errors="replace")
    return _ESCAPE.sub(lambda match: _unescape(match[1]), escaped)


def _unescape(digits: str) -> str:
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"


def _without_dots(path: str) -> str:
    """`/a/./b/../c` is `/a/c` (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)
