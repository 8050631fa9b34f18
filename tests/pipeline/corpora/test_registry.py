"""Every source of the mixture has its corpus, and a chain of stages that exists."""

from dataclasses import replace

import pytest

from pipeline.corpora.registry import CORPORA, chains, document_stages, has_stage, stage_before
from pipeline.recipe import Recipe
from pipeline.section import SOURCES
from pipeline.stage_names import STAGES
from pipeline.web_sections import Pages

ALL = Recipe(name="all")


def test_each_source_has_its_corpus():
    assert set(CORPORA) == set(SOURCES)
    assert all(corpus.source == source for source, corpus in CORPORA.items())


def test_chains_start_with_clean_end_with_tokenize_and_follow_the_order_of_stages():
    for chain in chains(ALL).values():
        assert (chain[0], chain[-1]) == ("clean", "tokenize")
        assert list(chain) == sorted(chain, key=STAGES.index)


def test_only_commoncrawl_is_scored():
    assert [source for source, chain in chains(ALL).items() if "perplexity" in chain] == ["commoncrawl"]
    assert [source for source, chain in chains(ALL).items() if "dedup" not in chain] == [
        "wikipedia",
        "books",
        "arxiv",
        "stackexchange",
    ]


def test_pages_are_judged_only_where_there_is_something_to_say():
    alone = Recipe(name="t", mixture={"weights": {"commoncrawl": 1.0}})
    unique = alone.model_copy(update={"pages": Pages(unique_text=True)})
    assert ["pages" in document_stages(recipe, "commoncrawl") for recipe in (ALL, alone, unique)] == [True, False, True]


def test_a_stage_reads_what_the_stage_before_it_kept():
    assert stage_before(ALL, "commoncrawl", "pages") == "clean"
    assert stage_before(ALL, "wikipedia", "tokenize") == "clean"
    assert has_stage(ALL, "books", "near-dedup")
    assert not has_stage(ALL, "books", "language")


def test_near_duplicates_go_last_and_from_the_sources_that_the_recipe_names():
    recipe = Recipe(name="t", near_dedup={"sources": ("commoncrawl", "github")})
    assert [source for source in SOURCES if "near-dedup" in document_stages(ALL, source)] == ["books"]
    assert document_stages(recipe, "books") == ("clean",)
    assert document_stages(recipe, "github") == ("clean", "dedup", "near-dedup")
    assert document_stages(recipe, "commoncrawl")[-2:] == ("select", "near-dedup")


def test_evaluation_sets_are_looked_for_last_in_every_source_where_there_are_any():
    recipe = Recipe(name="t", decontaminate={"sets": {"quiz": "quiz.jsonl"}})
    assert all(document_stages(recipe, source)[-1] == "decontaminate" for source in SOURCES)
    assert document_stages(recipe, "books")[:-1] == document_stages(ALL, "books")
    assert not any(has_stage(ALL, source, "decontaminate") for source in SOURCES)


def test_a_side_stage_reads_the_stage_that_it_stands_beside(monkeypatch):
    books = replace(CORPORA["books"], side_stages={"sample": "clean"})
    monkeypatch.setitem(CORPORA, "books", books)
    assert has_stage(ALL, "books", "sample")
    assert stage_before(ALL, "books", "sample") == "clean"
    assert "sample" not in document_stages(ALL, "books")


@pytest.mark.parametrize("source, last", [("books", "near-dedup"), ("c4", "dedup"), ("commoncrawl", "select")])
def test_the_tokenizer_s_sample_is_drawn_from_what_is_tokenized(source, last):
    assert stage_before(ALL, source, "sample-tokenizer") == stage_before(ALL, source, "tokenize") == last
    assert has_stage(ALL, source, "sample-tokenizer")


def test_filters_of_a_corpus_come_from_its_section_of_the_recipe():
    for source, corpus in CORPORA.items():
        for rule in corpus.filters(getattr(Recipe(name="t"), source)):
            assert rule.name
            assert isinstance(rule.reasons, tuple)
