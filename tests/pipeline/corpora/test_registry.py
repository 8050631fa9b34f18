"""Every source of the mixture has its corpus, and a chain of stages that exists."""

from pipeline.corpora.registry import CORPORA, chains
from pipeline.recipe import SOURCES, Recipe
from pipeline.run import STAGES


def test_each_source_has_its_corpus():
    assert set(CORPORA) == set(SOURCES)
    assert all(corpus.source == source for source, corpus in CORPORA.items())


def test_chains_start_with_clean_end_with_tokenize_and_follow_the_order_of_stages():
    for chain in chains().values():
        assert (chain[0], chain[-1]) == ("clean", "tokenize")
        assert list(chain) == sorted(chain, key=STAGES.index)


def test_only_commoncrawl_is_scored():
    assert [source for source, chain in chains().items() if "perplexity" in chain] == ["commoncrawl"]
    assert [source for source, chain in chains().items() if "dedup" not in chain] == [
        "wikipedia",
        "arxiv",
        "stackexchange",
    ]


def test_filters_of_a_corpus_come_from_its_section_of_the_recipe():
    for source, corpus in CORPORA.items():
        for rule in corpus.filters(getattr(Recipe(name="t"), source)):
            assert rule.name
            assert isinstance(rule.reasons, tuple)
