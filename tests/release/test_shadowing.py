"""A package of another project that hides one of the installed ones is named in one line, and nothing is done."""

import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from release import PROJECT

REINSTALL = "pip install --force-reinstall --no-deps tokenmill"


def said(environment, command="tokenmill", cwd=None, **variables):
    """Exit code and standard error of an installed command, or of `python -m tokenmill`."""
    words = [environment / "bin/python", "-m", "tokenmill"] if command == "-m" else [environment / "bin" / command]
    done = subprocess.run([*words, "doctor"], cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def packages(environment):
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def test_a_later_distribution_that_wrote_over_ours_is_named(environment, foreign_wheel, install):
    install(environment, foreign_wheel)
    told = (
        2,
        f"error: Tokenmill's package filters is overwritten in {packages(environment)}/filters by the "
        f"distribution sieve 1.2: pip uninstall sieve, then {REINSTALL}\n",
    )
    assert {said(environment, name) for name in PROJECT["project"]["scripts"]} == {told}


def test_after_the_other_is_gone_ours_is_to_be_installed_anew(environment, foreign_wheel, install, uninstall):
    install(environment, foreign_wheel)
    uninstall(environment, "sieve")
    where = packages(environment) / "filters"
    assert said(environment) == (2, f"error: Tokenmill's package filters is overwritten in {where}: {REINSTALL}\n")


def test_a_distribution_in_a_folder_ahead_is_named(environment, foreign_wheel, tmp_path):
    target = tmp_path / "ahead"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(foreign_wheel)], check=True)
    assert said(environment, PYTHONPATH=str(target)) == (
        2,
        f"error: Tokenmill's package filters is hidden by {target}/filters, of the distribution sieve 1.2: "
        "pip uninstall sieve, or install tokenmill into an environment of its own\n",
    )


def test_a_foreign_command_line_is_told_too(environment, tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text("")
    code, line = said(environment, PYTHONPATH=str(tmp_path))
    assert (code, line.partition(",")[0]) == (
        2,
        f"error: Tokenmill's package pipeline is hidden by {tmp_path}/pipeline",
    )


def test_a_folder_one_stands_in_hides_only_where_python_looks_there(environment, tmp_path):
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer/__init__.py").write_text("raise SystemExit('foreign')")
    assert said(environment, "-m", cwd=tmp_path)[0] == 2
    code, line = said(environment, cwd=tmp_path)
    assert (code, "No module named" in line) == (1, True)  # Its own packages were found; click is not installed there.


def test_a_package_that_is_missing_is_named(environment):
    shutil.rmtree(packages(environment) / "trainer")
    assert said(environment) == (2, f"error: Tokenmill's package trainer is missing: {REINSTALL}\n")
