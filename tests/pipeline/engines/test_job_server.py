"""The job server is the first that is there of: named, built, downloaded before, to be downloaded."""

import io
import time
import urllib.error
import zipfile
from pathlib import Path

import pytest

from pipeline.engines import job_server
from pipeline.engines.job_server import FLINK, SPARK, check_java, find_job_server, jar_flags, java_version
from pipeline.errors import SettingError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """No job server anywhere: none named, none built, no cache, and no network."""
    monkeypatch.delenv(SPARK.variable, raising=False)
    monkeypatch.setattr(job_server, "_ROOT", tmp_path)
    monkeypatch.setattr(job_server, "_beams_own", lambda kind, flags: ("far://beam.jar", tmp_path / "cached.jar"))
    monkeypatch.setattr(job_server, "_ask", lambda url: "no route")
    return tmp_path


def jar_at(path: Path, **files: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for name, text in files.items():
            jar.writestr(name, text)
    return path


def test_the_users_flag_wins_over_all(place, monkeypatch):
    mine, other = jar_at(place / "mine.jar"), jar_at(place / "other.jar")
    monkeypatch.setenv(SPARK.variable, str(other))
    found = find_job_server(SPARK, [f"--spark_job_server_jar={mine}"])
    assert (found.jar, found.why) == (str(mine), "--spark_job_server_jar names it")


def test_the_environment_wins_over_one_that_is_built(place, monkeypatch):
    named = jar_at(place / "named.jar")
    jar_at(SPARK.built)
    monkeypatch.setenv(SPARK.variable, str(named))
    found = find_job_server(SPARK)
    assert (found.jar, found.why) == (str(named), "TOKENMILL_SPARK_JAR names it")


def test_one_that_is_built_wins_over_beams_own(place):
    jar_at(place / "cached.jar")
    built = jar_at(place / "job-servers/spark/target/spark-job-server.jar")
    found = find_job_server(SPARK)
    assert (found.jar, found.why) == (str(built), "built by mvn -f job-servers/spark/pom.xml package")


def test_beams_own_is_taken_from_its_cache_before_anyone_is_asked(place):
    jar_at(place / "cached.jar")
    assert find_job_server(SPARK).why == "Beam's own, downloaded before"


def test_beams_own_is_downloaded_where_it_answers(place, monkeypatch):
    monkeypatch.setattr(job_server, "_ask", lambda url: None)
    found = find_job_server(SPARK)
    assert (found.jar, found.is_here, found.digest(), found.versions) == ("far://beam.jar", False, "", {})
    assert found.describe() == "far://beam.jar (Beam's own, to be downloaded)"


def test_where_there_is_none_one_line_says_what_mends_it(place):
    with pytest.raises(SettingError) as raised:
        find_job_server(FLINK)
    assert str(raised.value) == (
        "Flink has no job server: Beam's own cannot be downloaded (no route) and none is built; run `mvn -f"
        " job-servers/flink/pom.xml package`, or name one by --flink_job_server_jar or TOKENMILL_FLINK_JAR"
    )


def test_a_jar_that_is_named_but_absent_is_refused(place, monkeypatch):
    monkeypatch.setenv(SPARK.variable, "gone.jar")
    with pytest.raises(SettingError, match=r"^TOKENMILL_SPARK_JAR=gone\.jar: there is no such file$"):
        find_job_server(SPARK)


def test_an_address_may_be_named(place):
    assert find_job_server(SPARK, ["--spark_job_server_jar", "far://mine.jar"]).jar == "far://mine.jar"


@pytest.mark.parametrize(
    "kind, file, text, version",
    [
        (SPARK, "spark-version-info.properties", "version=3.5.7\nuser=x\n", {"beam": "2.70.0", "spark": "3.5.7"}),
        (FLINK, ".flink-runtime.version.properties", "project.version=1.19.0\n", {"beam": "2.70.0", "flink": "1.19.0"}),
        (FLINK, "other.properties", "version=1\n", {"beam": "2.70.0"}),
    ],
)
def test_the_jar_says_its_versions(tmp_path, kind, file, text, version):
    beam = {"org/apache/beam/sdk/sdk.properties": "# licence\nversion=2.70.0\n"}
    found = find_job_server(kind, [f"{kind.flag}={jar_at(tmp_path / 'a.jar', **beam, **{file: text})}"])
    assert found.versions == version


def test_the_digest_is_that_of_the_file(tmp_path):
    (tmp_path / "a.jar").write_bytes(b"abc")
    found = find_job_server(SPARK, [f"--spark_job_server_jar={tmp_path / 'a.jar'}"])
    assert found.digest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("flag", ["--spark_job_server_jar=far://a.jar", "--job_endpoint=host:8099"])
def test_no_jar_is_named_where_the_user_names_one_or_a_server_that_runs(place, flag):
    assert jar_flags(SPARK, [flag]) == ()


def test_the_jar_that_was_found_is_named_to_beam(place):
    built = jar_at(SPARK.built)
    assert jar_flags(SPARK, []) == (f"--spark_job_server_jar={built}",)


def test_beams_own_lies_in_the_cache_that_the_user_names():
    url, cached = job_server._beams_own(SPARK, ["--jar_cache_dir=/cache"])
    assert url.endswith("/" + cached.name)
    assert cached.name.startswith("beam-runners-spark-3-job-server-2.")
    assert cached.parent == Path("/cache")


def test_a_refusal_is_told(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.HTTPError("far", 404, "Not Found", None, None)

    monkeypatch.setattr(job_server.urllib.request, "urlopen", refuse)
    assert job_server._ask("http://far") == "Not Found"


def test_a_network_that_swallows_all_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(job_server, "_ASK_SECONDS", 0.05)
    monkeypatch.setattr(job_server.urllib.request, "urlopen", lambda *_, **__: time.sleep(2) or io.BytesIO())
    assert job_server._ask("http://far") == "no answer within 0 s"


@pytest.mark.parametrize(
    "said, version",
    [
        ('openjdk version "17.0.15"', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21"', 21),
        ("?", None),
    ],
)
def test_the_release_of_java_is_read(said, version):
    assert java_version(said) == version


def java_that_says(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    path.chmod(0o755)
    return f"--job_server_java_launcher={path}"


def test_a_java_that_is_too_old_or_absent_is_refused(tmp_path):
    with pytest.raises(SettingError, match="java8 is Java 8: Beam's job servers need 11 or later"):
        check_java([java_that_says(tmp_path / "java8", 'java version "1.8.0_392"')])
    with pytest.raises(SettingError, match="no-java is not found, and job servers are Java programs"):
        check_java(["--job_server_java_launcher=no-java"])
    check_java([java_that_says(tmp_path / "java11", 'openjdk version "11.0.2"')])
