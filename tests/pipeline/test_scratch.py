"""Where embedded workers keep what is gone when the run ends."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.scratch import scratch_on_this_machine, scratch_path
from pipeline.storage import Folder


def test_scratch_lies_with_a_local_output(tmp_path):
    assert scratch_path(Folder(str(tmp_path))) == tmp_path / "logs/work/embedded"


def test_scratch_of_a_remote_output_lies_here_at_an_address_of_its_own():
    first, second = (scratch_path(Folder(f"memory://{name}")) for name in ("a", "b"))
    assert first != second
    assert first == scratch_path(Folder("memory://a"))
    assert str(first).startswith(tempfile.gettempdir())


def test_the_folder_is_gone_when_the_block_ends(tmp_path):
    with scratch_on_this_machine(tmp_path / "a") as folder:
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_gone_after_an_error_too(tmp_path):
    with pytest.raises(ValueError), scratch_on_this_machine(tmp_path / "a") as folder:
        (folder / "file").write_text("x")
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_another_ones_folder_stays(tmp_path):
    with scratch_on_this_machine(tmp_path) as first:
        with scratch_on_this_machine(tmp_path):
            pass
        assert first.is_dir()


PROGRAM = """
import os, subprocess, sys, tempfile
from pathlib import Path
from pipeline.scratch import temporary_files_below

for _ in range(2):
    with temporary_files_below(Path(sys.argv[1])):
        print(tempfile.mkdtemp())
        print(subprocess.run(["mktemp"], capture_output=True, text=True).stdout.strip())
print(len(list(Path(sys.argv[1]).iterdir())), tempfile.gettempdir(), os.environ.get("TMPDIR"))
"""


def test_temporary_files_of_engines_are_gone_when_the_process_ends(tmp_path):
    scratch, elsewhere = tmp_path / "scratch", tmp_path / "elsewhere"
    elsewhere.mkdir()
    told = os.environ | {"TMPDIR": str(elsewhere)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(scratch)], capture_output=True, text=True, check=True, env=told
    )
    *made, left = done.stdout.splitlines()
    assert len(made) == 4
    assert all(Path(name).parent.parent == scratch for name in made)
    assert left == f"1 {elsewhere} {elsewhere}"
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    assert not any(elsewhere.iterdir())


def test_processes_can_be_forked_where_the_folders_path_is_too_long_for_a_socket(tmp_path):
    program = (
        "import multiprocessing, sys\n"
        "from pathlib import Path\n"
        "from pipeline.scratch import temporary_files_below\n"
        "if __name__ == '__main__':\n"
        "    with temporary_files_below(Path(sys.argv[1])):\n"
        "        process = multiprocessing.get_context('forkserver').Process(target=print, args=('forked',))\n"
        "        process.start()\n"
        "        process.join()\n"
    )
    (tmp_path / "program.py").write_text(program)
    told = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / ("long" * 30))],
        capture_output=True,
        text=True,
        check=False,
        env=told,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("forked\n", "", 0)
