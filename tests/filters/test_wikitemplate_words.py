"""Each rule says what a reader sees of a call's arguments, and nothing where there are too few."""

import pytest

from filters import wikitemplate_words as rules
from filters.wikitemplate_words import Call, always, around, link_abroad


@pytest.mark.parametrize(
    "rule, values, shown",
    [
        ("first", ["a", "b"], "a"),
        ("second", ["a", "b"], "b"),
        ("last", ["a", "b", "c"], "c"),
        ("second_or_first", ["a", "b"], "b"),
        ("second_or_first", ["a", ""], "a"),
        ("first_or_blank", ["a"], "a"),
        ("claim", ["two words"], "two words"),
        ("claim", ["word"], ""),
        ("claim", ["1 2"], ""),
        ("block", ["a"], "\n\na\n\n"),
        ("block", [""], ""),
        ("columns", ["30em", "* a"], "\n* a\n"),
        ("words", ["a", "", "b"], "a b"),
        ("listed", ["a", "", "b"], "a, b"),
        ("pronunciation", ["bɛʁˈliːn"], "[bɛʁˈliːn]"),
        ("pronunciation", ["[a]"], "[a]"),
        ("pronunciation", ["/a/"], "/a/"),
        ("formula", ["H", "2", "O"], "H₂O"),
        ("formula", ["SO", "4", "2-"], "SO₄²⁻"),
        ("formula", ["NH", "4", "+"], "NH₄⁺"),
        ("formula", ["M", "+", "C", "8", "−"], "M⁺C₈⁻"),
        ("formula", ["238", "U"], "238U"),
        ("formula", ["C", "n", "H", "2n+2"], "CnH2n+2"),
        ("formula", ["SO4(2-)"], "SO4(2-)"),
        ("author_year", ["Artin", "Mazur", "1970"], "Artin & Mazur (1970)"),
        ("author_year", ["Artin"], ""),
        ("class_of_ships", ["Nimitz", "aircraft carrier"], "Nimitz-class aircraft carrier"),
        ("class_of_ships", ["Nimitz"], ""),
        ("ordinal_century", ["XIX"], "XIXe siècle"),
        ("ordinal_century", ["I", "er"], "Ier siècle"),
        ("ruler", ["Joseph II (empereur)"], "Joseph II"),
        ("raised", ["2"], "²"),
        ("raised", ["nd"], "nd"),
        ("lowered", ["2"], "₂"),
        ("stressed", ["о"], "о\u0301"),
        ("accidental", ["flat"], "♭"),
        ("accidental", ["Sharp"], "♯"),
        ("accidental", ["natural"], "♮"),
        ("accidental", ["time"], ""),
    ],
)
def test_a_rule_shows_what_a_reader_sees(rule, values, shown):
    assert getattr(rules, rule)(Call(values, {})) == shown


@pytest.mark.parametrize(
    "rule",
    "first second last second_or_first claim block columns words listed pronunciation formula author_year "
    "class_of_ships ordinal_century ruler raised lowered accidental link_abroad".split(),
)
def test_a_rule_shows_nothing_for_no_arguments(rule):
    assert getattr(rules, rule)(Call([], {})) == ""


def test_two_rules_show_something_for_no_arguments():
    assert (rules.first_or_blank(Call([], {})), rules.stressed(Call([], {}))) == (" ", "а\u0301")


@pytest.mark.parametrize(
    "named, values, shown",
    [({"texte": "mots", "fr": "Page"}, [], "mots"), ({"fr": "Page"}, ["x"], "Page"), ({"texte": ""}, ["x"], "x")],
)
def test_a_link_abroad_shows_its_words_or_its_page(named, values, shown):
    assert link_abroad(Call(values, named)) == shown


def test_words_go_around_an_argument_that_is_there():
    assert around("« ", " »")(Call(["mot"], {})) == "« mot »"
    assert around("« ", " »")(Call([""], {})) == around("« ")(Call([], {})) == ""
    assert always("–")(Call(["x"], {})) == "–"
