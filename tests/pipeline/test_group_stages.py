"""Each source is judged in its own way, and a verdict follows from all that it is judged with."""

import pytest

from pipeline.dedup import ExactRounds, ParagraphRounds
from pipeline.group_stages import (
    DEDUP,
    PAGES,
    documents_of,
    group_digests,
    group_rounds,
    group_settings,
    verdict_key,
    witnesses,
)
from pipeline.overlap import OverlapRounds
from pipeline.pages import PageRounds


@pytest.mark.parametrize(
    "stage, source, kind",
    [
        (DEDUP, "commoncrawl", ParagraphRounds),
        (DEDUP, "books", OverlapRounds),
        (DEDUP, "c4", ExactRounds),
        (DEDUP, "github", ExactRounds),
        (PAGES, "commoncrawl", PageRounds),
    ],
)
def test_each_source_is_judged_in_its_own_way(small_run, stage, source, kind):
    assert isinstance(group_rounds(small_run.run(), stage, source), kind)


def test_pages_are_judged_as_the_recipe_says(small_run):
    rounds = group_rounds(small_run.run("pages.unique_url=true", "pages.partitions=3"), PAGES, "commoncrawl")
    assert rounds == PageRounds(partitions=3, unique_url=True, unique_text=False, marks_cited=True)


def test_wikipedia_alone_bears_witness_and_only_to_pages(small_run):
    run = small_run.run()
    assert witnesses(run, PAGES, "commoncrawl") == run.units("wikipedia")
    assert witnesses(run, DEDUP, "commoncrawl") == []


def test_a_witness_shows_the_documents_that_it_ends_with(small_run):
    run = small_run.run()
    (article, *_), (page, *_) = run.units("wikipedia"), run.units("commoncrawl")
    name, digests = documents_of(run, PAGES, "commoncrawl", article)
    assert name == f"documents/clean/wikipedia/{article.name}.parquet"
    assert list(digests) == [name]
    assert documents_of(run, DEDUP, "commoncrawl", page)[0].startswith("documents/pages/commoncrawl/")


def test_blocks_of_commoncrawl_are_judged_apart_and_other_sources_whole(small_run):
    run = small_run.run("dedup.block_files=3")
    blocks = group_digests(run, DEDUP, "commoncrawl", run.units("commoncrawl"), [])
    assert [blocks.count(group) for group in dict.fromkeys(blocks)] == [3, 1]
    assert len(set(group_digests(run, DEDUP, "c4", run.units("c4"), []))) == 1


def test_a_verdict_follows_from_its_witnesses(small_run):
    run = small_run.run()
    units, others = run.units("commoncrawl"), run.units("wikipedia")
    digests = [group_digests(run, PAGES, "commoncrawl", units, seen)[0] for seen in (others, others[:1], [])]
    assert len(set(digests)) == 3


def test_a_verdict_has_another_key_for_another_setting_or_group(small_run):
    run = small_run.run()
    unit = run.units("commoncrawl")[0]
    keys = {
        verdict_key(run, DEDUP, unit, "a")[0],
        verdict_key(run, DEDUP, unit, "b")[0],
        verdict_key(small_run.run("dedup.min_chars_after=9"), DEDUP, unit, "a")[0],
    }
    assert len(keys) == 3


def test_each_stage_has_its_own_settings(small_run):
    run = small_run.run()
    assert "unique_url" in group_settings(run, PAGES)
    assert "block_files" in group_settings(run, DEDUP)
