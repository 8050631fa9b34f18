"""A misspelt name is met with the nearest one."""

from pipeline.spelling import nearest_name


def test_the_nearest_name_is_offered_and_all_where_none_is_near():
    assert nearest_name("wikpedia", ("books", "wikipedia")) == "; did you mean wikipedia?"
    assert nearest_name("x", ("one", "two")) == "; known: one, two"
