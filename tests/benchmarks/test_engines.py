import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from benchmarks import engines
from benchmarks.claims import SkippedError
from benchmarks.engine_places import Place
from benchmarks.process_watch import Taken

SAID = {"--work": "work", "--results": "results.jsonl", "--input": "dumps"}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`bench(engines, stray=…)`: the command over an engine that writes a file, and another one on the stray engine."""
    (tmp_path / "dumps/c4").mkdir(parents=True)
    (tmp_path / "dumps/c4/a.gz").write_bytes(b"dump")

    def run(names, stray="", code=0):
        @contextmanager
        def open_place(name, work):
            if name == "absent":
                raise SkippedError("it is not here")
            yield Place(dumps="dumps", output=str(work / "out"), flags=(f"--runner={name}",))

        def watched(command, environment, said_in):
            out = said_in.parent / said_in.stem / "out"
            (out / "logs").mkdir(parents=True)
            (out / "logs/run.log").write_text(said_in.stem)
            (out / "tokens").write_text("other" if said_in.stem == stray else "same")
            return Taken(code=code, said="what it said", wall_seconds=1.25, cpu_seconds=2, peak_mb={"parent": 99.99})

        monkeypatch.setattr(engines, "place", lambda name: lambda dumps, work: open_place(name, work))
        monkeypatch.setattr(engines, "watched", watched)
        given = [part for key, value in SAID.items() for part in (key, str(tmp_path / value))]
        return CliRunner().invoke(engines.main, [*given, "--engines", names])

    return run


def test_engines_that_give_the_same_bytes_end_well(bench, tmp_path):
    done = bench("a,b")
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert done.exit_code == 0, done.output
    assert [row["engine"] for row in rows] == ["a", "b"]
    assert rows[0]["digest"] == rows[1]["digest"]
    assert (rows[0]["files"], rows[0]["output_bytes"], rows[0]["input_bytes"]) == (1, 4, 4)
    assert (rows[0]["wall_seconds"], rows[0]["peak_mb"]) == (1.25, {"parent": 100.0})


def test_an_engine_that_gives_other_bytes_is_named_with_its_files(bench):
    done = bench("a,b,c", stray="b")
    assert done.exit_code == 1
    assert "error: b is not a: tokens\n" in done.output
    assert "c is not a" not in done.output


def test_an_engine_that_is_not_here_is_passed_over(bench):
    done = bench("absent,a")
    assert done.exit_code == 0
    assert "absent: skipped, it is not here\n" in done.output


def test_a_run_that_fails_ends_it_with_what_it_said(bench):
    done = bench("a", code=1)
    assert done.exit_code == 1
    assert "a ended with exit code 1: what it said" in str(done.exception)


def test_an_unknown_engine_is_refused_before_any_work(tmp_path):
    done = CliRunner().invoke(engines.main, ["--engines", "embedded-1,spork", "--work", str(tmp_path / "w")])
    assert (done.exit_code, (tmp_path / "w").exists()) == (2, False)
    assert "no engine spork; there are embedded-N" in done.output


def test_a_page_is_made_of_results(bench, tmp_path):
    bench("a,b")
    done = CliRunner().invoke(engines.main, ["--table", str(tmp_path / "results.jsonl")])
    assert "All digests are the same." in done.output


@pytest.mark.parametrize("scale, settings", [(1, 0), (0.2, 0), (1.5, 3), (50, 3)])
def test_tokens_and_partitions_grow_with_the_dumps(scale, settings):
    assert len(engines._sized(scale)) == settings
    assert scale < 50 or "dedup.partitions=100" in engines._sized(scale)
