"""What Flink is told for the user, and what is refused before any work."""

import io
import json
from pathlib import Path

import pytest

from pipeline.engines import flink
from pipeline.engines.flags import value_of, values_of
from pipeline.engines.job_server import JobServer
from pipeline.errors import SettingError

CLUSTER = "--flink_master=10.0.0.9:8081"


@pytest.fixture(autouse=True)
def said(tmp_path, monkeypatch):
    """A job server of Flink 1.19 is at hand; `said` is what a job manager answers, and where it was asked."""
    path = tmp_path / "flink.jar"
    path.touch()
    monkeypatch.setenv("TOKENMILL_FLINK_JAR", str(path))
    monkeypatch.setattr(JobServer, "versions", {"flink": "1.19.0"})
    monkeypatch.setattr(flink, "check_java", lambda flags: None)
    answers = {"slots-total": 6, "taskmanagers": 2, "flink-version": "1.19.3"}

    def answer(url, timeout):
        if not answers:
            raise OSError("refused")
        answers["asked"] = url
        return io.BytesIO(json.dumps(answers).encode())

    flink._asked.cache_clear()
    monkeypatch.setattr(flink.urllib.request, "urlopen", answer)
    yield answers
    flink._asked.cache_clear()


@pytest.mark.parametrize("workers, tasks", [(1, 1), (4, 4), (64, 8)])
def test_without_a_cluster_flink_runs_here_with_as_many_tasks_as_workers(workers, tasks):
    found = flink.defaults((), workers)
    assert value_of(found, "--flink_master") == "[local]"
    assert value_of(found, "--flink_version") == "1.19"
    assert value_of(found, "--parallelism") == value_of(found, "--sdk_worker_parallelism") == str(tasks)
    assert any(value.startswith("-Xmx") for value in values_of(found, "--job_server_jvm_properties"))


def test_a_cluster_is_used_whole_with_a_worker_a_slot(said):
    found = flink.defaults([CLUSTER], 2)
    assert value_of(found, "--parallelism") == "6"
    assert value_of(found, "--sdk_worker_parallelism") == "3"
    assert not any(value.startswith("-Xmx") for value in values_of(found, "--job_server_jvm_properties"))
    assert said["asked"] == "http://10.0.0.9:8081/overview"


def test_a_cluster_that_starts_task_managers_when_asked_gets_as_many_tasks_as_workers(said):
    said |= {"slots-total": 0, "taskmanagers": 0}
    assert value_of(flink.defaults([CLUSTER], 64), "--parallelism") == "64"


def test_what_the_user_gives_is_left_to_the_user():
    given = ["--parallelism=9", "--environment_type=DOCKER", "--flink_conf_dir=mine", CLUSTER]
    names = {flag.partition("=")[0] for flag in flink.defaults(given, 4)}
    assert not names & {"--parallelism", "--environment_type", "--environment_config", "--flink_conf_dir"}
    assert "--flink_master" not in names


def test_jobs_of_one_run_share_a_job_server():
    assert flink.defaults((), 4) == flink.defaults((), 4)


def test_flink_here_restarts_what_failed_and_a_cluster_has_settings_of_its_own():
    assert value_of(flink.defaults([CLUSTER], 1), "--flink_conf_dir", "none") == "none"
    text = Path(value_of(flink.defaults((), 1), "--flink_conf_dir"), "config.yaml").read_text()
    assert "\nrestart-strategy.type: fixed-delay\n" in text


def test_another_line_of_flink_has_a_job_server_of_its_own(said, monkeypatch):
    monkeypatch.setattr(flink, "find_job_server", lambda kind, flags: pytest.fail(kind.beam_target))
    said["flink-version"] = "1.20.1"
    with pytest.raises(pytest.fail.Exception, match=r":runners:flink:1\.20:job-server"):
        flink.check([CLUSTER])


def test_a_cluster_and_a_job_server_of_different_lines_are_refused(said):
    said["flink-version"] = "1.20.1"
    with pytest.raises(SettingError, match=r"10.0.0.9:8081 is Flink 1.20.1 and the job server is built with 1.19.0"):
        flink.check([CLUSTER])


def test_a_cluster_that_does_not_answer_is_refused(said):
    said.clear()
    with pytest.raises(SettingError, match=r"answers at http://10\.0\.0\.9:8081/overview"):
        flink.check([CLUSTER])


def test_loopback_is_for_this_machine_only():
    with pytest.raises(SettingError, match="LOOPBACK"):
        flink.check([CLUSTER, "--environment_type=LOOPBACK"])
    flink.check(["--environment_type=LOOPBACK"])


def test_a_job_server_that_runs_is_taken_as_it_is(said):
    said.clear()
    flink.check([CLUSTER, "--job_endpoint=localhost:8099"])


def test_of_a_failure_the_python_part_is_told():
    text = "java.lang.Error: x: Traceback (most recent call last):\n  File 'a'\nValueError: bad\n\n\tat a.B(C.java:1)\n"
    assert flink.message(text).endswith("ValueError: bad")
    assert flink.message("java.lang.Error") is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "java.io.IOException: Insufficient number of network buffers: required 512, but only 455 available. The",
            "required 512, but only 455 available: set taskmanager.network.sort-shuffle.min-buffers: 64",
        ),
        (
            "Debug Text: Cannot reserve 2097152 bytes of direct buffer memory (allocated: 232236209, limit: 2",
            "bytes of direct buffer memory: set taskmanager.memory.task.off-heap.size: 256m",
        ),
    ],
)
def test_a_cluster_is_told_what_its_task_managers_lack(said, told):
    assert told in flink.message(said)
