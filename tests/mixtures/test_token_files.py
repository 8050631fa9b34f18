"""Files of ids are one line of tokens, wherever one ends and the next begins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.byte_ranges import LocalFiles
from mixtures.token_files import TokenFiles, as_bytes

U2 = np.dtype("<u2")


def line_of(folder, *parts, dtype=U2):
    for number, part in enumerate(parts):
        np.array(part, dtype).tofile(folder / f"{number}.bin")
    return TokenFiles(LocalFiles(folder), [(f"{n}.bin", len(part)) for n, part in enumerate(parts)], dtype)


def rows_of(line, starts, count, rows=None):
    found = np.zeros((len(starts), count), line.dtype)
    rows = np.arange(len(starts)) if rows is None else np.array(rows)
    line.files.read(line.ranges(np.array(starts, np.int64), count, rows, as_bytes(found)))
    return found.tolist()


def test_token_files_are_one_run_of_tokens(tmp_path):
    line = line_of(tmp_path, [1, 2, 3], [4], [5, 6])
    assert line.tokens == 6
    assert [line.read(0, count).tolist() for count in (0, 3, 6)] == [[], [1, 2, 3], [1, 2, 3, 4, 5, 6]]
    assert [line.read(2, count).tolist() for count in (1, 2, 3)] == [[3], [3, 4], [3, 4, 5]]
    assert [line.read(start, 1).tolist() for start in (3, 4, 5)] == [[4], [5], [6]]


def test_ids_of_four_bytes_are_read_as_such(tmp_path):
    assert line_of(tmp_path, [70_000, 1], [2], dtype=np.dtype("<u4")).read(0, 3).tolist() == [70_000, 1, 2]


def test_each_run_goes_to_the_row_that_it_is_for(tmp_path):
    line = line_of(tmp_path, [1, 2, 3], [4], [5, 6])
    assert rows_of(line, [2, 0, 4], 2) == [[3, 4], [1, 2], [5, 6]]
    assert rows_of(line, [2, 0, 4], 2, rows=[1, 2, 0]) == [[5, 6], [3, 4], [1, 2]]
    assert rows_of(line, [], 2) == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.data())
def test_any_runs_are_a_part_of_the_whole(tmp_path_factory, sizes, data):
    whole = list(range(sum(sizes)))
    parts = [part.tolist() for part in np.split(np.array(whole), np.cumsum(sizes)[:-1])]
    line = line_of(tmp_path_factory.mktemp("line"), *parts)
    count = data.draw(st.integers(1, len(whole)))
    starts = data.draw(st.lists(st.integers(0, len(whole) - count), max_size=8))
    assert rows_of(line, starts, count) == [whole[start : start + count] for start in starts]


@pytest.mark.parametrize("start, count", [(-1, 1), (0, 4), (3, 1), (1, -1)])
def test_tokens_that_are_not_there_are_refused(tmp_path, start, count):
    with pytest.raises(ValueError, match=r"are not within 0 … 3"):
        line_of(tmp_path, [1, 2, 3]).read(start, count)


def test_a_source_without_files_has_no_tokens(tmp_path):
    line = line_of(tmp_path)
    assert (line.tokens, line.read(0, 0).tolist()) == (0, [])
    with pytest.raises(ValueError, match=r"are not within 0 … 0"):
        line.read(0, 1)


def test_a_file_of_another_size_is_refused_when_it_is_read_and_not_before(tmp_path):
    line = line_of(tmp_path, [1, 2, 3], [4], [5, 6])
    (tmp_path / "1.bin").write_bytes(b"four")
    assert line.read(0, 3).tolist() == [1, 2, 3]
    assert line.read(4, 2).tolist() == [5, 6]
    for start, count in ((3, 1), (2, 3)):  # In it, and across it.
        with pytest.raises(ValueError, match=r"1\.bin must have 2 bytes, has 4$"):
            line.read(start, count)


def test_a_file_that_is_missing_is_refused_when_it_is_read(tmp_path):
    line = line_of(tmp_path, [1, 2, 3], [4])
    (tmp_path / "1.bin").unlink()
    assert line.read(0, 3).tolist() == [1, 2, 3]
    with pytest.raises(FileNotFoundError, match=r"1\.bin"):
        line.read(3, 1)


def test_each_files_size_is_asked_for_once(tmp_path):
    line, asked = line_of(tmp_path, [1, 2, 3], [4], [5, 6]), []
    size = line.files.size
    line.files.size = lambda name: asked.append(name) or size(name)
    for start in (0, 1, 3, 2, 0):
        line.read(start, 2)
    assert asked == ["0.bin", "1.bin", "2.bin"]


def test_check_compares_all_sizes(tmp_path):
    line = line_of(tmp_path, [1, 2, 3], [4], [5, 6])
    line.check()
    (tmp_path / "2.bin").write_bytes(b"1")
    with pytest.raises(ValueError, match=r"2\.bin must have 4 bytes, has 1$"):
        line.check()
    (tmp_path / "1.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"1\.bin is missing$"):
        line.check()


def test_as_bytes_is_the_arrays_own_memory():
    ids = np.zeros((2, 3), U2)
    as_bytes(ids)[2:4] = b"\x07\x00"
    assert ids.tolist() == [[0, 7, 0], [0, 0, 0]]
    assert len(as_bytes(np.empty((0, 3), U2))) == 0
