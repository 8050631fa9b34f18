import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpora import code_tables, source_archives
from pipeline.corpora.code_tables import BAD_ROW_REASONS, CodeRow, rows
from pipeline.corpora.corpus import RawFile

ROW = {"repo_name": "a/b", "path": "x.py", "license": "mit", "content": "x = 1\n"}
READ = ("a/b", "x.py", ("mit",), "x = 1\n")


def json_lines(*values: object) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in values)


def parquet(values: list[dict], **options: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(values), stream, **options)
    return stream.getvalue()


def found(content: bytes, name: str = "a.jsonl", max_row_bytes: int = 1 << 20) -> list:
    return list(rows(RawFile.of_bytes(name, content), max_row_bytes))


def values(record: CodeRow) -> tuple:
    return (record.repository, record.path, record.licenses, record.content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", json_lines(ROW)),
        ("a.json", json_lines(ROW).rstrip()),
        ("a.jsonl.gz", gzip.compress(json_lines(ROW))),
        ("a.json.gz", gzip.compress(json_lines(ROW)[:20]) + gzip.compress(json_lines(ROW)[20:])),
        ("a.parquet", parquet([ROW])),
        ("a.parquet", parquet([ROW], compression="zstd", use_dictionary=False)),
    ],
)
def test_each_form_of_export_is_read(name, content):
    assert [values(record) for record in found(content, name)] == [READ]


@pytest.mark.parametrize(
    "names",
    [
        ("repo_name", "path", "license", "content"),
        ("repository_name", "file_path", "licenses", "text"),
        ("max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_licenses", "content"),
        ("repo", "path", "license_key", "code"),
    ],
)
@pytest.mark.parametrize("form", ["a.jsonl", "a.parquet"])
def test_columns_go_by_their_common_names(names, form):
    row = dict(zip(names, ROW.values(), strict=True)) | {"size": 5, "other": None}
    content = json_lines(row) if form == "a.jsonl" else parquet([row])
    assert [values(record) for record in found(content, form)] == [READ]


@pytest.mark.parametrize(
    ("license", "licenses"),
    [("mit", ("mit",)), (None, ()), (["mit", "isc"], ("mit", "isc")), ([], ()), ([None, "mit"], ("mit",)), (7, ())],
)
def test_a_row_may_have_any_number_of_licences(license, licenses):
    assert found(json_lines(ROW | {"license": license}))[0].licenses == licenses


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_link_is_told_by_its_target(name):
    links = [ROW | {"symlink_target": target} for target in (None, "", "../y.py")]
    content = parquet(links) if name == "a.parquet" else json_lines(*links)
    assert [record.is_link for record in found(content, name)] == [False, False, True]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_content_left_out_is_none(name):
    row = ROW | {"content": None}
    records = found(json_lines(row) if name == "a.jsonl" else parquet([ROW, row]), name)
    assert records[-1].content is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "malformed_row"),
        (b"[" * 100_000, "malformed_row"),
        (b"\xff\xfe", "malformed_row"),
        (b'{"path": ' + b"9" * 5000 + b', "content": "x"}', "malformed_row"),
        (b'{"path": 7, "content": "x"}', "malformed_row"),
        (b'{"path": "x", "content": 7}', "malformed_row"),
        (b"[1]", "malformed_row"),
        (b'{"path": "x"}', "missing_column"),
        (b'{"content": "x"}', "missing_column"),
    ],
)
def test_a_bad_line_is_told_and_the_next_is_read(line, reason):
    bad, good = found(json_lines(line, ROW))
    assert (bad.key, bad.reason) == ("line-0", reason)
    assert (good.key, values(good)) == ("line-1", READ)
    assert reason in BAD_ROW_REASONS


def test_blank_lines_are_no_rows():
    assert [record.key for record in found(b"\n\n" + json_lines(ROW) + b"  \n")] == ["line-2"]


def test_a_line_without_end_is_refused_in_little_memory():
    long = b'{"content": "' + b"x" * 3_000_000 + b'"}'
    bad, good = found(json_lines(long, ROW), max_row_bytes=100_000)
    assert (bad.reason, bad.size, len(bad.raw)) == ("row_too_large", len(long), 4096)
    assert values(good) == READ


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl.gz", gzip.compress(json_lines(ROW))[:-4], "truncated_file"),
        ("a.jsonl.gz", gzip.compress(json_lines(ROW))[:-8] + b"\0" * 8, "broken_file"),
        ("a.jsonl.gz", b"\x1f\x8b" + b"x" * 99, "broken_file"),
        ("a.parquet", b"", "broken_file"),
        ("a.parquet", b"PAR1" * 99, "broken_file"),
        ("a.parquet", parquet([ROW])[:-9], "broken_file"),
        ("a.parquet", parquet([{"id": 1}]), "missing_column"),
    ],
)
def test_a_broken_file_is_one_bad_record(name, content, reason):
    records = found(content, name)
    assert [record.reason for record in records if not isinstance(record, CodeRow)] == [reason]


def test_a_bomb_of_lines_is_refused(monkeypatch):
    monkeypatch.setattr(source_archives, "FREE_BYTES", 1 << 16)
    (bad,) = found(gzip.compress(b" " * (1 << 21)), "a.jsonl.gz")
    assert bad.reason == "expands_too_much"


def test_a_row_group_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(code_tables, "MAX_ROW_GROUP_BYTES", 100)
    (bad,) = found(parquet([ROW]), "a.parquet")
    assert (bad.key, bad.reason) == ("row-group-0", "expands_too_much")


@pytest.mark.parametrize(("less", "count"), [(0, 2), (1, 0)])
def test_a_row_group_is_read_up_to_the_bound(monkeypatch, less, count):
    content = parquet([ROW] * 2)
    size = pq.read_metadata(io.BytesIO(content)).row_group(0).total_byte_size
    monkeypatch.setattr(code_tables, "MAX_ROW_GROUP_BYTES", size - less)
    assert sum(isinstance(record, CodeRow) for record in found(content, "a.parquet")) == count


def test_one_large_text_repeated_stays_one_text_in_memory():
    content = parquet([ROW | {"content": "x" * 1_000_000}] * 500)
    before = pa.total_allocated_bytes()
    for record in rows(RawFile.of_bytes("a.parquet", content), 1 << 20):
        assert len(record.content) == 1_000_000
        assert pa.total_allocated_bytes() - before < 50_000_000


def test_rows_are_numbered_through_the_file():
    records = found(parquet([ROW] * 200, row_group_size=70), "a.parquet")
    assert [record.key for record in records] == [f"row-{number}" for number in range(200)]
