"""Pages of C4's files, and a reason for each line that is none."""

import gzip
import json
import random

import pytest

from filters.batch import document_batch
from pipeline.corpora import c4, gzip_members
from pipeline.corpora.c4 import BAD_REASONS, CORPUS
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.source_sections import C4

PAGE = {"text": "One.\nTwo.", "timestamp": "2019-04-25T12:57:54Z", "url": "https://example.org/"}


def line(**fields):
    return json.dumps(PAGE | fields).encode() + b"\n"


def read(content, name="c4-train.00000-of-01024.json.gz", **settings):
    packed = content if name.endswith(".json") or content[:2] == b"\x1f\x8b" else gzip.compress(content, mtime=0)
    return list(c4.read(RawFile.of_bytes(name, packed), C4(**settings)))


def outcomes(*arguments, **settings):
    """A page's text, a bad record's reason."""
    return [one.reason if isinstance(one, BadRecord) else one.text for one in read(*arguments, **settings)]


def test_a_page_has_text_url_and_date():
    (page,) = read(line())
    assert (page.text, page.url, page.date, page.key) == ("One.\nTwo.", PAGE["url"], PAGE["timestamp"], "line 0")


def test_a_date_under_its_other_name_is_read():
    (page,) = read(json.dumps({"text": "a", "url": "b", "date": "2019"}).encode())
    assert page.date == "2019"


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n \n", b"\r\n"])
def test_the_last_line_may_end_or_not_and_blank_ones_are_none(end):
    found = read(line(text="a") + b"\n" + line(text="b").strip() + end)
    assert [(page.key, page.text) for page in found] == [("line 0", "a"), ("line 2", "b")]


@pytest.mark.parametrize(
    "bad, reason",
    [
        (b'{"text": "cut\n', "bad_json"),
        (b"[]\n", "bad_json"),
        (b"null\n", "bad_json"),
        (b"[" * 200_000 + b"\n", "bad_json"),
        (b'{"text": ' + b"9" * 10_000 + b"}\n", "bad_json"),
        (b"{}\n", "missing_field"),
        (line(text=None), "missing_field"),
        (line(url=3), "missing_field"),
        (line(timestamp=[]), "missing_field"),
        (b'{"text": "\xe9"}\n', "invalid_utf8"),
        (line(text="\ud83d"), "invalid_utf8"),
        (line(url="\udc00"), "invalid_utf8"),
    ],
)
def test_a_bad_line_takes_no_other_with_it(bad, reason):
    assert outcomes(line(text="a") + bad + line(text="b")) == ["a", reason, "b"]


def test_the_largest_line_is_inclusive():
    size = len(line()) - 1
    assert outcomes(line() + line(text=PAGE["text"] + "x"), max_line_bytes=size) == [PAGE["text"], "line_too_large"]


def test_a_line_larger_than_a_piece_is_whole():
    assert outcomes(line(text="x" * 1_000_000) + line(text="b")) == ["x" * 1_000_000, "b"]


def test_a_line_that_never_ends_is_left_out_with_its_size():
    big = line(text="x" * 1_500_000)
    first, bad, last = read(line(text="a") + big + line(text="b"), max_line_bytes=100_000)
    assert (first.text, bad.reason, bad.size, last.text) == ("a", "line_too_large", len(big) - 1, "b")


def test_a_bomb_is_left_before_it_is_unpacked():
    bomb, after = gzip.compress(b"x" * 50_000_000), gzip.compress(line(text="b"))
    bad, page = read(bomb + after, max_line_bytes=1000)
    assert (bad.reason, bad.size < 1_000_000, page.text) == ("line_too_large", True, "b")


def test_lines_too_large_are_counted_as_waste_until_the_file_is_left(monkeypatch):
    monkeypatch.setattr(gzip_members, "_WASTE_ROOM", 1 << 20)
    members = [gzip.compress(line(text="x" * 200_000)) for _ in range(50)]
    reasons = outcomes(b"".join(members), max_line_bytes=1000)
    assert reasons == ["line_too_large"] * (len(reasons) - 1) + ["too_damaged"]
    assert 5 < len(reasons) < 20


def test_a_truncated_file_gives_the_lines_before():
    chance = random.Random(0)
    texts = [chance.randbytes(3000).hex() for _ in range(100)]
    found = outcomes(gzip.compress(b"".join(line(text=text) for text in texts))[:-5000])
    assert found[-1] == "truncated_gzip"
    assert 50 < len(found) < 100
    assert found[:-1] == texts[: len(found) - 1]


def test_a_damaged_member_does_not_take_the_next_with_it():
    bad = bytearray(gzip.compress(line(text="a")))
    bad[-5] ^= 1
    assert outcomes(bytes(bad) + gzip.compress(line(text="b"))) == ["bad_crc", "b"]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_a_file_without_a_line_is_told(content):
    (bad,) = c4.read(RawFile.of_bytes("a.json.gz", content), C4())
    assert (bad.reason, bad.size) == ("no_records", len(content))


def test_a_file_that_is_no_gzip_is_told():
    (bad,) = c4.read(RawFile.of_bytes("a.json.gz", line()), C4())
    assert bad.reason == "not_gzip"


def test_a_plain_file_is_read():
    assert outcomes(line(), "a.json") == [PAGE["text"]]


def test_the_clean_stage_rejects_empty_pages():
    (rule,) = CORPUS.filters(C4())
    batch = document_batch([{"doc_id": "0", "source": "c4", "origin": "", "text": text} for text in ("", "a")])
    assert rule.apply(batch).reason.to_pylist() == ["empty_text", None]


@pytest.mark.parametrize("seed", range(10))
def test_random_bytes_give_reasons(seed):
    chance = random.Random(seed)
    found = outcomes(chance.randbytes(chance.randrange(1, 10_000)), chance.choice(["a.json", "a.json.gz"]))
    assert set(found) <= set(BAD_REASONS)


@pytest.mark.real
def test_published_pages_are_read(real_data):
    paths = sorted((real_data / "commoncrawl/genuine/c4-olmo").glob("*.json.gz"))
    found = [page for path in paths for page in read(path.read_bytes())]
    assert [bool(page.text and page.url and page.date) for page in found] == [True] * 20
