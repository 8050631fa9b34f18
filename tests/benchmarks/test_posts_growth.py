import dataclasses
import os

import pytest

from benchmarks import posts_growth
from benchmarks.posts_growth import POSTS, clean, grown_run, real_rows, timed_clean, write_table
from pipeline.corpora.posts import RowSplitter, parse_row

ROWS = [
    b'<row Id="1" PostTypeId="1" AcceptedAnswerId="9" Title="Id=&quot;1&quot;" Body="b" />\n',
    b'  <row Id="3" PostTypeId="2" ParentId="1" Score="-3" Body="a" />',
]


def posts_of(path):
    """All posts of a table, and whether the table is whole."""
    splitter = RowSplitter(max_bytes=1 << 20)
    rows = [*splitter.feed(path.read_bytes()), *splitter.close()]
    return [parse_row(raw) for _, raw, _ in rows], splitter.opened and splitter.tail.endswith(b"</posts>\n")


def test_rows_are_written_again_with_new_ids_and_else_as_they_are(tmp_path):
    size = write_table(tmp_path / "a/Posts.xml", ROWS, 560)
    posts, is_whole = posts_of(tmp_path / "a/Posts.xml")
    assert [(post.id, post.parent) for post in posts[:4]] == [(1, 0), (3, 1), (5, 0), (7, 5)]
    assert {(post.title, post.score, post.body) for post in posts} == {('Id="1"', 0, "b"), ("", -3, "a")}
    assert is_whole
    assert 560 <= size == (tmp_path / "a/Posts.xml").stat().st_size < 700


def test_rows_of_several_sites_have_ids_of_their_own(inputs):
    posts = [parse_row(row.strip()) for row in real_rows(inputs, 5)]
    assert len(posts) > 20
    assert len({post.id for post in posts}) == len(posts)


@pytest.fixture
def written(inputs, tmp_path):
    return dataclasses.replace(inputs, work=tmp_path)


def test_a_table_is_cleaned_in_one_part_or_in_several(written, monkeypatch):
    kept = {}
    for size in (1, 4):
        POSTS.write(written, size)
        (folder,) = POSTS.arguments(written, size)
        table = (folder / posts_growth.TABLE).stat().st_size
        run = grown_run(folder, table if size == 1 else table // 3)
        clean(run)
        entries = [run.output.read_json(name) for name in run.output.glob("ledger/clean/stackexchange/*")]
        kept[size] = (len(entries), sum(entry["documents_kept"] for entry in entries))
    assert (kept[1][0], kept[4][0]) == (1, 4)
    assert 3.8 * kept[1][1] < kept[4][1] < 4.2 * kept[1][1]


def test_a_table_is_cleaned_anew_each_time(tmp_path):
    write_table(tmp_path / posts_growth.TABLE, ROWS, 2000)
    for _ in range(2):
        found = timed_clean(tmp_path)
        assert found["seconds"] > 0
        assert found["peak_bytes"] > 50e6


def test_the_command_is_watched(inputs, tmp_path, monkeypatch):
    monkeypatch.delenv("TOKENMILL_REAL_DATA", raising=False)
    monkeypatch.setattr(posts_growth, "opened", lambda: _Opened(inputs))
    found = posts_growth.measured_command(tmp_path, 30_000, 1, 10_000)
    assert 30_000 <= found["bytes"] < 40_000
    assert found["peak_mb"] > 50
    assert len(list((tmp_path / "out/documents/clean/stackexchange").iterdir())) >= 3


class _Opened:
    """Inputs that are open already."""

    def __init__(self, inputs):
        self._inputs = inputs

    def __enter__(self):
        return self._inputs

    def __exit__(self, *_):
        pass


def test_a_process_that_is_gone_held_nothing():
    assert posts_growth._peak_of(2**30) == 0
    assert posts_growth._peak_of(os.getpid()) > 10e6
