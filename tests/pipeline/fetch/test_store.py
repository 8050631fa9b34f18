"""Files of an object store are read from where they ended, while they are the same."""

import fsspec
import pytest

from pipeline.errors import SettingError
from pipeline.fetch import store as stores
from pipeline.fetch.store import Store
from pipeline.fetch.transfer import AbsentError, CutError, RefusedError, Version

URL = "memory://fetch-store/src/a.tar"


@pytest.fixture(autouse=True)
def stored():
    fsspec.filesystem("memory").pipe("/fetch-store/src/a.tar", b"0123456789")


UNKNOWN = Version()


def brought(start, version=UNKNOWN):
    reply = Store().open(URL, start, version)
    data = b"".join(reply.chunks)
    reply.close()
    return reply.start, reply.total, data


@pytest.mark.parametrize(
    "start, answer",
    [(0, (0, 10, b"0123456789")), (4, (4, 10, b"456789")), (10, (10, 10, b"")), (11, (0, 10, b"0123456789"))],
)
def test_bytes_come_from_where_they_ended(start, answer):
    assert brought(start) == answer


def test_another_version_begins_again(monkeypatch):
    memory = fsspec.filesystem("memory")
    info = memory.info("/fetch-store/src/a.tar") | {"ETag": '"new"'}
    monkeypatch.setattr(type(memory), "info", lambda *_: info)
    assert brought(4, Version(etag='"new"'))[0] == 4
    assert brought(4, Version(etag='"old"'))[0] == 0


def test_a_size_is_the_stores():
    assert Store().size(URL) == 10


def test_an_absent_file_is_absent():
    with pytest.raises(AbsentError, match="no file at memory://fetch-store/none"):
        Store().open("memory://fetch-store/none", 0, Version())


def test_a_scheme_that_nobody_knows_is_a_wrong_setting():
    with pytest.raises(SettingError, match="--base-url s9://x/a"):
        Store().open("s9://x/a", 0, Version())


@pytest.mark.parametrize("error, raised", [(PermissionError("no"), RefusedError), (OSError("reset"), CutError)])
def test_an_error_of_the_store_is_a_refusal_or_a_cut(monkeypatch, error, raised):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(stores.fsspec.core, "url_to_fs", fail)
    with pytest.raises(raised):
        Store().open(URL, 0, Version())


def test_a_store_that_breaks_off_is_cut(monkeypatch):
    reply = Store().open(URL, 0, Version())

    class Broken:
        def read(self, _):
            raise OSError("reset")

    with pytest.raises(CutError, match="broke off: reset"):
        next(stores._chunks(Broken()))
    reply.close()


def test_options_reach_the_store(monkeypatch):
    asked = {}
    monkeypatch.setattr(stores.fsspec.core, "url_to_fs", lambda url, **options: asked.update(options) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Store({"requester_pays": True}).size(URL)
    assert asked == {"requester_pays": True}
