"""Secrets stay out of what is printed, logged and written: everything of the kind goes through `redact`.

Keys and tokens come by flags, by addresses and by the environment. Engines log all flags that they are given, file
systems put addresses into their errors, and an error is what people paste into an issue.
"""

import functools
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

HIDDEN = "[hidden]"
_SHORTEST = 8
"""A shorter value of the environment is no secret worth the name, and would blot out words."""
_NAME = r"(?:secret|passw(?:or)?d|passphrase)[\w-]{0,40}|token|connection_string|[_-]key(?:[_-]id)?"
_PATTERNS = (
    # --s3_secret_access_key=…, --token …, account_key=…; and as Python and JSON print a mapping: 'token': '…'
    re.compile(rf"(?i)((?:{_NAME})=[\"']?)([^\s\"'&,;}}]+)"),
    re.compile(rf"(?i)(--[\w-]{{0,40}}?(?:{_NAME})\s+)([^\s-]\S*)"),
    re.compile(rf"(?i)((?:{_NAME})[\"']\s*[:,]\s*[\"'])([^\"']+)"),
    # AccountKey=… and SharedAccessSignature=… of a connection string
    re.compile(r"((?:AccountKey|SharedAccessSignature|SharedAccessKey)=)([^;\s\"']+)"),
    # https://user:password@host; `abfs://container@account` has no password and stays
    re.compile(r"(\w://)([^/\s:@\"']*:[^/\s@\"']+)(?=@)"),
    # What signs an address: of Azure, S3 and Google
    re.compile(
        r"(?i)([?&](?:sig|signature|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|"
        r"awsaccesskeyid|googleaccessid|access_token|api_?key|key)=)([^&\s\"']+)"
    ),
    re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic)\s+|\bbearer\s+)([\w.~+/=-]{8,})"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.+?)(?=-----END|\Z)", flags=re.DOTALL),
)
_VARIABLE = re.compile(rf"(?i)(?:{_NAME}|^key)\Z")


def redact(text: str) -> str:
    """The text with each secret in it hidden: named ones, those in addresses, and values of the environment's."""
    for value in _of_environment(tuple(os.environ.items())):
        text = text.replace(value, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def redacted(value: Any) -> Any:
    """A JSON value with each of its strings redacted, and hidden where its own key says that it is a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if isinstance(held, str) and held and is_secret(str(key)) else redacted(held)
            for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


def is_secret(name: str) -> bool:
    """Whether a flag, key or variable of that name holds a secret."""
    return _VARIABLE.search(name) is not None


@functools.lru_cache(maxsize=4)
def _of_environment(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Values of secret variables, the longest first, so that none is hidden in part."""
    found = {value for name, value in variables if is_secret(name) and len(value) >= _SHORTEST}
    # Not Path.exists, which raises an error for what is too long for a path, as tokens are.
    return tuple(sorted((value for value in found if not os.path.exists(value)), key=len, reverse=True))  # noqa: PTH110


class RedactingFormatter(logging.Formatter):
    """A log's lines and tracebacks without secrets. Beam logs all its options, keys of stores among them."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return redact(super().format(record))


@contextmanager
def redacting(log: Path) -> Iterator[int]:
    """A descriptor for this and other programs to write to: their lines reach the log without secrets.

    What was written in the block is in the log when it ends. A program that lives on may go on writing.
    """
    ours, theirs = os.pipe()
    stream, written = log.open("ab", buffering=0), threading.Event()
    threading.Thread(target=_copy, args=(ours, stream, written), daemon=True, name="log").start()
    try:
        yield theirs
    finally:
        os.write(theirs, _END)
        os.close(theirs)
        written.wait()


_END = b"\0\n"
"""What tells the copying thread that all before it has been written: other programs may hold the pipe open for long."""


def _copy(descriptor: int, stream: BinaryIO, written: threading.Event) -> None:
    with os.fdopen(descriptor, "rb") as lines, stream:
        for line in lines:
            said = redact(line.removesuffix(_END).decode("utf-8", "replace"))
            with suppress(OSError):  # A log is not worth a run: what finds no room in it is left out.
                stream.write(said.encode())
            if line.endswith(_END):
                written.set()
