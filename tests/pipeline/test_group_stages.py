"""Each source is judged in its own way, and a verdict follows from all that it is judged with."""

import pytest

from pipeline.alike_books import AlikeRounds
from pipeline.dedup import ExactRounds, ParagraphRounds
from pipeline.errors import SettingError
from pipeline.group_stages import (
    check_indexes,
    documents_of,
    group_digests,
    group_rounds,
    group_settings,
    index_folder,
    left_behind,
    left_key,
    verdict_key,
    witnesses,
)
from pipeline.key_index import INDEX
from pipeline.ledger import read_entry, read_ledger
from pipeline.near_candidates import BandKeys, SampledKeys
from pipeline.near_duplicates import NearRounds
from pipeline.pages import PageRounds
from pipeline.stage_names import DEDUP, NEAR_DEDUP, PAGES
from pipeline.storage import Folder


@pytest.mark.parametrize(
    "stage, source, kind",
    [
        (DEDUP, "commoncrawl", ParagraphRounds),
        (NEAR_DEDUP, "books", NearRounds),
        (DEDUP, "books", AlikeRounds),
        (DEDUP, "c4", ExactRounds),
        (DEDUP, "github", ExactRounds),
        (PAGES, "commoncrawl", PageRounds),
    ],
)
def test_each_source_is_judged_in_its_own_way(small_run, stage, source, kind):
    assert isinstance(group_rounds(small_run.run(), stage, source), kind)


def test_pages_are_judged_as_the_recipe_says(small_run):
    rounds = group_rounds(small_run.run("pages.unique_url=true", "pages.partitions=3"), PAGES, "commoncrawl")
    assert (rounds.partitions, rounds.unique_url, rounds.unique_text, rounds.marks_cited) == (3, True, False, True)


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
        verdict_key(small_run.run("commoncrawl.mode=faithful"), DEDUP, unit, "a")[0],
    }
    assert len(keys) == 4


@pytest.mark.parametrize("mode, quirks", [("intended", False), ("faithful", True)])
def test_lines_are_judged_as_the_mode_says(small_run, mode, quirks):
    rounds = group_rounds(small_run.run(f"commoncrawl.mode={mode}"), DEDUP, "commoncrawl")
    assert (rounds.blank_lines_count, rounds.zero_key_is_removed) == (quirks, quirks)


def test_each_stage_has_its_own_settings(small_run):
    run = small_run.run()
    assert "unique_url" in group_settings(run, PAGES, "commoncrawl")[0]
    assert "block_files" in group_settings(run, DEDUP, "c4")[0]
    assert "max_jaccard" in group_settings(run, NEAR_DEDUP, "books")[0]


def test_near_duplicates_are_found_as_wholes_or_within_longer_ones(small_run):
    run = small_run.run("near_dedup.max_jaccard=0.7", "near_dedup.shingle_words=4", "near_dedup.partitions=2")
    books, code = (group_rounds(run, NEAR_DEDUP, source) for source in ("books", "github"))
    assert (books.contained, books.max_overlap, books.partitions) == (True, 0.9, 2)
    assert books.key_maker == SampledKeys(containment=0.9, shingle_words=4, sample=64)
    assert (code.contained, code.max_overlap, code.shingle_words) == (False, 0.7, 4)
    assert code.key_maker == BandKeys(similarity=0.7, shingle_words=4, permutations=128)


@pytest.mark.parametrize(
    "setting, verdict_stays, audit_stays",
    [
        ("max_lost_fraction={books=0.9}", True, True),
        ("partitions=5", True, True),
        ('sources=["books", "c4"]', True, True),
        ("audit_pairs=3", True, False),
        ("max_containment=0.8", False, False),
        ("contained=[]", False, False),
    ],
)
def test_what_judges_the_outcome_makes_no_other(small_run, setting, verdict_stays, audit_stays):
    before, after = small_run.run(), small_run.run(f"near_dedup.{setting}")
    unit = before.units("books")[0]
    verdicts = {verdict_key(run, NEAR_DEDUP, unit, "g")[0] for run in (before, after)}
    audits = {left_key(run, NEAR_DEDUP, "books", ["g"]) for run in (before, after)}
    assert (len(verdicts) == 1, len(audits) == 1) == (verdict_stays, audit_stays)


@pytest.mark.parametrize(
    "stage, source, settings, name",
    [
        (NEAR_DEDUP, "books", (), "audit-books"),
        (DEDUP, "commoncrawl", ("dedup.write_keys=true",), "keys-commoncrawl"),
        (DEDUP, "commoncrawl", (), None),
        (DEDUP, "c4", ("dedup.write_keys=true",), None),
    ],
)
def test_a_stage_leaves_an_audit_or_an_index_or_nothing_behind(small_run, stage, source, settings, name):
    assert left_behind(small_run.run(*settings).recipe, stage, source) == name


def write_pages(made, *settings):
    """The run with an index of its pages, as a run with `write_keys` leaves it."""
    with made.start("pages", "--set=pages.unique_text=true", "--set=pages.write_keys=true", *settings) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    return made.run("pages.unique_text=true", "pages.write_keys=true"), said


@pytest.mark.slow
def test_a_run_leaves_the_keys_of_its_pages_and_a_later_one_knows_them_all(copied_run, tmp_path):
    run, _ = write_pages(copied_run)
    folder = index_folder(run, PAGES, "commoncrawl")
    entry = read_entry(run.output, PAGES, "models", "keys-commoncrawl")
    assert {name.rpartition("/")[2] for name in entry.outputs} == set(folder.list())
    later = copied_run.copied_to(tmp_path / "later")
    write_pages(later, f'--set=pages.earlier=["{folder.url}"]')
    assert sum(entry.documents_kept for entry in read_ledger(later.run().output) if entry.stage == PAGES) == 0


@pytest.mark.slow
def test_an_index_is_not_written_again_but_where_it_went_away(copied_run):
    run, _ = write_pages(copied_run)
    folder = index_folder(run, PAGES, "commoncrawl")
    before = folder.digest(INDEX)
    assert "nothing to do" in write_pages(copied_run)[1]
    folder.delete(INDEX)
    assert "nothing to do" not in write_pages(copied_run)[1]
    assert folder.digest(INDEX) == before


@pytest.mark.slow
def test_lines_of_an_earlier_dump_go_by_its_index_alone(copied_run, tmp_path):
    with copied_run.start("dedup", "--set=dedup.write_keys=true") as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    folder = index_folder(copied_run.run(), DEDUP, "commoncrawl")
    assert folder.read_json(INDEX)["kinds"] == ["lines"]
    later = copied_run.copied_to(tmp_path / "later")
    with later.start("dedup", f'--set=dedup.earlier=["{folder.url}"]') as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    entries = [
        entry for entry in read_ledger(later.run().output) if (entry.stage, entry.source) == (DEDUP, "commoncrawl")
    ]
    assert sum(entry.documents_in for entry in entries) > 0
    assert sum(entry.documents_kept for entry in entries) == 0


def test_an_index_of_an_earlier_dump_is_looked_for_before_any_work(small_run, tmp_path):
    recipe = small_run.run("pages.unique_text=true", f'pages.earlier=["{tmp_path}"]').recipe
    check_indexes(recipe, ["clean"])
    with pytest.raises(SettingError, match=r"pages\.earlier: no key index at"):
        check_indexes(recipe, ["clean", "pages"])


def test_another_index_gives_another_verdict(small_run, tmp_path):
    keys = []
    for version in (1, 2):
        folder = Folder(str(tmp_path / str(version)))
        folder.write_json(INDEX, {"version": 1, "kinds": [str(version)], "partitions": 1, "files": {}})
        keys.append(
            group_settings(
                small_run.run("pages.unique_text=true", f'pages.earlier=["{folder.url}"]'), PAGES, "commoncrawl"
            )
        )
    assert keys[0][1] != keys[1][1]
