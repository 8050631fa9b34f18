"""What Spark is told for the user, and what is refused before any work."""

import io

import pytest

from pipeline.engines import portable, spark
from pipeline.engines.flags import value_of, values_of
from pipeline.engines.job_server import JobServer
from pipeline.errors import SettingError

HERE = "--spark_master_url=spark://127.0.0.1:7077"
ELSEWHERE = "--spark_master_url=spark://master.example:7077"


@pytest.fixture(autouse=True)
def jar(tmp_path, monkeypatch):
    """A job server is at hand, its version is known, and nobody answers on the network."""
    path = tmp_path / "spark.jar"
    path.touch()
    monkeypatch.setenv("TOKENMILL_SPARK_JAR", str(path))
    monkeypatch.setattr(JobServer, "versions", {"spark": "3.5.7"})
    monkeypatch.setattr(spark, "check_java", lambda flags: None)
    monkeypatch.setattr(spark, "_version_of", lambda url, flags: "")
    return path


def java(flags):
    return list(values_of(spark.defaults(flags, 4), "--job_server_jvm_properties"))


def test_a_run_without_a_master_is_on_this_machine_with_all_workers(jar):
    found = spark.defaults((), 4)
    assert value_of(found, "--spark_master_url") == "local[4]"
    assert value_of(found, "--sdk_worker_parallelism") == "4"
    assert value_of(found, "--spark_job_server_jar") == str(jar)
    assert value_of(found, "--environment_type") == "EXTERNAL"


def test_what_the_user_gives_is_left_to_the_user():
    found = spark.defaults(["--sdk_worker_parallelism=9", "--environment_type=DOCKER", HERE], 4)
    names = {flag.partition("=")[0] for flag in found}
    assert not names & {"--sdk_worker_parallelism", "--environment_type", "--environment_config", "--spark_master_url"}


def test_settings_of_java_are_left_out_one_by_one():
    ours = {value.partition("=")[0] for value in java([ELSEWHERE])}
    assert ours == {"-Djava.io.tmpdir", "-Dspark.default.parallelism", "-Dspark.executor.memory"}
    given = "--job_server_jvm_properties=-Dspark.executor.memory=4g"
    left = {value.partition("=")[0] for value in java([ELSEWHERE, given])}
    assert left == {"-Djava.io.tmpdir", "-Dspark.default.parallelism"}


def test_a_heap_of_the_users_is_the_only_one():
    assert any(value.startswith("-Xmx") for value in java([]))
    assert not any(value.startswith("-Xmx") for value in java(["--job_server_jvm_property", "-Xmx9g"]))


@pytest.mark.parametrize(
    "gibibytes, workers, heap", [(64, 1, 1), (64, 2, 2), (64, 64, 16), (8, 64, 2), (2, 2, 1), (None, 64, 1)]
)
def test_the_heap_grows_with_the_workers_up_to_a_quarter_of_the_memory(monkeypatch, gibibytes, workers, heap):
    monkeypatch.setattr(portable, "memory_bytes", lambda: gibibytes and gibibytes << 30)
    assert f"--job_server_jvm_properties=-Xmx{heap}g" in spark.defaults((), workers)


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--environment_type=LOOPBACK", HERE], "LOOPBACK starts workers on this machine only, and spark://127"),
        (["--environment_type=EXTERNAL"], "EXTERNAL needs the pool's address: --environment_config=localhost:50000"),
    ],
)
def test_an_environment_that_cannot_work_is_refused(flags, said):
    with pytest.raises(SettingError, match=said):
        spark.check(flags)


def test_workers_need_their_program(monkeypatch, tmp_path):
    monkeypatch.setattr(portable, "command_path", lambda: tmp_path / "gone")
    with pytest.raises(SettingError, match="gone is missing, which starts workers"):
        spark.check([HERE])
    spark.check([ELSEWHERE])  # It is there that it counts.


@pytest.mark.parametrize("flags", [[], ["--environment_type=LOOPBACK", "--spark_master_url=local[*]"], [HERE]])
def test_what_works_passes(flags, monkeypatch, jar):
    monkeypatch.setattr(portable, "command_path", lambda: jar)
    spark.check(flags)


@pytest.mark.parametrize("version, good", [("3.5.1", True), ("", True), ("3.4.3", False), ("4.0.0", False)])
def test_a_cluster_of_another_version_is_refused(monkeypatch, version, good):
    monkeypatch.setattr(spark, "_version_of", lambda url, flags: version)
    if good:
        spark.check([ELSEWHERE])
        return
    with pytest.raises(SettingError, match=rf"is Spark {version} and the job server is built with 3\.5\.7"):
        spark.check([ELSEWHERE])


@pytest.mark.parametrize("answer, version", [(b'{"serverSparkVersion" : "3.5.7"}', "3.5.7"), (b"<html>", "")])
def test_a_masters_rest_server_tells_its_version(monkeypatch, answer, version):
    monkeypatch.undo()
    monkeypatch.setattr(spark.urllib.request, "urlopen", lambda url, timeout: io.BytesIO(answer))
    assert spark._version_of("spark://master.example:7077", []) == version


def test_a_master_without_a_rest_server_tells_nothing(monkeypatch):
    monkeypatch.undo()
    assert spark._version_of("spark://127.0.0.1:1", ["--spark_rest_url=http://127.0.0.1:1"]) == ""


JAVA = """java.lang.RuntimeException: Error received from SDK harness: Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1, in process
  File "pipeline/engine.py", line 2, in process
pipeline.errors.FatalError: piece 3 cannot be done [while running 'work']

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.x(FnApiControlClient.java:1)
Caused by: java.lang.Exception: more
"""


def test_of_a_failure_the_python_part_is_left():
    found = spark.message(f"RuntimeError: Pipeline failed in state FAILED: {JAVA}")
    assert found.startswith("Traceback (most recent call last):\n  File")
    assert found.endswith("pipeline.errors.FatalError: piece 3 cannot be done [while running 'work']")


def test_a_failure_of_java_alone_has_no_python_part():
    assert spark.message("java.lang.IllegalStateException: stopped\n\tat org.apache.spark.x(y.java:1)") is None
