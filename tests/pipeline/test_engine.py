"""The Beam shell: all pieces are done once, whoever does them; a worker's error reaches the user as one line."""

import os
from pathlib import Path

import pytest
import work_of_letters as letters

from pipeline.engine import Engine, check_flags, noise_in, runner_name, worker_message
from pipeline.engines import job_server
from pipeline.errors import FatalError, SettingError


@pytest.fixture
def engine(tmp_path):
    return Engine(workers=2, log=tmp_path / "log")


def test_worker_processes_share_the_pieces(engine, tmp_path):
    engine.run(letters.Letters(str(tmp_path), 6))
    workers = {Path(tmp_path, str(index)).read_text() for index in range(6)}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers


def test_a_workers_error_is_one_line(engine, tmp_path):
    with pytest.raises(FatalError) as error:
        engine.run(letters.Letters(str(tmp_path), 3, failing=1))
    assert str(error.value) == "piece 1 cannot be done"


def test_blocks_go_through_all_rounds_to_every_piece(engine, tmp_path):
    works = [letters.Grouped(str(tmp_path)), letters.Grouped(str(tmp_path), "other")]
    engine.run_exchanges(works)
    for label in ("grouped", "other"):
        assert Path(tmp_path, f"{label}-0").read_bytes() == b"\0\1\2\0\1\2"
        assert [Path(tmp_path, f"{label}-{index}").read_bytes() for index in (1, 3)] == [b"", b""]


def test_what_is_for_no_judge_goes_straight_to_its_piece(engine, tmp_path):
    engine.run_exchanges([letters.Grouped(str(tmp_path))])
    assert Path(tmp_path, "grouped-2").read_bytes() == b"\x0a|\x0b|\x0c"


@pytest.mark.parametrize(
    "flags, name",
    [
        ((), "FnApiRunner"),
        (("--runner=FnApiRunner",), "FnApiRunner"),
        (("--runner", "SparkRunner", "--spark_master_url=local[2]"), "SparkRunner"),
    ],
)
def test_without_a_runner_the_engine_is_embedded(flags, name):
    assert runner_name(flags) == name
    assert Engine(flags).is_embedded == (name == "FnApiRunner")


def test_a_users_number_of_workers_wins(tmp_path):
    Engine(("--direct_num_workers=1",), workers=2).run(letters.Letters(str(tmp_path), 6))
    assert len({Path(tmp_path, str(index)).read_text() for index in range(6)}) == 1


def test_nothing_is_left_in_the_scratch_folder(tmp_path):
    scratch = tmp_path / "scratch"
    Engine(workers=2, scratch=scratch).run_exchanges([letters.Grouped(str(tmp_path))])
    assert not scratch.exists()


@pytest.fixture
def a_jar_somewhere(monkeypatch):
    """Beam's job server can be downloaded, for all that anyone knows: tests ask no network."""
    monkeypatch.setattr(job_server, "_ask", lambda _: None)


@pytest.mark.usefixtures("a_jar_somewhere")
def test_a_users_flag_wins_over_ours():
    options = Engine(("--runner=SparkRunner", "--sdk_worker_parallelism=7"), workers=2).options().get_all_options()
    assert options["sdk_worker_parallelism"] == "7"


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--runer=Spark"], "unknown Beam flag --runer=Spark; did you mean --runner?"),
        (["--runner=SparkRunner", "--spark_master_ur=x"], "did you mean --spark_master_url?"),
        (["Spark"], "Spark is no Beam flag"),
        (["--runner", "FnApiRunner", "--nonsense_of_mine"], "unknown Beam flag --nonsense_of_mine"),
    ],
)
def test_a_misspelt_flag_is_refused(flags, said):
    with pytest.raises(SettingError, match=r".") as error:
        check_flags(flags)
    assert said in str(error.value)


@pytest.mark.usefixtures("a_jar_somewhere")
@pytest.mark.parametrize(
    "flags", [[], ["--runner=SparkRunner", "--spark_master_url=local[2]"], ["--runner", "FnApiRunner"]]
)
def test_beams_own_flags_are_taken(flags):
    check_flags(flags)


@pytest.mark.parametrize(
    "text, said",
    [
        ("Traceback\npipeline.errors.FatalError: no model [while running 'x']\nmore", "no model"),
        ("Traceback\nKeyError: 'x' [while running 'y']", "a worker failed: KeyError: 'x' (logs/run.log has the trace)"),
        (
            "pipeline.errors.PieceError: clean of c4/a: OSError: gone [while running 'y']",
            "clean of c4/a: OSError: gone",
        ),
        ("", "a worker failed: no message (logs/run.log has the trace)"),
    ],
)
def test_the_last_word_of_our_own_code_is_what_a_user_reads(text, said):
    assert worker_message(text) == said


def test_noise_of_workers_goes_to_the_log_and_then_no_more(tmp_path, capfd):
    with noise_in(tmp_path / "log"):
        os.write(2, b"noise\n")
    os.write(2, b"word\n")
    assert capfd.readouterr().err == "word\n"
    assert (tmp_path / "log").read_bytes() == b"noise\n"


def test_noise_ends_with_an_error_too(tmp_path, capfd):
    with pytest.raises(ValueError), noise_in(tmp_path / "log"):
        raise ValueError
    os.write(2, b"word\n")
    assert capfd.readouterr().err == "word\n"


def test_what_a_runner_raises_is_one_line_whatever_its_kind(monkeypatch, tmp_path):
    class RunnerError(Exception):
        pass

    def refuse(**_):
        raise RunnerError("the service takes no jobs")

    monkeypatch.setattr("pipeline.engine.beam.Pipeline", refuse)
    with pytest.raises(FatalError, match=r"RunnerError: the service takes no jobs"):
        Engine(log=tmp_path / "log").run(None)


def test_noise_has_no_secret(tmp_path):
    with noise_in(tmp_path / "log"):
        os.write(2, b"options: {'s3_secret_access_key': 'wJalrXUtnFEMIK7MDENG'}\n")
    assert (tmp_path / "log").read_text() == "options: {'s3_secret_access_key': '[hidden]'}\n"
