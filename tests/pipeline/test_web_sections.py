"""Settings of what follows cleaning: what goes together, and what does not."""

import pytest
from pydantic import ValidationError

from pipeline.web_sections import Decontaminate, LanguageModel, NearDedup, Pages, Perplexity


def test_keys_of_pages_need_something_to_be_the_key_of():
    assert Pages(unique_url=True, write_keys=True).write_keys
    for wrong in ({"write_keys": True}, {"earlier": ("out/keys",)}):
        with pytest.raises(ValidationError, match="earlier and write_keys need unique_url or unique_text to be true"):
            Pages(**wrong)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"sources": ("book",)}, "sources: book is no source; did you mean books?"),
        ({"contained": ("code",)}, "contained: code is no source"),
        ({"max_lost_fraction": {"web": 0.1}}, "max_lost_fraction: web is no source"),
        ({"max_lost_fraction": {"c4": 1.1}}, "less than or equal to 1"),
        ({"permutations": 1}, "greater than or equal to 2"),
    ],
)
def test_near_duplicates_are_looked_for_in_sources_that_exist(wrong, said):
    with pytest.raises(ValidationError, match=said):
        NearDedup(**wrong)


def test_a_source_of_which_nothing_is_said_may_lose_half():
    settings = NearDedup(max_lost_fraction={"github": 0.7})
    assert (settings.most_lost("github"), settings.most_lost("books")) == (0.7, 0.5)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"sets": {"a.b": "x"}}, "sets: a name has letters, digits, '_' and '-' alone, got 'a.b'"),
        ({"sets": {"": "x"}}, "sets: a name has"),
        ({"sets": {"mmlu": "x"}, "fields": {"mlu": ("q",)}}, r"fields: mlu is no set; did you mean mmlu\?"),
        ({"min_words": 14}, "min_words must be at most ngram_words = 13, got 14"),
        ({"ngram_words": 65}, "less than or equal to 64"),
        ({"max_passages": 0}, "greater than or equal to 1"),
        ({"min_fraction": 1.5}, "less than or equal to 1"),
        ({"action": "cut"}, "'drop' or 'mark'"),
    ],
)
def test_evaluation_sets_are_looked_for_by_settings_that_make_sense(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Decontaminate(**wrong)
    assert Decontaminate(sets={"mmlu": "x"}, fields={"mmlu": ("q",)}, min_words=13).action == "drop"


@pytest.mark.parametrize("wrong", [{"arpa": "a"}, {"pieces": "p"}])
def test_a_language_model_is_two_files(wrong):
    assert LanguageModel(arpa="a", pieces="p").arpa == "a"
    with pytest.raises(ValidationError, match="arpa and pieces are set together or not at all"):
        LanguageModel(**wrong)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"head_percentile": 60.0}, "head_percentile must be below middle_percentile 60.0, got 60.0"),
        ({"head_cutoff": 340.0}, "head_cutoff and middle_cutoff are set together or not at all"),
        ({"keep": ("top",)}, "keep"),
    ],
)
def test_cut_offs_are_a_pair_in_order(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Perplexity(**wrong)
