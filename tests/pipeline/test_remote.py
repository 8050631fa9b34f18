"""A file elsewhere is whole or not there, and a call that fails for a moment is made again."""

import subprocess
import sys

import fsspec
import pytest

from pipeline import remote, retries
from pipeline.errors import FatalError, SettingError
from pipeline.remote import RemotePath, check_reach


class Flaky:
    """A file system of which each call fails once before it does what it should; `seen` has the names of all calls."""

    def __init__(self):
        self.fs, self.seen, self.failed = fsspec.filesystem("memory"), [], set()

    def __getattr__(self, name):
        call = getattr(self.fs, name)

        def made(*args, **kwargs):
            self.seen.append(name)
            if name not in {"invalidate_cache", *self.failed}:
                self.failed.add(name)
                raise ConnectionResetError("cut")
            return call(*args, **kwargs)

        return made


@pytest.fixture
def flaky(monkeypatch):
    made = Flaky()
    monkeypatch.setattr(remote, "located", lambda address: (made, fsspec.core.url_to_fs(address)[1]))
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    yield made
    made.fs.rm("/run", recursive=True) if made.fs.exists("/run") else None


@pytest.fixture
def path(flaky, tmp_path):
    (tmp_path / "source").write_bytes(b"0123456789" * 1000)
    flaky.fs.pipe_file("/run/a/x", b"0123456789" * 1000)
    return RemotePath("memory://run/a/x")


@pytest.mark.parametrize(
    "ask, answer",
    [
        (lambda at: at.info()["size"], 10_000),
        (lambda at: at.exists(), True),
        (lambda at: at.read()[:3], b"012"),
        (lambda at: at.open().read()[-3:], b"789"),
        (lambda at: list(RemotePath("memory://run/a").listing()), ["x"]),
        (lambda at: list(RemotePath("memory://run").glob("**/x")), ["/run/a/x"]),
        (lambda at: RemotePath("memory://run").files(), ["/run/a/x"]),
        (lambda at: RemotePath("memory://run/a").read_all(["x", "gone"])["x"][:2], b"01"),
        (lambda at: at.remove() or at.exists(), False),
        (lambda at: at.write(b"new") or at.read(), b"new"),
    ],
    ids=range(10),
)
def test_each_call_that_fails_is_made_again(path, flaky, ask, answer):
    assert ask(path) == answer
    assert flaky.failed


def test_a_file_is_sent_and_fetched_though_each_fails_once(path, tmp_path):
    path.put(tmp_path / "source")
    path.fetch(tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == (tmp_path / "source").read_bytes()


def test_a_file_of_which_less_arrives_is_sent_again(path, flaky, tmp_path, monkeypatch):
    put = flaky.fs.put_file
    sent = []

    def cut(source, target, **_):
        sent.append(target)
        if len(sent) == 1:
            flaky.fs.pipe_file(target, b"01234")
        else:
            put(source, target)

    flaky.failed |= {"put_file", "info"}
    monkeypatch.setattr(flaky.fs, "put_file", cut)
    path.put(tmp_path / "source")
    assert (len(sent), path.info()["size"]) == (2, 10_000)


def test_a_read_that_is_cut_goes_on_where_it_was(path, flaky):
    flaky.failed.add("open")
    with path.open() as stream:
        raw, cuts = stream.raw._file, iter([True, False, True, False])
        read = raw.read

        def cut(size):
            if next(cuts, False):
                raw.seek(77)
                raise TimeoutError
            return read(size)

        raw.read = cut
        assert stream.read(20) == b"01234567890123456789"
        assert (stream.seek(9_995), stream.read(), stream.tell()) == (9_995, b"56789", 10_000)


def test_what_is_listed_is_asked_for_anew_each_time(path, flaky):
    folder = RemotePath("memory://run/a")
    assert list(folder.listing()) == ["x"]
    flaky.fs.pipe_file("/run/a/y", b"1")
    assert sorted(folder.listing()) == ["x", "y"]
    assert flaky.seen.count("invalidate_cache") == 3


def test_a_name_is_removed_and_no_other_that_begins_alike(path, flaky):
    for name in ("/run/ab", "/run/a-b/c"):
        flaky.fs.pipe_file(name, b"1")
    RemotePath("memory://run/a").remove()
    assert flaky.fs.find("/run") == ["/run/a-b/c", "/run/ab"]


def test_files_that_a_store_silently_does_not_delete_are_told_of(path, flaky, monkeypatch):
    flaky.fs.pipe_file("/run/a/y", b"1")
    flaky.failed |= {"find", "rm"}
    told = pytest.raises(FatalError, match=r"refused: PermissionError: 2 of 2 files stayed, /run/a/x among them")
    with monkeypatch.context() as patch, told:
        patch.setattr(flaky.fs, "rm", lambda _: None)
        RemotePath("memory://run/a").remove()


def test_where_folders_are_folders_a_file_is_renamed_into_place(path, flaky, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_OBJECT_STORES", set())
    flaky.failed |= {"put_file", "mv"}
    path.put(tmp_path / "source")
    assert flaky.fs.find("/run") == ["/run/a/x"]
    assert [name for name in flaky.seen if name in ("put_file", "rm_file", "mv")][-3:] == ["put_file", "rm_file", "mv"]


def test_a_file_that_was_not_renamed_into_place_leaves_nothing(path, flaky, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_OBJECT_STORES", set())
    flaky.failed |= {"put_file", "makedirs", "exists"}
    monkeypatch.setattr(flaky.fs, "mv", lambda *_: (_ for _ in ()).throw(PermissionError("no")))
    with pytest.raises(FatalError, match="write was refused"):
        RemotePath("memory://run/a/new").put(tmp_path / "source")
    assert flaky.fs.find("/run") == ["/run/a/x"]


@pytest.mark.parametrize("scheme, extra", [("s3", "aws"), ("gs", "gcp"), ("az", "azure"), ("abfss", "azure")])
def test_a_store_whose_package_is_absent_is_told_of_with_what_installs_it(scheme, extra):
    hidden = "import sys; sys.modules |= dict.fromkeys(('s3fs', 'gcsfs', 'adlfs'))"
    code = f"{hidden}\nfrom pipeline.remote import check_reach\ncheck_reach('--output', '{scheme}://b/x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"pipeline.errors.SettingError: --output {scheme}://b/x: {scheme}:// needs ")
    assert last.endswith(f": pip install 'tokenmill[{extra}]'")


@pytest.mark.parametrize(
    "address, told", [("nosuch://b/x", "Protocol not known: nosuch"), ("hdfs://h/x", "webhdfs://")]
)
def test_an_address_that_cannot_be_served_is_told_of_in_one_line(monkeypatch, address, told):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SettingError, match=rf"^inputs.root {address}: .*{told}"):
        check_reach("inputs.root", address)
