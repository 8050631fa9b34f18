"""Examples are looked for in a bounded part of a folder."""

import pyarrow as pa
import pytest

from pipeline import report_rows
from pipeline.report_rows import row_groups
from pipeline.storage import Folder, ParquetSink


@pytest.fixture
def output(tmp_path):
    """Two files of two row groups each, and one of another kind."""
    (tmp_path / "found").mkdir()
    (tmp_path / "found/c.txt").write_text("")
    for name in "ab":
        sink = ParquetSink(tmp_path / f"found/{name}.parquet", pa.schema([("x", pa.string()), ("y", pa.string())]))
        for group in "12":
            sink.write(pa.RecordBatch.from_pydict({"x": [name + group] * 3, "y": ["", "", ""]}))
        sink.close()
    return Folder(str(tmp_path))


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 9])
def test_the_first_row_groups_are_read_by_name_of_their_files(output, monkeypatch, most):
    monkeypatch.setattr(report_rows, "EXAMINED", most)
    found = list(row_groups(output, "found", ("x",)))
    assert [(name, group) for name, group, _ in found] == [
        (f"found/{name}.parquet", group) for name in "ab" for group in (0, 1)
    ][:most]
    assert [table.to_pydict() for *_, table in found] == [{"x": [v] * 3} for v in ("a1", "a2", "b1", "b2")][:most]


def test_where_there_is_no_folder_there_is_nothing(output):
    assert list(row_groups(output, "lost", ("x",))) == []
