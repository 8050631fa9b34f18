"""Where embedded workers keep what is gone when the run ends."""

import tempfile

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
