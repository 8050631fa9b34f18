"""Pages of WET files of both layouts, and a reason for whatever is no page."""

import gzip
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.batch import document_batch
from pipeline.corpora import commoncrawl
from pipeline.corpora.commoncrawl import BAD_REASONS, CORPUS, ccnet_lines, page_lines
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile
from pipeline.source_sections import CommonCrawl

BEFORE = """WARC/1.0
WARC-Type: conversion
WARC-Target-URI: http://example.org/a b
WARC-Date: 2019-02-15T19:00:00Z
WARC-Record-ID: <urn:uuid:1>
WARC-Refers-To: <urn:uuid:2>
WARC-Block-Digest: sha1:ABC
Content-Type: text/plain
"""
AFTER = BEFORE.replace("Content-Type", "WARC-Identified-Content-Language: eng,fra\nContent-Type")
INFO = "WARC/1.0\nWARC-Type: warcinfo\nWARC-Date: 2019-03-01T00:00:00Z\n"
PAGE = "A title\nFirst line.\n\n  Second line.\t\nThird.\n"


def record(body, header=BEFORE):
    body = body if isinstance(body, bytes) else body.encode()
    return f"{header}Content-Length: {len(body)}\n\n".replace("\n", "\r\n").encode() + body + b"\r\n\r\n"


def read(content, name="commoncrawl/x.wet", **settings):
    return list(commoncrawl.read(RawFile.of_bytes(name, content), CommonCrawl(**settings)))


@pytest.mark.parametrize("header", [BEFORE, AFTER, AFTER.upper().replace("EXAMPLE.ORG/A B", "example.org/a b")])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_both_header_layouts_give_the_page(header, pack):
    (page,) = read(pack(record(PAGE, header)))
    assert (page.title, page.text) == ("A title", "First line.\n\nSecond line.\nThird.")
    assert (page.url.lower(), page.date, page.key) == ("http://example.org/a b", "2019-02-15T19:00:00Z", "0")


def test_the_title_line_may_stay_in_the_text():
    (page,) = read(record(PAGE), title_line="text")
    assert (page.title, page.text) == ("A title", "A title\nFirst line.\n\nSecond line.\nThird.")


@pytest.mark.parametrize(
    "body, lines",
    [
        ("", []),
        ("\n", []),
        ("\n \n\t\n", []),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\nb\n\n\n\n", ["a", "b"]),
        ("\na", ["", "a"]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("\u3000a\xa0\n\n  b", ["a", "", "b"]),
        ("a\u2028b\x0bc\x85d", ["a\u2028b\x0bc\x85d"]),
    ],
)
def test_lines_of_a_page_are_stripped_and_blank_ones_at_its_end_go(body, lines):
    assert page_lines(body) == lines


@pytest.mark.parametrize(
    "content, lines",
    [
        ("", []),
        ("\n\n", [""]),
        ("\n\n\n", [""]),
        ("title", ["title"]),
        ("title\r\n\r\n", ["title", ""]),
        ("title\n\r\n\r\n", ["title"]),
        ("title\n\n\r\n\r\n", ["title", ""]),
        ("title\na\n \n\t\n\r\n\r\n", ["title", "a", "", ""]),
        ("title\r\r\n\r\n", ["title"]),
        ("\xa0title\u2003\r a \n  b", ["title", "a", "b"]),
        ("title\n  ", ["title", ""]),
        ("\n\na\n", ["", "", "a"]),
        ("a\u2028b\x0bc\x85d\n", ["a\u2028b\x0bc\x85d"]),
    ],
)
def test_ccnet_takes_the_two_last_lines_away_where_both_are_blank(content, lines):
    assert ccnet_lines(content) == (lines, [])


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize(
    "body, text", [("T\na", "a\n"), ("T\na\n", "a"), ("T\na\n\n\n", "a\n\n"), ("T", ""), ("T\n", "")]
)
def test_a_faithful_page_ends_as_ccnet_s_does(body, text, line_end):
    (page,) = read(record(body.replace("\n", line_end)), mode="faithful")
    assert (page.title, page.text) == ("T", text)
    (intended,) = read(record(body))
    assert intended.text == text.rstrip("\n")


def pages_of_cc_net(content):
    """cc_net's way, line by line: what stands between two lines WARC/1.0 is a header, a blank line and a page."""
    lines = [line.strip() for line in io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")]
    starts = [index for index, line in enumerate(lines) if line == "WARC/1.0"]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        blank = lines.index("", start)
        header, body = lines[start:blank], lines[blank + 1 : end]
        last = -2 if not body[-1] and not body[-2] else None
        yield header[2].split()[1], body[0], "\n".join(body[1:last])


LINES = st.sampled_from(["", "a", "WARC/1.0x", " b ", "\u3000", "\x85c", "d\u2028e", "\x1c", "é"])
BODIES = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"])), max_size=6).map(
    lambda lines: "".join(line + end for line, end in lines)
)


@given(st.lists(st.tuples(BODIES, LINES), min_size=1, max_size=4), st.booleans())
def test_faithful_pages_are_those_of_cc_net_s_loop(bodies, packed):
    records = [record(body + rest) for body, rest in bodies]
    content = b"".join(map(gzip.compress, records)) if packed else b"".join(records)
    found = [(page.url, page.title or "", page.text) for page in read(content, mode="faithful")]
    assert found == list(pages_of_cc_net(b"".join(records)))


@pytest.mark.parametrize(
    "ending, reason", [(b"\n", "one_blank_line"), (b"\r\n", "one_blank_line"), (b"\n\n", None), (b"", None)]
)
def test_one_blank_line_alone_is_told_where_cc_net_dies_of_it(ending, reason):
    content = record(b"")[:-4] + ending + record(PAGE)
    first, second = read(content, mode="faithful")
    assert (getattr(first, "reason", None), second.title) == (reason, "A title")
    assert next(page.text for page in read(content)) == ""


def test_a_line_that_opens_a_record_ends_a_faithful_page_alone():
    body = "A title\nFirst.\n\n\n WARC/1.0\nWARC-Type: conversion\nrest"
    page, rest, after = read(record(body) + record(PAGE), mode="faithful")
    assert (page.text, after.title) == ("First.", "A title")
    assert (rest.reason, rest.key, rest.raw) == (
        "warc_line_in_body",
        "0/rest",
        b"WARC/1.0\nWARC-Type: conversion\nrest\n",
    )
    assert rest.size == len(rest.raw)
    (intended,) = read(record(body))
    assert intended.text.endswith("\nWARC/1.0\nWARC-Type: conversion\nrest")


def test_a_faithful_page_that_begins_with_such_a_line_is_no_page():
    (rest,) = read(record("WARC/1.0\nx"), mode="faithful")
    assert rest.reason == "warc_line_in_body"


@pytest.mark.parametrize(
    "url, faithful, intended",
    [
        ("http://example.org/a b", "http://example.org/a", "http://example.org/a b"),
        ("<http://example.org/>", "<http://example.org/>", "http://example.org/"),
        ("http://[foo/", "bad_url", "http://[foo/"),
        ("", "no_url", None),
    ],
)
def test_an_address_is_cut_at_its_first_blank_and_must_be_one_for_cc_net(url, faithful, intended):
    content = record(PAGE, BEFORE.replace("http://example.org/a b", url))
    (found,) = read(content, mode="faithful")
    assert (found.reason if isinstance(found, BadRecord) else found.url) == faithful
    assert read(content)[0].url == intended


@pytest.mark.parametrize("mode", ["intended", "faithful"])
@pytest.mark.parametrize("header", [BEFORE, AFTER])
def test_headers_are_read_by_name_in_both_modes(mode, header):
    (page,) = read(record(PAGE, header), mode=mode)
    assert (page.digest, page.date) == ("sha1:ABC", "2019-02-15T19:00:00Z")


def test_a_page_without_a_digest_is_a_page():
    (page,) = read(record(PAGE, BEFORE.replace("WARC-Block-Digest: sha1:ABC\n", "")))
    assert (page.digest, page.title) == (None, "A title")


def test_a_page_without_a_line_is_a_page_without_text():
    (page,) = read(record("\n"))
    assert (page.title, page.text) == (None, "")


def test_a_page_without_url_or_date_is_a_page():
    (page,) = read(record(PAGE, "WARC/1.0\nWARC-Type: Conversion\nWARC-Target-URI: <>\n"))
    assert (page.url, page.date, page.title) == (None, None, "A title")


@pytest.mark.parametrize(
    "name, info, dump",
    [
        ("crawl-data/CC-MAIN-2019-09/wet/CC-MAIN-20190215183319-00000.warc.wet.gz", "", "CC-MAIN-2019-09"),
        ("a.wet", "software: x\r\nisPartOf: CC-MAIN-2020-05\r\n", "CC-MAIN-2020-05"),
        ("CC-MAIN-2019-09/a.wet", "isPartOf: CC-MAIN-2020-05\r\n", "CC-MAIN-2019-09"),
        ("CC-MAIN-20140820021334-00006.warc.wet", "", None),
    ],
)
def test_the_dump_is_in_the_path_or_in_the_first_record(name, info, dump):
    (page,) = read(record(info, INFO) + record(PAGE), name)
    assert page.dump == dump


def test_an_upper_case_type_is_the_same_type():
    (page,) = read(record("", INFO.replace("warcinfo", "WARCINFO")) + record(PAGE))
    assert page.title == "A title"


@pytest.mark.parametrize("kind", ["response", "request", "metadata", "revisit", "", "x" * 100])
def test_a_record_of_another_type_is_told(kind):
    bad, good = read(record("<html>", f"WARC/1.0\nWARC-Type: {kind}\n") + record(PAGE))
    assert (bad.reason, bad.size, bad.raw, isinstance(good, RawDocument)) == ("not_conversion", 6, b"<html>", True)


@pytest.mark.parametrize("body", [b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"title\ntext \xf0\x9f"])
def test_a_page_that_is_no_utf8_is_told(body):
    bad, good = read(record(body) + record(PAGE))
    assert (bad.reason, bad.raw, good.title) == ("invalid_utf8", body, "A title")


@pytest.mark.parametrize("content", [b"", b"\r\n", gzip.compress(b""), record("", INFO)])
def test_a_file_without_a_page_is_told(content):
    (bad,) = read(content)
    assert (bad.reason, bad.size) == ("no_records", len(content))


def test_a_record_larger_than_the_bound_is_told():
    (bad,) = read(record(PAGE), max_record_bytes=10)
    assert bad.reason == "record_too_large"


def test_the_clean_stage_rejects_short_pages():
    (rule,) = CORPUS.filters(CommonCrawl(min_chars=3))
    batch = document_batch(
        [{"doc_id": "0", "source": "commoncrawl", "origin": "", "text": text} for text in ("ab", "abc")]
    )
    assert rule.apply(batch).reason.to_pylist() == ["too_few_chars", None]


@pytest.mark.parametrize("seed", range(10))
def test_random_bytes_give_reasons(seed):
    chance = random.Random(seed)
    found = read(chance.randbytes(chance.randrange(10_000)), chance.choice(["a.wet", "a.wet.gz"]))
    assert {one.reason for one in found if isinstance(one, BadRecord)} <= set(BAD_REASONS)
    assert found


@pytest.mark.real
def test_every_page_of_whole_files_is_read(real_data):
    for kind, pages in (("web", 541), ("docs", 10223)):
        files = sorted((real_data / "commoncrawl" / kind).glob("*.wet.gz"))
        found = [one for path in files for one in read(path.read_bytes(), path.name)]
        assert (len(found), sum(isinstance(one, BadRecord) for one in found)) == (pages, 0)


@pytest.mark.real
def test_every_odd_file_gives_pages_or_reasons(real_data):
    for path in sorted((real_data / "commoncrawl/genuine").rglob("*")):
        if path.is_file():
            found = read(path.read_bytes(), path.name)
            assert {one.reason for one in found if isinstance(one, BadRecord)} <= set(BAD_REASONS)
            assert found, path.name


@pytest.mark.real
@pytest.mark.parametrize(
    "name, pages",
    [
        ("whirlwind/whirlwind.warc.wet.gz", 1),
        ("whirlwind/whirlwind.warc.wet", 1),
        ("jeffharwell-wet/filter_test_1.wet.gz", 25),
    ],
)
def test_files_of_commoncrawl_itself_are_read(real_data, name, pages):
    found = read((real_data / "commoncrawl/genuine" / name).read_bytes(), name)
    assert [bool(page.url and page.title and page.text) for page in found] == [True] * pages
