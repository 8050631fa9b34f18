import pytest

from pipeline.corpora.corpus import BadRecord
from pipeline.corpora.posts import BadRow, Row, RowSplitter, parse_row, read_row


def split(data: bytes, step: int, max_bytes: int = 1000):
    splitter = RowSplitter(max_bytes=max_bytes)
    found = [row for at in range(0, len(data), step) for row in splitter.feed(data[at : at + step])]
    return found + list(splitter.close()), splitter


DUMP = b'\xef\xbb\xbf<?xml version="1.0"?>\n<posts>\n  <row Id="1" />\n  <row Id="2" ></row><row\n Id="3"/>\n</posts>\n'


@pytest.mark.parametrize("step", [1, 2, 5, 7, 1000])
def test_rows_are_cut_out_wherever_the_stream_is_cut(step):
    rows, splitter = split(DUMP, step)
    assert [raw.split(b"\n")[0] for _, raw, _ in rows] == [b'<row Id="1" />', b'<row Id="2" ></row>', b"<row"]
    assert [DUMP[offset : offset + size] for offset, _, size in rows] == [raw for _, raw, _ in rows]
    assert splitter.opened
    assert splitter.tail.endswith(b"</posts>\n")


@pytest.mark.parametrize("step", [3, 64, 100_000])
def test_a_row_too_long_is_held_only_in_part_and_the_next_is_whole(step):
    long = b'<row Body="' + b"x" * 50_000 + b'" />\n'
    rows, _ = split(b"<posts>" + long + b'<row Id="2" /></posts>', step)
    assert [size for _, _, size in rows] == [len(long), len(b'<row Id="2" /></posts>')]
    assert [offset for offset, _, _ in rows] == [7, 7 + len(long)]


def test_memory_is_bounded_where_no_row_ever_comes():
    splitter = RowSplitter(max_bytes=1000)
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []
        assert len(splitter._held) <= 2000
    assert not splitter.opened


def test_memory_is_bounded_in_one_endless_row():
    splitter = RowSplitter(max_bytes=1000)
    list(splitter.feed(b"<row "))
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []
        assert len(splitter._held) <= 6000
    assert [size for _, _, size in splitter.close()] == [1_000_005]


def test_the_root_is_remembered_over_whatever_follows_it():
    _, splitter = split(b"<posts>" + b"x" * 50_000, 100)
    assert splitter.opened
    _, unopened = split(b"x" * 50_000, 100)
    assert not unopened.opened


def row(attributes: str) -> bytes:
    return f"<row {attributes} />".encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"<row />",
        row('Id="1"'),
        row('PostTypeId="1"'),
        row('Id="x" PostTypeId="1"'),
        row('Id="1" PostTypeId="1" Score="1.5"'),
        row('Id="99999999999999999999" PostTypeId="1"'),
        row('Id="1" PostTypeId="1" Body="<p>"'),
        row('Id="1" PostTypeId="1" Body="&lol9;"'),
        row('Id="1" PostTypeId="1" Id="2"'),
        b'<row Id="1" PostTypeId="1"',
        b'<row Id="1" PostTypeId="1" Body="cut',
        b'<row Id="1" PostTypeId="1" Body="\xff" />',
        b"<row>",
    ],
)
def test_a_row_that_cannot_be_read_is_none(raw):
    assert parse_row(raw) is None


def test_a_row_has_every_field_of_the_post():
    numbers = 'Id="7" PostTypeId="2" ParentId="3" Score="-4"'
    found = parse_row(row(f'{numbers} Title="T" Body="B" CreationDate="2015-01-02" ContentLicense="CC BY-SA 4.0"'))
    expected = {"id": 7, "type": 2, "parent": 3, "score": -4, "title": "T", "body": "B"}
    assert found == Row(**expected, date="2015-01-02", license="CC BY-SA 4.0")
    assert parse_row(row('Id="7" PostTypeId="1"')) == Row(
        id=7, type=1, parent=0, score=0, title="", body="", date="", license=""
    )


@pytest.mark.parametrize("end", [b" />", b"/>", b" ></row>", b"></row>\n</posts>\n", b" />\n  ", b" />\n</posts>"])
def test_a_row_ends_in_any_of_the_ways_of_xml(end):
    found = parse_row(b'<row Id="4" PostTypeId="2" ParentId="1" Score="-3" Body="&lt;p&gt;a &amp;amp; b&#xA;"' + end)
    assert found is not None
    assert (found.id, found.type, found.parent, found.score, found.body) == (4, 2, 1, -3, "<p>a &amp; b\n")


@pytest.mark.parametrize("reference", ["&#x0;", "&#xB;", "&#x1f;", "&#11;", "&#xFFFE;", "&#xD800;"])
def test_a_forbidden_character_does_not_cost_the_row(reference):
    found = parse_row(row(f'Id="1" PostTypeId="1" Body="a{reference}b"'))
    assert found is not None
    assert found.body == "a b"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_splitter_may_begin_within_the_table(step):
    start = DUMP.index(b"d=")
    splitter = RowSplitter(max_bytes=1000, start=start)
    data = DUMP[start:]
    rows = [row for at in range(0, len(data), step) for row in splitter.feed(data[at : at + step])]
    assert splitter.row_start == DUMP.index(b"<row\n")
    assert [DUMP[at : at + size] for at, _, size in rows] == [raw for _, raw, _ in rows] == [b'<row Id="2" ></row>']


@pytest.mark.parametrize(
    ("raw", "size", "reason"),
    [
        (b'<row Id="1" PostTypeId="1" />', 30, None),
        (b'<row Id="1" PostTypeId="1" />', 31, "post_too_large"),
        (b'<row Id="1" />', 14, "malformed_row"),
        (b"<row " + b"x" * 9000, 20, "malformed_row"),
    ],
)
def test_a_row_is_a_post_or_bad(raw, size, reason):
    found = read_row(7, raw, size, 30)
    if reason is None:
        assert isinstance(found, Row)
    else:
        assert found == BadRow(start=7, reason=reason, raw=raw[:4096], size=size)
        assert found.record == BadRecord(key="byte-7", reason=reason, raw=raw[:4096], size=size)
