from collections import Counter

import pytest

from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.corpora.stackexchange import CORPUS
from pipeline.demo import stackexchange
from pipeline.source_sections import StackExchange


@pytest.fixture
def sites(tmp_path, pool, rng):
    stackexchange.write(tmp_path, pool, 18_000, rng)
    return tmp_path


def read(path):
    return list(CORPUS.read(RawFile.of_bytes(path.name, path.read_bytes()), StackExchange()))


def test_three_sites_are_archives_and_one_is_a_folder(sites):
    assert sorted(path.name for path in sites.iterdir()) == [
        "broken.stackexchange.com.7z",
        "packaging.stackexchange.com.7z",
        "plain.stackexchange.com",
        "statistics.stackexchange.com.7z",
        "writers.stackexchange.com.7z",
    ]


def test_questions_are_read_with_their_answers(sites):
    threads = [record for record in read(sites / "writers.stackexchange.com.7z") if not isinstance(record, BadRecord)]
    asked = [record for record in threads if (record.title or "").startswith("How is Title")]
    assert len(asked) >= 10
    assert all("opens stream 0" in record.text and "opens stream 2" in record.text for record in asked)


@pytest.mark.parametrize(
    "name, faults",
    [
        ("broken.stackexchange.com.7z", {"broken_archive": 1}),
        ("writers.stackexchange.com.7z", {"malformed_row": 2}),
        ("plain.stackexchange.com/Posts.xml", {"malformed_row": 3}),
    ],
)
def test_each_site_has_its_faults(sites, name, faults):
    found = Counter(record.reason for record in read(sites / name) if isinstance(record, BadRecord))
    assert found == faults


def test_scores_are_of_different_lengths_so_that_text_would_sort_them_wrongly(sites):
    text = (sites / "plain.stackexchange.com" / "Posts.xml").read_text("utf-8-sig")
    for score in ("-3", "9", "10", "88", "100"):
        assert f'Score="{score}"' in text


def test_bodies_are_html_within_an_attribute(sites):
    text = (sites / "plain.stackexchange.com" / "Posts.xml").read_text("utf-8-sig")
    assert "&lt;pre&gt;&lt;code&gt;import tool_kit&#" in text
    assert "and &lt;why&gt;?" in text
