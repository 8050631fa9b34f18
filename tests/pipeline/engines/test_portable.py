"""What Spark and Flink have in common is told, refused and read in one way."""

import json
import socket

import pytest

from pipeline.engines import portable
from pipeline.engines.flags import value_of
from pipeline.engines.portable import notes
from pipeline.errors import SettingError

FAILED = """java.util.concurrent.ExecutionException: job failed
\tat org.apache.flink.Runner.run(Runner.java:1)
Caused by: java.lang.RuntimeException: Error received from SDK harness: Traceback (most recent call last):
  File "work.py", line 1, in do
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "work.py", line 2, in do
pipeline.errors.FatalError: clean of books/a.gz: no space left

\tat org.apache.beam.Client.finish(Client.java:9)
Caused by: java.lang.Error: more of the same
"""


def test_workers_are_started_by_our_own_program():
    found = portable.worker_flags((), is_local=False)
    assert value_of(found, "--environment_type") == "PROCESS"
    assert json.loads(value_of(found, "--environment_config"))["command"].endswith("/tokenmill-worker")
    assert portable.worker_flags(["--environment_type=DOCKER"], is_local=False) == ()


def test_an_engine_within_the_job_server_gets_its_workers_from_this_process():
    found = portable.worker_flags((), is_local=True)
    assert value_of(found, "--environment_type") == "EXTERNAL"
    host, port = value_of(found, "--environment_config").split(":")
    with portable.workers_beside(found):
        socket.create_connection((host, int(port))).close()
    with portable.workers_beside([]), pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_an_engine_within_the_job_server_starts_workers_by_our_program_if_told_so():
    assert "PROCESS" in portable.worker_flags(["--environment_type=PROCESS"], is_local=True)[0]


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--environment_type=LOOPBACK"], "LOOPBACK starts workers on this machine only, and far:1 has executors"),
        (["--environment_type=EXTERNAL"], "EXTERNAL needs the pool's address: --environment_config=localhost:50000"),
    ],
)
def test_workers_that_cannot_be_started_are_refused(flags, said):
    with pytest.raises(SettingError, match=said):
        portable.check_workers(flags, "far:1", is_local=False)


@pytest.mark.parametrize(
    "flags, url, is_local",
    [([], "http://127.0.0.1:8081", False), (["--environment_type=PROCESS"], "[local]", True)],
)
def test_here_the_workers_program_has_to_be_there(monkeypatch, tmp_path, flags, url, is_local):
    monkeypatch.setattr(portable, "command_path", lambda: tmp_path / "gone")
    with pytest.raises(SettingError, match="gone is missing, which starts workers: pip install tokenmill"):
        portable.check_workers(flags, url, is_local=is_local)
    portable.check_workers([], "http://far:8081", is_local=False)
    portable.check_workers([], "[local]", is_local=True)
    portable.check_workers(["--environment_type=LOOPBACK"], "[local]", is_local=True)


@pytest.mark.parametrize(
    "url, host", [("spark://a:1", "a"), ("a:1", "a"), ("http://[::1]:8081", "[::1]"), ("[local]", "")]
)
def test_the_host_of_an_address(url, host):
    assert portable.host_of(url) == host


@pytest.mark.parametrize(
    "gibibytes, tasks, heap", [(64, 1, 1), (64, 2, 2), (64, 64, 16), (8, 64, 2), (2, 2, 1), (None, 64, 1)]
)
def test_the_heap_grows_with_the_tasks_up_to_a_quarter_of_the_memory(monkeypatch, gibibytes, tasks, heap):
    monkeypatch.setattr(portable, "memory_bytes", lambda: gibibytes and gibibytes << 30)
    assert portable.local_heap(tasks) == f"-Xmx{heap}g"


def test_settings_of_java_are_left_out_one_by_one():
    given = ["--job_server_jvm_properties=-Da.b=1", "--job_server_jvm_property", "-Xmx9g"]
    assert list(portable.java_flags(["-Xmx1g", "-Da.b=2", "-Da.c=3"], given)) == ["--job_server_jvm_properties=-Da.c=3"]


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ([], ["--experiments=data_buffer_size_limit=65536"]),
        (["--experiments=use_x"], ["--experiments=data_buffer_size_limit=65536"]),
        (["--experiments=data_buffer_size_limit=9"], []),
        (["--experiments", "data_buffer_size_limit=9"], []),
    ],
)
def test_messages_of_java_are_as_small_as_a_piece_of_a_block_unless_told_otherwise(given, ours):
    assert list(portable.message_flags(given)) == ours


def test_one_process_has_one_job_server():
    assert portable.one_server() == portable.one_server()


def test_of_a_failure_the_traceback_is_told():
    told = portable.python_part(FAILED)
    assert told.startswith('Traceback (most recent call last):\n  File "work.py", line 1, in do')
    assert told.endswith("pipeline.errors.FatalError: clean of books/a.gz: no space left")
    assert portable.python_part("java.lang.Error: no Python here") is None


@pytest.mark.parametrize(
    "flags, count",
    [
        (["--spark_master_url=spark://master.example:7077"], 2),
        (["--flink_master=master.example:8081"], 2),
        (["--spark_master_url=spark://127.0.0.1:7077"], 0),
        (["--spark_master_url=local[2]"], 0),
        (["--flink_master=[local]"], 0),
        ([], 0),
    ],
)
def test_folders_that_workers_elsewhere_may_not_see_are_named(flags, count):
    assert len(notes(flags, ["/data/run", "gs://bucket/run", "file:///data"])) == count


def test_a_job_server_that_is_gone_is_said_in_words():
    lost = '<RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = "Socket closed"\n>'
    told = portable.python_part(lost)
    assert told == "FatalError: the job server is gone (UNAVAILABLE: Socket closed); run the same command again"
