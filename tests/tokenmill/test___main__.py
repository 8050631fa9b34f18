"""`python -m tokenmill` is the command, and a folder of one's own that hides a package is told there too."""

import subprocess
import sys


def said(home, folder):
    command = [sys.executable, "-S", "-m", "tokenmill", "verb"]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(home)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr.partition(",")[0]


def test_the_package_is_the_command(home, tmp_path):
    assert said(home, tmp_path) == (3, "pipeline verb\n", "")


def test_a_package_in_the_folder_one_stands_in_is_told(home, foreign, tmp_path):
    foreign.package(tmp_path, "filters")
    assert said(home, tmp_path) == (2, "", f"error: Tokenmill's package filters is hidden by {tmp_path}/filters")
