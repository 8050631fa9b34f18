"""What passes is tried again, with waits and within bounds; what will not change is told of at once."""

import errno
import logging

import pytest

from pipeline import retries
from pipeline.errors import FatalError
from pipeline.retries import Patience, insist, passes, said_in_short, wait_seconds

aiohttp = pytest.importorskip("aiohttp", reason="s3fs is not installed: pip install 'tokenmill[dev]'")
botocore = pytest.importorskip("botocore.exceptions", reason="s3fs is not installed: pip install 'tokenmill[dev]'")


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    waits = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    return waits


def client_error(status, code):
    return botocore.ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Put"
    )


def translated(status, code, kind=OSError):
    """As s3fs raises it: an error of Python's, made of botocore's."""
    error = kind("no")
    error.__cause__ = client_error(status, code)
    return error


class Answer(Exception):
    def __init__(self, place, status):
        super().__init__("no")
        setattr(self, place, status)


def cut_answer():
    """As aiohttp has it."""
    error = aiohttp.ClientPayloadError("Response payload is not completed")
    error.__cause__ = aiohttp.http_exceptions.ContentLengthError("Not enough data")
    return error


def failing(errors):
    def action():
        if errors:
            raise errors.pop(0)
        return "done"

    return action


PASSING = [
    translated(503, "SlowDown"),
    translated(500, "InternalError"),
    translated(429, "TooManyRequests"),
    translated(400, "RequestTimeout"),
    translated(400, "BadDigest"),
    ConnectionResetError(errno.ECONNRESET, "reset"),
    TimeoutError(),
    botocore.EndpointConnectionError(endpoint_url="http://x"),
    OSError("3 of 9 bytes arrived"),
    cut_answer(),
    *(Answer(place, 503) for place in ("status", "status_code", "code")),
]
LASTING = [
    translated(403, "AccessDenied", PermissionError),
    translated(404, "NoSuchUpload"),
    translated(400, "InvalidArgument"),
    PermissionError("Forbidden"),
    botocore.NoCredentialsError(),
    *(Answer(place, 401) for place in ("status", "status_code", "code")),
]


@pytest.mark.parametrize("error", PASSING, ids=said_in_short)
def test_what_passes_is_tried_again(error, waited):
    assert insist("s3://b/x", "write", failing([error, error])) == "done"
    assert len(waited) == 2


@pytest.mark.parametrize("error", LASTING, ids=said_in_short)
def test_what_will_not_change_is_told_of_at_once(error, waited):
    with pytest.raises(FatalError, match=r"^s3://b/x: write was refused: "):
        insist("s3://b/x", "write", failing([error]))
    assert waited == []


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("x"), FileExistsError("x"), TypeError("x"), FatalError("x"), OSError(errno.ENOSPC, "full")],
    ids=repr,
)
def test_what_is_no_fault_of_the_store_is_raised_as_it_is(error, waited):
    with pytest.raises(type(error)) as found:
        insist("s3://b/x", "read", failing([error]))
    assert found.value is error
    assert waited == []


def test_the_one_line_names_address_operation_count_and_last_error():
    errors = [TimeoutError(), TimeoutError(), translated(503, "SlowDown")]
    with pytest.raises(FatalError) as found:
        insist("s3://b/x", "list", failing(errors), Patience(3, 60))
    assert str(found.value) == "s3://b/x: list failed 3 times in 0 s, the last time with SlowDown: no"


def test_no_attempt_begins_after_the_time_is_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(retries.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(retries, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(retries, "wait_seconds", lambda address, attempt: 2.0**attempt)
    with pytest.raises(FatalError, match=r"failed 4 times in 14 s"):
        insist("s3://b/x", "list", failing([TimeoutError()] * 100), Patience(100, 20))
    assert now[0] == 2 + 4 + 8


def test_waits_grow_to_a_bound_and_are_not_the_same_for_any_two_files():
    waits = [wait_seconds("s3://b/x", attempt) for attempt in range(1, 12)]
    bounds = [min(0.5 * 2**n, 30) for n in range(11)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert wait_seconds("s3://b/x", 3) == waits[2] != wait_seconds("s3://b/y", 3)


def test_each_attempt_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        insist("s3://b/x", "write", failing([translated(503, "SlowDown")]))
    assert caplog.messages[0].startswith("s3://b/x: write failed (attempt 1): SlowDown: no; again in 0.")


def test_an_error_of_many_lines_is_said_in_one():
    assert said_in_short(OSError("one\ntwo")) == "OSError: one"
    assert said_in_short(TimeoutError()) == "TimeoutError"


def test_an_error_that_names_no_status_passes():
    assert passes(OSError("cut"))


def test_an_error_on_the_way_out_of_another_is_judged_by_itself():
    try:
        raise PermissionError("before")
    except PermissionError:
        assert insist("s3://b/x", "delete", failing([TimeoutError()])) == "done"
