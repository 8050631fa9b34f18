"""The pipeline against a real S3 server on this machine that has the faults of a store far away."""

import json
import os
import re
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
from s3fs import S3FileSystem

from pipeline import remote, retries
from pipeline.errors import FatalError, SettingError
from pipeline.guards import locked
from pipeline.storage import Folder, ParquetSink, read_batches

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'tokenmill[dev]'")
pytest.importorskip("moto", reason="moto is not installed: pip install 'tokenmill[dev]'")

from tests.clusters.s3 import Faults, S3Store

MIB = 1 << 20


@pytest.fixture(scope="module")
def server():
    with S3Store() as store, store.configured():
        yield store


@pytest.fixture
def store(server, monkeypatch):
    server.faults = Faults()
    server.requests.clear()
    server.failed.clear()
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    yield server
    server.faults = Faults()


@pytest.fixture
def folder(store, request):
    return Folder(store.address(re.sub(r"\W+", "-", request.node.name).strip("-")))


@pytest.fixture
def quick(monkeypatch):
    """botocore's own waits are not replaced; a fault that it does not get over costs none."""
    located = remote.located
    S3FileSystem.clear_instance_cache()  # fsspec shares one for each setting, and this changes a setting within.

    def impatient(address):
        fs, path = located(address)
        fs.config_kwargs["retries"] = {"mode": "standard", "total_max_attempts": 1}
        return fs, path

    monkeypatch.setattr(remote, "located", impatient)
    yield
    S3FileSystem.clear_instance_cache()


def uploads(folder):
    """Uploads in parts that were begun and neither finished nor given up."""
    fs, path = remote.located(folder.url)
    found = fs.call_s3("list_multipart_uploads", Bucket=path.partition("/")[0])
    return [upload["Key"] for upload in found.get("Uploads", [])]


def written(folder, name, content):
    with folder.create(name) as pending:
        pending.path.write_bytes(content)
    return pending.output


@pytest.mark.parametrize("faults", [{"errors": 0.3}, {"cuts": 0.3}, {"slow": 0.3, "slow_seconds": 0.05}], ids=str)
def test_whatever_fails_for_a_moment_nothing_is_lost_or_half_there(store, folder, quick, faults):
    store.faults = Faults(seed=5, **faults)
    contents = {f"a/{number}": os.urandom(1000 * number) for number in range(12)}
    for name, content in contents.items():
        assert written(folder, name, content).bytes == len(content)
    assert folder.walk("a") == sorted(contents)
    assert [folder.open(name).read() for name in contents] == list(contents.values())
    folder.delete("a")
    assert folder.list("a") == []
    assert store.failed["error"] + store.failed["cut"] + store.failed["slow"] > 5


def test_a_read_that_is_cut_in_the_middle_goes_on(store, folder, quick, monkeypatch):
    monkeypatch.setattr(remote, "BLOCK_BYTES", 64 << 10)
    content = os.urandom(MIB)
    written(folder, "x", content)
    store.faults = Faults(seed=1, cuts=0.4)
    with folder.open("x") as stream:
        assert stream.read() == content
        assert (stream.seek(700_001), stream.read(5)) == (700_001, content[700_001:700_006])
    assert store.failed["cut"] >= 1


def test_a_file_in_parts_appears_when_it_is_whole_and_parts_that_fail_are_sent_again(store, folder, monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 5 * MIB)
    content = os.urandom(16 * MIB)
    store.faults = Faults(seed=3, errors=0.2, cuts=0.2, below="partNumber")
    assert written(folder, "x", content).digest == folder.digest("x")
    assert store.failed["error"] >= 1
    assert store.failed["cut"] >= 1
    assert uploads(folder) == []


def test_an_upload_that_cannot_be_finished_leaves_nothing_visible_and_no_parts(store, folder, quick, monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 5 * MIB)
    monkeypatch.setattr(remote, "PATIENT", retries.Patience(2, 10))
    store.faults = Faults(errors=1.0, most=1000, below="partNumber")
    line = rf"^{folder.url}/x: write failed \d+ times in \d+ s, the last time with (SlowDown|InternalError|Service)"
    with pytest.raises(FatalError, match=line):
        written(folder, "x", os.urandom(16 * MIB))
    store.faults = Faults()
    assert not folder.exists("x")
    assert uploads(folder) == []


def test_a_reader_sees_the_old_file_or_the_new_one(store, folder):
    contents = [bytes([number]) * 300_000 for number in range(6)]
    written(folder, "x", contents[0])
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(remote.RemotePath(folder.address("x")).read())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents:
        written(folder, "x", content)
    done.set()
    reader.join()
    assert seen <= set(contents)


def test_a_store_that_stays_away_ends_in_one_line(store, folder, quick):
    store.faults = Faults(down=True)
    with pytest.raises(
        FatalError, match=rf"^{folder.url}/x: read failed 10 times in \d+ s, the last time with \w+: "
    ) as found:
        folder.read_json("x")
    assert "\n" not in str(found.value)


def test_access_that_is_denied_is_not_asked_for_again(store, folder):
    store.faults = Faults(denied=("GET", "HEAD"))
    store.requests.clear()
    with pytest.raises(FatalError, match=rf"^{folder.url}/x: read was refused: AccessDenied: "):
        folder.read_json("x")
    assert sum(store.requests.values()) == 1


@pytest.mark.parametrize("denied", [("PUT",), ("DELETE",)])
def test_an_output_that_may_not_be_written_or_deleted_is_found_before_any_work(store, folder, denied):
    store.faults = Faults(denied=denied)
    told = rf"^--output: {folder.url}/logs/lock/\w+.probe: \w+ was refused: AccessDenied"
    with pytest.raises(SettingError, match=told), locked(folder):
        pytest.fail("work began")


def test_a_bucket_that_is_not_there_is_told_of_before_any_work(store):
    told = r"^--output: s3://nowhere/run/logs/lock: there is no such bucket"
    with pytest.raises(SettingError, match=told), locked(Folder("s3://nowhere/run")):
        pytest.fail("work began")


def test_a_second_run_is_refused(store, folder, monkeypatch):
    monkeypatch.setattr("pipeline.lease.RENEWED_SECONDS", 0.1)
    told = pytest.raises(SettingError, match="another run is at work there: process")
    with locked(folder), told, locked(folder):
        pytest.fail("two at work")
    assert folder.list("logs/lock") == []


HOLDING = """
import sys
from pipeline.guards import locked
from pipeline.storage import Folder
with locked(Folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_was_killed_holds_nobody_up(store, folder):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDING, folder.url], text=True, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        assert len(folder.list("logs/lock")) == 1
        process.kill()
    with locked(folder, say=pytest.fail):
        assert len(folder.list("logs/lock")) == 1


def test_what_another_process_writes_is_seen_at_once(store, folder):
    assert (folder.list("a"), folder.size("a/x"), folder.glob("a/*")) == ([], None, [])
    code = f"from pipeline.storage import Folder; Folder({folder.url!r}).write_text('a/x', '12')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (folder.list("a"), folder.size("a/x"), folder.glob("a/*")) == (["x"], 2, ["a/x"])


@pytest.mark.parametrize(
    "ask, requests",
    [
        (lambda folder: folder.read_json("a/x.json"), {"GET": 1}),
        (lambda folder: folder.size("a/x.json"), {"HEAD": 1}),
        (lambda folder: folder.list("a"), {"LIST": 1}),
        (lambda folder: folder.write_json("a/y.json", {}), {"PUT": 1}),
        (lambda folder: written(folder, "a/y", b"1"), {"PUT": 1, "HEAD": 1}),
        (lambda folder: folder.delete("a/x.json"), {"LIST": 1, "DELETE": 1}),
        (lambda folder: folder.delete("a/none"), {"LIST": 1}),
        (lambda folder: folder.open("a/x.json").read(), {"HEAD": 1, "GET": 1}),
        (lambda folder: list(read_batches(folder, "a/x.parquet")), {"HEAD": 1, "GET": 1}),
    ],
    ids=["read_json", "size", "list", "write_json", "write", "delete", "delete nothing", "open", "read_batches"],
)
def test_each_call_takes_no_more_requests_than_it_must(store, folder, tmp_path, ask, requests):
    folder.write_json("a/x.json", {"a": 1})
    sink = ParquetSink(tmp_path / "x", pa.schema([("x", pa.int64()), ("y", pa.string())]))
    for number in range(50):
        sink.write(pa.RecordBatch.from_pylist([{"x": number, "y": "text" * number}]))
    sink.close()
    folder.put(tmp_path / "x", "a/x.parquet")
    store.requests.clear()
    ask(folder)
    assert dict(store.requests) == requests


@pytest.mark.system
@pytest.mark.slow
def test_the_whole_demo_in_a_store_that_fails_now_and_then_gives_the_same_digests(small_run, tmp_path):
    with S3Store() as store:
        with store.configured():
            remote.located(store.address(""))[0].put(str(small_run.dumps), store.address("dumps"), recursive=True)
        store.requests.clear()
        store.faults = Faults(seed=3, errors=0.005, cuts=0.005, slow=0.002, slow_seconds=0.2)
        moved = (f"inputs.root={store.address('dumps')}", f"trainer.folder={tmp_path / 'training'}")
        command = [sys.executable, "-m", "pipeline.cli", "run", *small_run.arguments(*moved), "--workers=2"]
        command[command.index(str(small_run.output))] = store.address("out")
        done = subprocess.run(command, env=os.environ | store.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        requests = sum(store.requests.values())
        with store.configured():
            output = Folder(store.address("out"))
            made = output.read_json("manifest.json")["outputs"]
            assert output.list("logs/work") == output.list("logs/lock") == []
    local = json.loads((small_run.output / "manifest.json").read_text())["outputs"]
    assert made == {name: digest for name, digest in local.items() if not name.startswith("training/checkpoints/")}
    assert store.failed["error"] + store.failed["cut"] > 10
    assert requests < 15_000, store.requests
