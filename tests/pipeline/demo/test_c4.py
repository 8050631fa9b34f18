from collections import Counter

import pytest

from pipeline.corpora.c4 import CORPUS
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.demo import c4
from pipeline.source_sections import C4


@pytest.fixture
def records(tmp_path, pool, rng):
    c4.write(tmp_path, pool, 10_000, rng)
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"c4-train.0000{n}-of-00004.json.gz" for n in range(4)]
    return [found for path in paths for found in CORPUS.read(RawFile.of_bytes(path.name, path.read_bytes()), C4())]


def test_each_shard_ends_in_a_fault(records):
    faults = Counter(record.reason for record in records if isinstance(record, BadRecord))
    assert faults == {"bad_json": 2, "missing_field": 1, "invalid_utf8": 1}


def test_some_pages_stand_there_more_than_once(records):
    texts = Counter(record.text for record in records if not isinstance(record, BadRecord))
    assert texts.most_common(1)[0][1] == 3


def test_only_one_page_in_fifty_stands_there_more_than_once(tmp_path, rng, pool):
    c4.write(tmp_path, pool, 60 * 320, rng)
    counts = Counter()
    for path in tmp_path.iterdir():
        for record in CORPUS.read(RawFile.of_bytes(path.name, path.read_bytes()), C4()):
            counts.update([] if isinstance(record, BadRecord) else [record.text])
    assert sorted(counts.values(), reverse=True)[:3] == [3, 3, 1]


@pytest.mark.parametrize("part", ["Lorem ipsum", "{ return true; }", "Javascript", "privacy policy", "x" * 1200, "。"])
def test_there_is_a_page_for_each_rule(records, part):
    assert any(part in record.text for record in records if not isinstance(record, BadRecord))


def test_one_page_is_empty(records):
    assert [record.text for record in records if not isinstance(record, BadRecord)].count("") == 1


def test_much_prose_makes_more_shards(tmp_path, pool, rng, monkeypatch):
    monkeypatch.setattr(c4, "_SHARDS_CHARS", 9_999)
    c4.write(tmp_path, pool, 10_000, rng)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"c4-train.0000{n}-of-00008.json.gz" for n in range(8)]
