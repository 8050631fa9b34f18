"""What every reader owes to a dump in each of its forms, whole, cut short, spoiled, or with something beside it.

It never raises; each thing in the file is a document or a bad record with a declared reason; nothing is lost without
one; and a second read gives the same documents under the same ids.
"""

import bz2
import functools
import gzip
import io
import json
import lzma
import random
import tarfile
import tracemalloc
from dataclasses import dataclass

import py7zr
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import tar_of, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, RawFile, document_batches
from pipeline.corpora.registry import CORPORA
from pipeline.recipe import Recipe


@dataclass(frozen=True)
class Form:
    """A file of a source. At `seams` it may be cut without a trace: both parts are whole files."""

    source: str
    name: str
    content: bytes
    seams: tuple[int, ...] = ()

    def read(self, content=None):
        file = RawFile.of_bytes(self.name, self.content if content is None else content)
        return list(CORPORA[self.source].read(file, getattr(Recipe(name="t"), self.source)))


def tar(files):
    """Without most of the zeros that end it."""
    held = sum(512 + len(content) + -len(content) % 512 for content in files.values())
    return tar_of(files, format=tarfile.USTAR_FORMAT)[: held + 1024]


def seven_zip(content):
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        archive.writestr(content, "Posts.xml")
    return stream.getvalue()


def parquet(rows):
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def wet(text):
    body = f"title\n{text}\n".encode()
    return b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n" % (len(body), body)


def lines(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def export(texts):
    revision = "<revision><timestamp>2022-06-01T00:00:00Z</timestamp><text>{}</text></revision>"
    pages = [f"<page><title>{i}</title><ns>0</ns><id>{i}</id>{revision.format(t)}</page>" for i, t in enumerate(texts)]
    return f'<?xml version="1.0" encoding="utf-8"?><mediawiki xml:lang="de">{"".join(pages)}</mediawiki>'.encode()


def posts(texts):
    rows = [f'<row Id="{i}" PostTypeId="1" CreationDate="2015-01-01" Body="{t}" />' for i, t in enumerate(texts)]
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', "<posts>", *rows, "</posts>"]).encode()


def paper(text):
    return gzip.compress(b"\\documentclass{a}\\begin{document}%s\\end{document}\n" % text.encode(), mtime=0)


def seams(records, line_ends):
    """Where records meet, or the line ends of one do."""
    ends = [sum(map(len, records[:count])) for count in range(1, len(records))]
    return tuple(end - missing for end in ends for missing in range(line_ends + 1))


TEXTS = [f"This is the text, not short, of the document {number}: é." for number in range(4)]
PAGES = [{"text": text, "timestamp": "2019", "url": "https://a.example/"} for text in TEXTS]
CODE = [{"repo_name": "a/b", "path": f"{n}.py", "license": "mit", "content": text} for n, text in enumerate(TEXTS)]
TREE = {f"a-1/{number}.py": text.encode() for number, text in enumerate(TEXTS)}
SUBMISSIONS = {f"2201/2201.0000{number}.gz": paper(text) for number, text in enumerate(TEXTS)}
RECORDS = [wet(text) for text in TEXTS]
MEMBERS = [gzip.compress(record, mtime=0) for record in RECORDS]
STREAMS = [export(TEXTS)[at : at + 200] for at in range(0, len(export(TEXTS)), 200)]
FORMS = {
    "wet": Form("commoncrawl", "a.wet", b"".join(RECORDS), seams(RECORDS, 5)),
    "wet.gz": Form("commoncrawl", "a.wet.gz", b"".join(MEMBERS), seams(MEMBERS, 0)),
    "c4": Form("c4", "a.json.gz", gzip.compress(lines(PAGES), mtime=0)),
    "jsonl": Form("github", "a.jsonl", lines(CODE), seams([lines([row]) for row in CODE], 1)),
    "jsonl.gz": Form("github", "a.jsonl.gz", gzip.compress(lines(CODE), mtime=0)),
    "parquet": Form("github", "a.parquet", parquet(CODE)),
    "tar": Form("github", "a-1.tar", tar(TREE)),
    "tar.gz": Form("github", "a-1.tar.gz", gzip.compress(tar(TREE), mtime=0)),
    "tar.bz2": Form("github", "a-1.tar.bz2", bz2.compress(tar(TREE))),
    "zip": Form("github", "a-1.zip", zip_of(TREE)),
    "xml": Form("wikipedia", "dewiki.xml", export(TEXTS)),
    "xml.bz2": Form("wikipedia", "dewiki.xml.bz2", b"".join(map(bz2.compress, STREAMS))),
    "xml.gz": Form("wikipedia", "dewiki.xml.gz", gzip.compress(export(TEXTS), mtime=0)),
    "xml.xz": Form("wikipedia", "dewiki.xml.xz", lzma.compress(export(TEXTS))),
    "books.zip": Form("books", "1.zip", zip_of({f"{n}.txt": text.encode() for n, text in enumerate(TEXTS)})),
    "arxiv": Form("arxiv", "arXiv_src_2201_001.tar", tar(SUBMISSIONS)),
    "posts": Form("stackexchange", "coffee/Posts.xml", posts(TEXTS)),
    "7z": Form("stackexchange", "coffee.stackexchange.com.7z", seven_zip(posts(TEXTS))),
}
CHECKED = ("wet.gz", "c4", "jsonl.gz", "tar.gz", "tar.bz2", "zip", "xml.bz2", "xml.gz", "xml.xz", "books.zip", "7z")
"""Forms that carry checksums over all their content."""
STREAMED = ("wet", "wet.gz", "c4", "jsonl", "jsonl.gz", "xml", "xml.bz2", "xml.gz", "xml.xz", "arxiv")
"""Forms whose records follow one another, so that the first can be had without the last."""

every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def told(form, records):
    """The reasons of bad records, after a look at whether each of them is fit for the quarantine."""
    bad = [record for record in records if isinstance(record, BadRecord)]
    assert {record.reason for record in bad} <= set(CORPORA[form.source].bad_reasons)
    assert all(
        len(record.raw) <= QUARANTINED_BYTES and record.size >= 0 and len(record.detail) < 1000 for record in bad
    )
    return [record.reason for record in bad]


def texts(records):
    return [record.text for record in records if not isinstance(record, BadRecord)]


@functools.cache
def whole(form):
    return frozenset(texts(form.read()))


def lost(form, records):
    """Whether a document of the whole file is missing from these records."""
    return not whole(form) <= set(texts(records))


@every_form
def test_a_whole_file_gives_all_its_documents_in_order_and_no_bad_record(form):
    records = form.read()
    assert told(form, records) == []
    assert [next(n for n, text in enumerate(TEXTS) if text in record.text) for record in records] == [0, 1, 2, 3]


@every_form
def test_each_document_has_a_key_and_an_id_of_its_own_that_a_second_read_gives_again(form):
    reads = [form.read() for _ in range(2)]
    assert reads[0] == reads[1]
    assert len({record.key for record in reads[0]}) == len(TEXTS)
    file = RawFile.of_bytes(form.name, b"")
    ids = [[x for b in document_batches(form.source, file, read) for x in b["doc_id"].to_pylist()] for read in reads]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(TEXTS)


@every_form
def test_a_file_cut_anywhere_but_at_a_seam_says_that_something_is_missing(form):
    step = max(1, len(form.content) // 200)
    for cut in range(4, len(form.content), step):  # Less is no magic number, but a text of three letters.
        records = form.read(form.content[:cut])
        assert told(form, records) or cut in form.seams or not lost(form, records), cut


@every_form
def test_a_file_that_lacks_its_beginning_says_so(form):
    step = max(1, len(form.content) // 100)
    for cut in range(1, len(form.content), step):
        records = form.read(form.content[cut:])
        end_mark = not form.content[cut:].strip(b"\0")
        assert told(form, records) or cut in form.seams or end_mark or not lost(form, records), cut


@every_form
def test_a_flipped_bit_raises_nothing_and_reads_twice_the_same(form):
    chance = random.Random(form.name)
    for at in range(0, len(form.content), max(1, len(form.content) // 150)):
        content = bytearray(form.content)
        content[at] ^= 1 << chance.randrange(8)
        records = form.read(bytes(content))
        told(form, records)
        assert form.read(bytes(content)) == records


@pytest.mark.parametrize("form", [FORMS[name] for name in CHECKED], ids=CHECKED)
def test_no_flipped_bit_changes_a_checked_text_without_a_word(form):
    chance = random.Random(form.name)
    for at in range(0, len(form.content), max(1, len(form.content) // 300)):
        content = bytearray(form.content)
        content[at] ^= 1 << chance.randrange(8)
        records = form.read(bytes(content))
        assert set(texts(records)) <= whole(form) or told(form, records), at


@every_form
@pytest.mark.parametrize("garbage", [b"\0" * 700, b"garbage " * 99, b"\x1f\x8b\x08\0", b"<page>", b"\n{\n"])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_garbage_beside_a_file_costs_nothing_without_a_word(form, garbage, place):
    records = form.read(garbage + form.content if place == "before" else form.content + garbage)
    assert told(form, records) or not lost(form, records)


@every_form
@settings(max_examples=40)
@given(start=st.integers(0, 5000), length=st.integers(0, 64), put=st.binary(max_size=64))
def test_whatever_replaces_a_piece_of_a_file_ends_in_documents_and_declared_reasons(form, start, length, put):
    start %= len(form.content)
    records = form.read(form.content[:start] + put + form.content[start + length :])
    told(form, records)
    assert len(records) <= 3 * len(TEXTS) + 64


@functools.cache
def large(name, documents):
    """A file of a form with many documents, which hardly compress."""
    chance = random.Random(1)
    many = [chance.randbytes(700).hex() for _ in range(documents)]
    pages = [{"text": text, "timestamp": "2019", "url": "u"} for text in many]
    code = [{"path": f"{n}.py", "license": "mit", "content": text} for n, text in enumerate(many)]
    content = {
        "wet": lambda: b"".join(map(wet, many)),
        "c4": lambda: lines(pages),
        "jsonl": lambda: lines(code),
        "xml": lambda: export(many),
        "arxiv": lambda: tar({f"2201/2201.{n:05d}.gz": paper(text) for n, text in enumerate(many)}),
    }[name.partition(".")[0]]()
    pack = {
        "c4": gzip.compress,
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": functools.partial(lzma.compress, preset=0),
    }
    return pack.get(name.rpartition(".")[2], bytes)(content)


@pytest.mark.parametrize("name", STREAMED)
def test_the_first_document_is_there_before_half_of_the_file_is_read(name):
    form, content = FORMS[name], large(name, 4000)
    streams = []

    def opened():
        streams.append(io.BytesIO(content))
        return streams[-1]

    file = RawFile(name=form.name, size=len(content), opener=opened)
    records = CORPORA[form.source].read(file, getattr(Recipe(name="t"), form.source))
    assert not isinstance(next(records), BadRecord)
    assert streams[-1].tell() < len(content) / 2
    records.close()
    assert streams[-1].closed


@pytest.mark.parametrize("name", ["wet.gz", "c4", "jsonl.gz", "xml.bz2", "arxiv"])
def test_memory_does_not_grow_with_the_file(name):
    form, peaks = FORMS[name], []
    for documents in (1000, 3000):
        file = RawFile.of_bytes(form.name, large(name, documents))
        tracemalloc.start()
        count = sum(1 for _ in CORPORA[form.source].read(file, getattr(Recipe(name="t"), form.source)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == documents
    assert peaks[1] < peaks[0] * 1.5
