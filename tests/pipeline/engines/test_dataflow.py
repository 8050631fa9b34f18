"""A Dataflow job is right before it is sent: its flags, its graph, its size. No network is needed, and none is used."""

from pathlib import Path

import pytest
from offline_dataflow import DRY, FLAGS, IMAGE, go_offline

from pipeline.engine import Engine
from pipeline.engines import dataflow
from pipeline.engines.dataflow import check, check_elsewhere, defaults, figures, is_rehearsal, message, spelled
from pipeline.errors import SettingError
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.storage import Folder
from pipeline.work import MapWork, WorkList


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(dataflow, "_check_installed", lambda: None)


def without(name: str) -> list[str]:
    return [flag for flag in FLAGS if not flag.startswith(f"{name}=")]


@pytest.mark.usefixtures("installed")
def test_a_job_that_can_start_is_let_through():
    check(FLAGS)
    check([*FLAGS, "--staging_location=gs://my-bucket/staging", "--job_name=dump-2019-09"])
    check([*without("--region"), "--region", "us-central1"])


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["--project", "--region", "--temp_location", "--sdk_container_image"])
def test_a_missing_flag_is_named_with_what_it_is_for(name):
    with pytest.raises(SettingError, match=f"^{name} is missing: --runner=DataflowRunner needs ") as error:
        check(without(name))
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "flag, said",
    [
        ("--project=12345", "is no project id"),
        ("--project=My Project", "is no project id"),
        ("--region=europe-west1-b", "is no region"),
        ("--temp_location=gs://b/tmp", "is no folder in a bucket"),
        ("--temp_location=gs://my-bucket", "is no folder in a bucket"),
        ("--temp_location=/tmp/x", "is no folder in a bucket"),
        ("--staging_location=gs://My-Bucket/x", "is no folder in a bucket"),
        ("--job_name=Dump_2019", "is no job name"),
        ("--sdk_container_image=my image", "is no image"),
    ],
)
def test_an_impossible_value_is_refused_before_beam_tries_for_a_minute(flag, said):
    with pytest.raises(SettingError) as error:
        check([*without(flag.partition("=")[0]), flag])
    assert str(error.value).startswith(f"{flag} {said}")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("flag", ["--s3_secret_access_key=wJalrXUtnFEMI", "--azure_connection_string=AccountKey=x"])
def test_a_secret_is_not_sent_where_everybody_who_sees_the_job_sees_it(flag):
    with pytest.raises(SettingError, match="all who see the job would see its value") as error:
        check([*FLAGS, flag])
    assert flag.partition("=")[2] not in str(error.value)


def test_without_beams_parts_for_it_the_command_that_installs_them_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apache_beam.runners.dataflow.internal", None)
    with pytest.raises(SettingError, match=r"pip install 'tokenmill\[gcp\]'"):
        check(FLAGS)


@pytest.mark.parametrize("address", ["out/demo", "/data/run", "file:///data/run"])
def test_what_lies_on_this_machine_is_out_of_reach(address):
    places = {"inputs.root": "gs://my-bucket/dumps", "--output": address}
    check_elsewhere(["--runner=SparkRunner"], places)
    with pytest.raises(SettingError, match=f"^--output {address} lies on this machine"):
        check_elsewhere(FLAGS, places)


def test_a_flag_of_the_users_takes_the_place_of_ours():
    ours = defaults([*FLAGS, "--worker_machine_type=n2-highmem-4", "--save_main_session", "--max_num_workers=7"], 0)
    assert not [flag for flag in ours if flag.startswith(("--machine_type", "--max_num", "--no_save"))]
    assert "--sdk_location=container" in ours
    assert ours[-1] == "--labels=tokenmill=0-1-0"


def test_a_dry_run_is_beams_own_flag_in_any_spelling():
    assert is_rehearsal([*FLAGS, "--dry_run"])
    assert is_rehearsal([*FLAGS, "--dry_run=True"])
    assert not is_rehearsal([*FLAGS, "--dry_run=False"])
    assert not is_rehearsal(FLAGS)
    assert not is_rehearsal(["--runner=SparkRunner", "--dry_run"])
    assert spelled(["--dry_run", "--region=x"]) == ("--dry_run=True", "--region=x")


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "DataflowRuntimeException: Dataflow pipeline failed. State: FAILED, Error:\nTraceback (most recent call "
            'last):\n  File "/usr/local/lib/python3.11/site-packages/pipeline/work.py", line 1, in do\n'
            "pipeline.errors.FatalError: no room in gs://b/run [while running 'work-ptransform-12']\n\nSome more.",
            "FatalError: no room in gs://b/run",
        ),
        (
            "DataflowRuntimeException: Dataflow pipeline failed. State: FAILED, Error:\n"
            "Workflow failed. Causes: Project p has insufficient quota: CPUS: 24/8",
            "Project p has insufficient quota: CPUS: 24/8",
        ),
        ("State: CANCELLED", None),
    ],
)
def test_the_python_part_or_the_services_reason_is_one_line(text, said):
    assert message(text) == said


@pytest.fixture
def offline(monkeypatch):
    go_offline(monkeypatch)


def job_of(folder: Path, units: int, *more: str):
    """The job of stage `clean` over so many units, as it would be sent."""
    work_list = WorkList(Folder(str(folder)), "units.json")
    unit = {"source": "c4", "input": "c4/a.json.gz", "size": 1, "part": 1, "parts": 1}
    work_list.write({"items": [{"unit": unit | {"name": f"{index}"}, "stages": ["clean"]} for index in range(units)]})
    flags = [*FLAGS, *more, *DRY]
    engine = Engine(tuple(flags), log=folder / "log")
    return engine.run(MapWork(Run(load_recipe("demo"), Folder("gs://my-bucket/run")), work_list)).job


@pytest.mark.usefixtures("offline")
def test_the_graph_is_the_same_for_ten_units_and_for_ten_thousand(tmp_path):
    few, many = (figures(job_of(tmp_path, units)) for units in (10, 10_000))
    assert few.graph_bytes == many.graph_bytes < 50_000
    assert few.request_bytes < 50_000


@pytest.mark.usefixtures("offline")
def test_a_job_has_one_environment_with_our_image_and_what_we_set(tmp_path):
    found = figures(job_of(tmp_path, 1, "--max_num_workers=7"))
    assert found.environments == ((IMAGE, ()),)
    assert (found.machine_type, found.max_workers, found.threads) == ("n2-standard-4", 7, 1)
    said = "\n".join(found.lines())
    assert f"{found.steps} steps" in said
    assert "hints: none" in said
    assert "at most 7 n2-standard-4, 1 thread a process" in said


@pytest.mark.usefixtures("offline")
def test_resource_hints_reach_the_job(tmp_path):
    found = figures(job_of(tmp_path, 1, "--resource_hints=min_ram=8GB"))
    assert found.environments[0][1] == (("min_ram_bytes", "8000000000"),)


@pytest.mark.usefixtures("offline")
def test_a_request_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dataflow, "REQUEST_LIMIT", 1000)
    with pytest.raises(SettingError, match="Dataflow takes 1,000"):
        figures(job_of(tmp_path, 1))
