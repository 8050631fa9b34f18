"""The tables of the seven sources: defaults of the recipes that they follow."""

import pytest

from pipeline.recipe import Recipe
from pipeline.section import SOURCES
from pipeline.source_sections import C4, CommonCrawl


def test_each_source_has_its_table():
    recipe = Recipe(name="t")
    assert [type(getattr(recipe, source)).__name__.lower() for source in SOURCES] == list(SOURCES)


@pytest.mark.parametrize(
    "settings, detector, asks",
    [
        ({}, "fasttext", False),
        ({"form": "wet"}, "fasttext", True),
        ({"form": "wet", "mode": "faithful"}, "langdetect", False),
        ({"form": "wet", "mode": "faithful", "language_detector": "fasttext"}, "fasttext", True),
        ({"form": "wet", "language_detector": "langdetect"}, "langdetect", False),
    ],
)
def test_the_detector_of_c4_is_the_mode_s_where_the_recipe_names_none(settings, detector, asks):
    section = C4(**settings)
    assert (section.detector, section.asks_language_model) == (detector, asks)


def test_commoncrawl_is_read_as_it_was_meant_unless_the_recipe_says_otherwise():
    assert (CommonCrawl().mode, CommonCrawl().min_chars, CommonCrawl().title_line) == ("intended", 300, "title")
