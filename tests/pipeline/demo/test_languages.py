from random import Random

import pytest

from pipeline.demo.languages import article, invented_name, paragraph, sentences
from pipeline.section import WIKIPEDIA_LANGUAGES


def test_there_are_sentences_for_every_language_of_wikipedia_and_two_more():
    assert set(sentences()) == {*WIKIPEDIA_LANGUAGES, "ja", "ar"}


@pytest.mark.parametrize("language", sorted(WIKIPEDIA_LANGUAGES))
def test_each_language_has_twelve_distinct_sentences_with_all_its_blanks(language):
    lines = sentences()[language]
    assert len(set(lines)) == 12
    for blank in ("{place}", "{river}", "{person}", "{year}", "{number}"):
        assert any(blank in line for line in lines), blank


def test_no_sentence_stands_in_two_languages():
    lines = [line for language in sentences().values() for line in language]
    assert len(lines) == len(set(lines))


def test_blanks_are_filled_and_sentences_are_not_repeated():
    text = paragraph("en", Random(3), 12)
    assert "{" not in text
    assert sum(text.count(end) for end in (". ", ".")) >= 12
    assert len(text.split(". ")) == 12


def test_japanese_sentences_stand_without_blanks_between():
    text = paragraph("ja", Random(1), 4)
    assert "。 " not in text
    assert text.count("。") == 4


def test_an_article_follows_its_seed():
    assert article("de", Random(5), 3) == article("de", Random(5), 3) != article("de", Random(6), 3)
    assert len(article("de", Random(5), 3)) == 3


def test_names_are_pronounceable_words():
    names = {invented_name(Random(seed)) for seed in range(50)}
    assert len(names) > 40
    assert all(name.isalpha() and name.istitle() for name in names)
