"""The tests that need a GPU, as one JSON object: `python -m benchmarks.gpu_checks`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
# The pipeline's fixtures need all that the pipeline needs, and a machine with a GPU may have other versions of
# libraries, with warnings of their own.
_ARGUMENTS = ("-m", "gpu", "--confcutdir", "tests/trainer", "-W", "default", "-q", "-p", "no:cacheprovider")


def main() -> int:
    """Prints how many passed, failed and were skipped, and what failed; 1 where one failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *_ARGUMENTS, f"--junitxml={report}", "tests/trainer/gpu"]
        done = subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)
        found = counted(report.read_text()) if report.exists() else {"passed": 0, "failed": 0, "skipped": 0}
    print(json.dumps(found | {"exit_code": done.returncode}))
    return 0 if done.returncode == 0 else 1


def counted(report: str) -> dict[str, Any]:
    """Counts of a JUnit report, the names of what failed, and the reasons of what was skipped."""
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case.find("skipped") for case in cases if case.find("skipped") is not None]
    return {
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": len(failed),
        "skipped": len(skipped),
        "failures": sorted(f"{case.get('classname')}::{case.get('name')}" for case in failed),
        "reasons": sorted({why.get("message", "") for why in skipped if why is not None}),
    }


if __name__ == "__main__":
    sys.exit(main())
