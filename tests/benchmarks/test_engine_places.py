import pytest

from benchmarks import engine_places
from benchmarks.claims import SkippedError
from benchmarks.engine_places import ALL, Place, place
from pipeline.errors import SettingError
from pipeline.storage import Folder


def opened(name, tmp_path):
    return place(name)(tmp_path / "dumps", tmp_path / "work")


@pytest.mark.parametrize("name, workers", [("embedded-1", 1), ("embedded-2", 2), ("embedded-64", 64)])
def test_the_embedded_engine_has_as_many_workers_as_its_name_says(tmp_path, name, workers):
    with opened(name, tmp_path) as found:
        here = {"dumps": str(tmp_path / "dumps"), "output": str(tmp_path / "work/out")}
        assert found == Place(**here, workers=workers, flags=())


@pytest.mark.parametrize("name", ["embedded", "embedded-0", "embedded-x", "spark", ""])
def test_an_engine_that_there_is_not_is_refused_with_those_that_there_are(name):
    with pytest.raises(ValueError, match="there are embedded-N, spark-local, spark-cluster, flink-local"):
        place(name)


def test_all_engines_have_a_place():
    assert len({name for name in ALL if place(name)}) == len(ALL) == 7


@pytest.mark.parametrize("name", ["spark-local", "spark-cluster", "flink-local", "flink-cluster"])
def test_an_engine_without_a_job_server_is_skipped_with_the_reason(tmp_path, monkeypatch, name):
    def refuse(kind):
        raise SettingError(f"{kind.engine} has no job server")

    monkeypatch.setattr(engine_places, "find_job_server", refuse)
    monkeypatch.setattr(engine_places, "check_java", lambda flags: None)
    with pytest.raises(SkippedError, match="has no job server"), opened(name, tmp_path):
        pass


@pytest.mark.parametrize(
    "name, flags",
    [
        ("spark-local", ("--runner=SparkRunner", "--spark_master_url=local[2]")),
        ("flink-local", ("--runner=FlinkRunner", "--flink_master=[local]")),
    ],
)
def test_a_local_engine_is_a_matter_of_flags(tmp_path, monkeypatch, name, flags):
    monkeypatch.setattr(engine_places, "_need", lambda kind: None)
    with opened(name, tmp_path) as found:
        assert found.flags == flags


def test_a_bucket_holds_the_dumps(tmp_path):
    (tmp_path / "dumps/c4").mkdir(parents=True)
    (tmp_path / "dumps/c4/a.gz").write_bytes(b"dump")
    with opened("s3", tmp_path) as found:
        assert Folder(found.dumps).walk("") == ["c4/a.gz"]
        Folder(found.output).write_text("x", "y")
        assert Folder(found.output).digest("x") == Folder(str(tmp_path)).write_text("x", "y").digest
