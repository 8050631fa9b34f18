"""Faithful mode against what cc_net itself made of real WET files, and against pages of CCNet's own corpus."""

import collections
import gzip
import hashlib
import json

import pytest

from filters.normalize import normalize_for_dedup
from pipeline.corpora import commoncrawl
from pipeline.corpora.corpus import BadRecord, RawFile, document_batches
from pipeline.corpora.warc import WarcRecord, warc_records
from pipeline.dedup import ParagraphRounds
from pipeline.source_sections import CommonCrawl

SETTINGS = CommonCrawl(mode="faithful")
DROPPED = {"too_few_chars": "parse/min_len", "nothing_left": "dedup/no_lines_left"}
NOT_OURS = ("lid/threshold",)  # What cc_net drops later has passed deduplication; of its text no more is known.


def wet_files(real_data):
    """All eight files, which were one block."""
    return [path for kind in ("web", "docs") for path in sorted((real_data / "commoncrawl" / kind).glob("*.wet.gz"))]


def raw(path):
    """The file under a name of its own: the folders have files of the same names."""
    return RawFile.of_bytes(f"{path.parent.name}/{path.name}", path.read_bytes())


def fate(path):
    """The file's batches after `clean`, and the rows that fell there."""
    file = raw(path)
    (rule,) = commoncrawl.filters(SETTINGS)
    kept, fallen = [], []
    for batch in document_batches("commoncrawl", file, commoncrawl.read(file, SETTINGS)):
        result = rule.apply(batch)
        kept.append(result.batch.filter(result.reason.is_null()))
        rows = zip(batch.to_pylist(), result.reason.to_pylist(), strict=True)
        fallen.extend({"before": row, "dropped": DROPPED[reason]} for row, reason in rows if reason)
    return kept, fallen


def judged(units):
    """Each document before and after the filters of its unit's verdict."""
    rounds = ParagraphRounds(block_files=8, partitions=3, blank_lines_count=True, zero_key_is_removed=True)
    partitions, verdicts = collections.defaultdict(list), collections.defaultdict(list)
    for unit, batches in enumerate(units):
        for partition, block in rounds.sketch(unit, batches):
            partitions[partition].append(block)
    for partition, blocks in partitions.items():
        for unit, block in rounds.judges[0](partition, blocks):
            verdicts[unit].append(block)
    for unit, batches in enumerate(units):
        (rule,) = rounds.filters(verdicts[unit])
        for batch in batches:
            result = rule.apply(batch)
            rows = zip(batch.to_pylist(), result.batch.to_pylist(), result.reason.to_pylist(), strict=True)
            yield from ({"before": a, "after": b, "dropped": DROPPED.get(reason)} for a, b, reason in rows)


def as_ccnet_says(found, content_length):
    """A document's row as cc_net writes it."""
    before, after = found["before"], found.get("after")
    row = {"url": before["url"], "digest": before["digest"], "title": before["title"], "dropped": found["dropped"]}
    if found["dropped"]:
        return row | {"original_length": None, "original_nlines": None}
    text = after["text"]
    return row | {
        "original_length": content_length,
        "original_nlines": before["text"].count("\n") + 1,
        "length": len(text),
        "nlines": len(after["kept_lines"]),
        "line_ids": after["kept_lines"],
        "text_sha1": hashlib.sha1(text.encode()).hexdigest(),
    }


def content_lengths(paths):
    """The Content-Length of each record, by the origin of its document."""
    return {
        f"{file.name}#{record.key}": int(record.fields["content-length"])
        for file in map(raw, paths)
        for record in warc_records(file, 1 << 26)
    }


@pytest.mark.real
@pytest.mark.slow
def test_every_document_meets_the_fate_that_cc_net_gave_it(real_data):
    expected = collections.defaultdict(list)
    with gzip.open(real_data / "expected/ccnet.jsonl.gz", "rt") as stream:
        for row in map(json.loads, stream):
            expected[row["url"], row["digest"]].append(row)
    paths = wet_files(real_data)
    lengths = content_lengths(paths)
    fates = [fate(path) for path in paths]
    found = [row for _, fallen in fates for row in fallen] + list(judged([kept for kept, _ in fates]))
    ours = [as_ccnet_says(row, lengths[row["before"]["origin"]]) for row in found]
    differ = [row["url"] for row in ours if not any(agrees(row, it) for it in expected[row["url"], row["digest"]])]
    assert (len(ours), sum(map(len, expected.values())), differ) == (10764, 10764, [])


def agrees(row, expected):
    """Whether all that cc_net said of a document is said of ours."""
    known = expected | ({"dropped": None} if expected["dropped"] in NOT_OURS else {})
    return all(known[name] == value for name, value in row.items() if name in known)


@pytest.mark.real
def test_pages_of_ccnet_s_own_corpus_say_of_their_lines_what_we_say(real_data):
    folder = real_data / "commoncrawl/genuine/dolma"
    paths = folder / "multiple_files/cc_en_head-0091.jsonl", folder / "provided/documents/000.json.gz"
    rows = [json.loads(line) for path in paths for line in lines_of(path)]
    whole = [row for row in rows if len(row["text"]) == row["metadata"]["length"]]  # Of others Dolma took lines away.
    for found in (row["metadata"] for row in rows):
        assert found["line_ids"] == sorted(set(found["line_ids"]))
        assert (found["nlines"], found["line_ids"][-1] < found["original_nlines"]) == (len(found["line_ids"]), True)
    for row in whole:
        forms = [normalize_for_dedup(line) for line in row["text"].split("\n")]
        assert len(forms) == len(set(forms)) == row["metadata"]["nlines"]
    assert (len(rows), len(whole)) == (20, 11)


def lines_of(path):
    """The lines of a file that may be packed."""
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().rstrip("\n").split("\n")


def test_the_settings_of_this_file_are_those_of_faithful_mode():
    page = b"WARC/1.0\nWARC-Type: conversion\nWARC-Target-URI: http://a b\nContent-Length: 3\n\nT\na"
    (found,) = commoncrawl.read(RawFile.of_bytes("a.wet", page), SETTINGS)
    assert not isinstance(found, BadRecord)
    assert (found.url, found.text) == ("http://a", "a")
    (record,) = warc_records(RawFile.of_bytes("a.wet", page), 100)
    assert isinstance(record, WarcRecord)
    assert record.ending == b""
