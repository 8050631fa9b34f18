"""Of what could not be read the first is told, with its reason."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.quarantine import first_failure
from pipeline.storage import Folder


@pytest.mark.parametrize(
    "detail, raw, told",
    [
        ("no gzip member", b"noise", ": first c4/a.gz#0: not_gzip, no gzip member"),
        ("", None, ": first c4/a.gz#0: not_gzip"),
        ("", b" <!DOCTYPE HTML>", ": first c4/a.gz#0: not_gzip; it begins as a web page does: fetch it again"),
    ],
)
def test_the_first_failure_is_told_and_a_web_page_is_known(tmp_path, detail, raw, told):
    (tmp_path / "quarantine/clean/c4").mkdir(parents=True)
    row = {"origin": "c4/a.gz#0", "reason": "not_gzip", "detail": detail, "raw": raw}
    pq.write_table(pa.Table.from_pylist([row, row | {"reason": "other"}]), tmp_path / "quarantine/clean/c4/a.parquet")
    assert first_failure(Folder(str(tmp_path)), "clean/c4") == told


def test_where_nothing_failed_nothing_is_told(tmp_path):
    assert first_failure(Folder(str(tmp_path)), "clean/c4") == ""
