"""What a store fails at for a moment is tried again: with waits that grow, within bounds, and a line in the log.

Not tried again is what will not change: a file that is not there, access that is denied, a request that is wrong.
"""

import itertools
import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.errors import FatalError
from pipeline.faults import ABOUT_PLACE

FIRST_WAIT_SECONDS = 0.5
"""Before the second attempt; it doubles with each, up to LONGEST_WAIT_SECONDS, less up to half of it by chance."""
LONGEST_WAIT_SECONDS = 30.0

_ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""What a store says about a file: for the caller to judge."""
_BUGS = (
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    ImportError,
    MemoryError,
    NotImplementedError,
    ValueError,
)
_PASSING_STATUS = {408, 409, 425, 429}
"""Too slow, in each other's way, too early, too many: of all that blames the caller, what time mends."""
_PASSING_CODES = {"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "SlowDown"}
"""The same by name: S3 says them with status 400 where a body was cut or garbled on its way."""
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError"),  # botocore
    *("DefaultCredentialsError", "RefreshError"),  # google-auth
    *("ClientAuthenticationError", "CredentialUnavailableError"),  # azure
}

_log = logging.getLogger(__name__)
sleep: Callable[[float], None] = time.sleep
"""How to wait; tests put another one in its place."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried, and for how long in all: no attempt begins after `seconds`."""

    attempts: int
    seconds: float


PATIENT = Patience(10, 300.0)
"""For work that has begun: an outage of two minutes passes, one of five does not."""
BRIEF = Patience(3, 20.0)
"""For a first look, before any work: a wrong endpoint is to be told of at once."""


def insist(address: str, operation: str, action: Callable[[], Result], patience: Patience = PATIENT) -> Result:
    """What the action gives. Raises FatalError, in one line, where it is refused or has failed too often.

    A file that is missing or already there is an answer, and raised as it is; so is what went wrong on this machine.
    """
    start = time.monotonic()
    for attempt in itertools.count(1):
        try:
            return action()
        except (*_ANSWERS, *_BUGS, FatalError):
            raise
        except Exception as error:
            said = said_in_short(error)
            if isinstance(error, OSError) and error.errno in ABOUT_PLACE and _status(error) is None:  # The disk here.
                raise
            if not passes(error):
                raise FatalError(f"{address}: {operation} was refused: {said}") from error
            wait, so_far = wait_seconds(address, attempt), time.monotonic() - start
            if attempt >= patience.attempts or so_far + wait > patience.seconds:
                times = f"{attempt} times" if attempt > 1 else "once"
                raise FatalError(
                    f"{address}: {operation} failed {times} in {so_far:.0f} s, the last time with {said}"
                ) from error
        _log.warning("%s: %s failed (attempt %d): %s; again in %.1f s", address, operation, attempt, said, wait)
        sleep(wait)
    raise AssertionError  # The loop has no end of its own.


def wait_seconds(address: str, attempt: int) -> float:
    """How long to wait after an attempt: not the same in any two processes, so that they do not come back together."""
    longest = min(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
    return longest * (1 - random.Random(f"{os.getpid()} {address} {attempt}").random() / 2)


def passes(error: BaseException) -> bool:
    """Whether time may mend the error."""
    if any(_code(cause) in _PASSING_CODES for cause in _causes(error)):
        return True
    status = _status(error)
    if status is not None:
        return status >= 500 or status in _PASSING_STATUS
    return not any(
        isinstance(cause, PermissionError) or type(cause).__name__ in _NO_CREDENTIALS for cause in _causes(error)
    )


def said_in_short(error: BaseException) -> str:
    """The error as one line: the store's own name for it where it has one."""
    code = next((code for cause in _causes(error) if (code := _code(cause))), "")
    name = code if code and not code.isdigit() else type(error).__name__
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{name}: {text}"[:300] if text else name


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__  # What was going on before, its context, may be quite another error.


def _status(error: BaseException) -> int | None:
    """The HTTP status that libraries put into their errors, each in a place of its own."""
    for cause in _causes(error):
        if type(cause).__module__ == "aiohttp.http_exceptions":  # A 400 of its own, for an answer that was cut.
            continue
        for place in ("status_code", "status", "code"):  # azure; aiohttp; gcsfs and google
            found = getattr(cause, place, None)
            if isinstance(found, int) and not isinstance(found, bool) and found >= 100:
                return int(found)
        found = _response(cause).get("ResponseMetadata", {}).get("HTTPStatusCode")  # botocore
        if isinstance(found, int):
            return found
    return None


def _code(error: BaseException) -> str:
    return str(_response(error).get("Error", {}).get("Code") or "")


def _response(error: BaseException) -> dict[str, Any]:
    found = getattr(error, "response", None)
    return found if isinstance(found, dict) else {}
