import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import gpu_checks
from benchmarks.gpu_checks import counted, main

REPORT = """<testsuites><testsuite>
<testcase classname="model" name="agrees"/>
<testcase classname="model" name="compiles"><failure message="no"/></testcase>
<testcase classname="bench" name="breaks"><error message="no"/></testcase>
<testcase classname="bench" name="clocks"><skipped message="no nvidia-smi"/></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted():
    assert counted(REPORT) == {
        "passed": 1, "failed": 2, "skipped": 1, "failures": ["bench::breaks", "model::compiles"],
        "reasons": ["no nvidia-smi"],
    }  # fmt: skip


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_is_that_of_the_tests(monkeypatch, capsys, code):
    def run(command, **_options):
        report = next(word.partition("=")[2] for word in command if word.startswith("--junitxml="))
        Path(report).write_text(REPORT)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(gpu_checks.subprocess, "run", run)
    assert main() == code
    assert json.loads(capsys.readouterr().out)["passed"] == 1


def test_tests_that_did_not_start_have_no_counts(monkeypatch, capsys):
    monkeypatch.setattr(gpu_checks.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 4))
    assert main() == 1
    assert json.loads(capsys.readouterr().out) == {"passed": 0, "failed": 0, "skipped": 0, "exit_code": 4}
