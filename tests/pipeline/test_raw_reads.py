"""A disk that fails is told from bytes that are wrong."""

import errno
import io
import os
from dataclasses import replace

import pytest

from pipeline.corpora.registry import CORPORA
from pipeline.errors import PieceError
from pipeline.raw_reads import open_raw, refuse
from pipeline.section import SOURCES


class Failing(io.BytesIO):
    """Gives so many bytes, then the disk is broken."""

    def __init__(self, good):
        super().__init__(b"a" * 10_000_000)
        self.good = good

    def readinto(self, buffer):
        if self.tell() >= self.good:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(buffer)

    def read(self, *_):
        return self.readinto(bytearray(1))


@pytest.mark.parametrize("read", [lambda s: s.read(10), lambda s: s.read(), lambda s: s.read1(), lambda s: s.peek()])
def test_a_disk_that_fails_is_no_error_that_readers_take_for_damage(read):
    with open_raw("dumps/a.gz", lambda: Failing(0)) as stream, pytest.raises(PieceError) as raised:
        read(stream)
    assert str(raised.value).startswith("the disk or file system failed (input/output error) (dumps/a.gz): mend it")


def test_a_file_that_may_not_be_opened_is_one_line():
    def refuse():
        raise PermissionError(errno.EACCES, "Permission denied", "/dumps/a.gz")

    with pytest.raises(PieceError, match=r"^permission denied \(/dumps/a\.gz\): give this user access, then run"):
        open_raw("a.gz", refuse)


def test_a_sound_stream_reads_and_seeks_as_any_other(tmp_path):
    content = bytes(range(256)) * 4000
    (tmp_path / "a").write_bytes(content)
    with open_raw("a", (tmp_path / "a").open("rb").__enter__) as stream:
        assert (stream.read(3), stream.tell(), stream.seek(-2, io.SEEK_END)) == (content[:3], 3, len(content) - 2)
        assert stream.read() == content[-2:]
        assert (stream.seek(5), stream.read()) == (5, content[5:])
        assert stream.fileno() > 2
    assert stream.closed
    assert stream.raw._stream.closed


class Breaking(io.BytesIO):
    """A file of which the second half is on a bad disk."""

    def readinto(self, buffer):
        if self.tell() >= len(self.getbuffer()) // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(buffer)[: len(self.getbuffer()) // 2 - self.tell()])

    def read(self, *_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("source", SOURCES)
def test_no_reader_takes_a_bad_disk_for_a_damaged_file(small_run, source):
    run = small_run.run()
    tried = 0
    for unit in run.units(source):
        file = run.inputs.file(unit.input, unit.part, unit.parts)
        if file.git_folder is not None or "broken" in unit.name:
            continue  # Git's objects are files of their own; what is broken is so before the second half.
        with file.open() as stream:
            content = stream.read()
        broken = replace(file, opener=lambda content=content: open_raw("x", lambda: Breaking(content)))
        with pytest.raises(PieceError, match=r"^the disk or file system failed"):
            list(CORPORA[source].read(broken, getattr(run.recipe, source)))
        tried += 1
    assert tried


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), MemoryError()])
def test_what_the_system_refuses_a_library_is_told_apart_too(error):
    with pytest.raises(PieceError, match=r"^repo\.git: (permission denied|out of memory)"):
        refuse(error, "repo.git")


@pytest.mark.parametrize("error", [ValueError("bad"), OSError("bad"), FileNotFoundError(errno.ENOENT, "gone")])
def test_what_a_library_says_of_damage_is_left_to_the_reader(error):
    refuse(error, "repo.git")
