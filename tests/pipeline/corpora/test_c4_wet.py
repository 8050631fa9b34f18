"""WET files as C4's raw pages: by records, and by lines as C4's own code reads them."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import c4_wet, gzip_members
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.source_sections import C4

HEADER = "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2019-04-20T10:00:00Z\r\n"
INFO = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 13\r\n\r\nformat: WARC 1\r\n\r\n".replace(b": 13", b": 14")
PAGE = "A title\nFirst line.\n\n  Second line.\t\n"


def record(body=PAGE, url="http://a.com", ends="\r\n\r\n"):
    body = body if isinstance(body, bytes) else body.encode()
    opening = HEADER.format(url=url) + f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    return opening.encode() + body + ends.encode()


def read(content, mode="faithful", name="commoncrawl/x.wet", **settings):
    return list(c4_wet.read(RawFile.of_bytes(name, content), C4(form="wet", mode=mode, **settings)))


def outcomes(*arguments, **settings):
    """A page's address and text, a bad record's reason."""
    found = read(*arguments, **settings)
    return [item.reason if isinstance(item, BadRecord) else (item.url, item.text) for item in found]


TEXT = "A title\nFirst line.\nSecond line."


@pytest.mark.parametrize("mode", ["faithful", "intended"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_page_has_its_title_line_and_no_blank_one(mode, pack):
    (page,) = read(pack(record()), mode)
    assert (page.url, page.date, page.title, page.text) == ("http://a.com", "2019-04-20T10:00:00Z", None, TEXT)


def test_the_record_about_the_file_is_a_page_without_an_address_to_faithful_eyes():
    assert outcomes(INFO + record(), "faithful") == [(None, "format: WARC 1"), ("http://a.com", TEXT)]
    assert outcomes(INFO + record(), "intended") == [("http://a.com", TEXT)]


@pytest.mark.parametrize(
    "body, faithful",
    [
        ("WARCRAFT is a game.\nA line.", "A line."),  # Lines that begin like a header's are taken out of bodies.
        ("CONTENT- and Content-ment.\nContent-ment.\nA line.", "A line."),
        ("content-ment\nA line.", "content-ment\nA line."),
    ],
)
def test_lines_that_look_like_a_header_are_lost_to_faithful_eyes(body, faithful):
    assert outcomes(record(body), "faithful") == [("http://a.com", faithful)]
    assert outcomes(record(body), "intended") == [("http://a.com", body)]


def test_an_address_in_a_body_is_the_page_s_to_faithful_eyes():
    body = "WARC-Target-URI: http://b.com\nWARC-Date: 2001\nA line."
    (page,) = read(record(body), "faithful")
    assert (page.url, page.date, page.text) == ("http://b.com", "2001", "A line.")
    (page,) = read(record(body), "intended")
    assert (page.url, page.date, page.text) == ("http://a.com", "2019-04-20T10:00:00Z", body)


def test_a_separator_in_a_body_splits_the_page_for_faithful_eyes():
    body = "One.\n WARC/1.0\u00a0\nTwo.\nnot WARC/1.0\nWARC/1.0 neither"
    assert outcomes(record(body), "faithful") == [("http://a.com", "One."), (None, "Two.\nnot WARC/1.0")]
    assert outcomes(record(body), "intended") == [("http://a.com", body.replace(" WARC/1.0\u00a0", "WARC/1.0"))]


def test_records_of_another_version_are_one_page_to_faithful_eyes():
    later = (record() + record("Other.", "http://b.com")).replace(b"WARC/1.0", b"WARC/1.1")
    assert outcomes(later, "faithful") == [("http://b.com", f"{TEXT}\nOther.")]
    assert outcomes(later, "intended") == [("http://a.com", TEXT), ("http://b.com", "Other.")]


@pytest.mark.parametrize("content", [b"", b"\r\n" + record(), b"junk\r\n" + record()])
def test_what_comes_before_the_first_separator_is_a_page_unless_nothing_does(content):
    (first, *rest) = outcomes(content)
    assert first == (None, "junk" if content[:1] == b"j" else "")
    assert rest == ([("http://a.com", TEXT)] if content else [])


@pytest.mark.parametrize("mode", ["faithful", "intended"])
def test_bytes_that_are_no_text_cost_their_page_and_not_the_run(mode):
    content = record() + record(b"Bad \xff byte.", "http://b.com") + record("Good.", "http://c.com")
    assert outcomes(content, mode) == [("http://a.com", TEXT), "invalid_utf8", ("http://c.com", "Good.")]


@pytest.mark.parametrize("mode", ["faithful", "intended"])
def test_damaged_gzip_costs_its_page_and_not_the_run(mode):
    members = [gzip.compress(record(url=f"http://{name}.com"), mtime=0) for name in "abc"]
    broken = members[1][:-8] + bytes(8)
    found = outcomes(members[0] + broken + members[2], mode)
    assert [item for item in found if item != "bad_crc"] == [("http://a.com", TEXT), ("http://c.com", TEXT)]
    assert "bad_crc" in found
    assert outcomes(members[0] + members[1][:-30], mode) == [("http://a.com", TEXT), "truncated_gzip"]


def test_a_page_that_is_too_large_is_left_out(monkeypatch):
    content = record() + record("x" * 600_000, "http://b.com") + record("Good.", "http://c.com")
    found = read(gzip.compress(content), max_record_bytes=300_000)
    assert [getattr(item, "reason", None) or item.url for item in found] == [
        "http://a.com",
        "record_too_large",
        "http://c.com",
    ]
    assert found[1].size > 600_000


def test_a_bomb_ends_the_file_soon():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    found = read(bomb + gzip.compress(record()), max_record_bytes=1 << 20)
    assert [getattr(item, "reason", None) or item.url for item in found] == ["record_too_large", "http://a.com"]


def test_a_file_of_bombs_is_left(monkeypatch):
    monkeypatch.setattr(gzip_members, "_WASTE_ROOM", 0)
    bombs = b"".join(gzip.compress(bytes(24 << 20)) for _ in range(3))
    assert outcomes(bombs + gzip.compress(record()), max_record_bytes=1 << 20) == ["record_too_large", "too_damaged"]


@pytest.mark.parametrize("gap", range(-10, 3))
@pytest.mark.parametrize("line", ["x\n", "y" * 79 + "\n"])
def test_a_separator_across_two_reads_is_seen(gap, line):
    opening = len(record("")) + len("99999")  # Of the length, which takes five more digits.
    room = (256 << 10) + gap - opening
    body = (line * (room // len(line) + 1))[: room - 1] + "\n"
    assert [url for url, _ in outcomes(record(body) + record())] == ["http://a.com", "http://a.com"]
    assert abs(len(record(body)) - (256 << 10) - gap) <= 1


def test_keys_are_places_and_each_is_given_once():
    found = read(INFO + record() + record(b"\xff") + record())
    assert [item.key for item in found] == sorted({item.key for item in found}, key=int)
    assert found[1].key == str(len(INFO) + len("WARC/1.0"))


@pytest.mark.parametrize("mode", ["faithful", "intended"])
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([record(), gzip.compress(record())])), max_size=4))
def test_any_bytes_at_all_are_read_or_given_a_reason(mode, pieces):
    for item in read(b"".join(pieces), mode, name="commoncrawl/x.wet.gz"):
        assert not isinstance(item, BadRecord) or item.reason in c4_wet.BAD_REASONS


LINES = st.sampled_from(
    ["WARC/1.0", " WARC/1.0 ", "WARC-Target-URI: http://a.com", "WARC-Date: 1", "WARCRAFT", "Text.", ""]
)


@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=20))
def test_any_lines_are_split_as_c4_splits_them(lines):
    content = "".join(map("".join, lines))
    pages, page, first = [], ("", "", []), True
    for line in map(str.strip, content.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        if line == "WARC/1.0":
            if not first:
                pages.append(page)
            page = ("", "", [])
        elif line.startswith("WARC-Target-URI:"):
            page = (line[16:].strip(), *page[1:])
        elif line.startswith("WARC-Date:"):
            page = (page[0], line[10:].strip(), page[2])
        elif line and not line.startswith("WARC"):
            page[2].append(line)
        first = False
    wanted = [(url or None, date or None, "\n".join(text)) for url, date, text in [*pages, page]]
    assert [(item.url, item.date, item.text) for item in read(content.encode())] == wanted
