"""Tests of filters/tex_flags.py."""

import pytest

from filters.tex_flags import Flags, condition_end, constant_condition, has_flags
from filters.tex_groups import Groups


def value_at_the_end(text, hidden=(), undecided=()):
    return Flags(text, hidden, list(undecided), Groups(text, scopes=False)).value("draft", len(text))


@pytest.mark.parametrize(
    "text, value",
    [
        (r"\newif\ifdraft", False),
        (r"\newif\ifdraft\drafttrue", True),
        (r"\newif\ifdraft\drafttrue\draftfalse", False),
        (r"\newif \ifdraft \drafttrue x", True),
        (r"\let\ifdraft\iftrue", True),
        (r"\let\ifdraft=\iffalse", False),
        (r"\newif\ifother", None),
        (r"\drafttrue\newif\ifother", None),
        (r"\newif\ifdraft\drafttruely", False),
        (r"\newif\ifdraft\def\x{\drafttrue}", None),
        (r"\newif\ifdraft\def\x{\drafttrue}\draftfalse", False),
        (r"{\newif\ifdraft}", None),
        ("no flag", None),
    ],
)
def test_a_flag_is_what_it_was_last_set_to(text, value):
    assert value_at_the_end(text) is value


def test_a_setting_in_a_comment_sets_nothing():
    assert value_at_the_end("\\newif\\ifdraft\n%\\drafttrue\n", hidden=((15, 26),)) is False


def test_a_setting_in_an_undecided_conditional_makes_the_flag_undecided():
    text = r"\newif\ifdraft\ifpdf\drafttrue\fi"
    assert value_at_the_end(text, undecided=[(14, len(text))]) is None


@pytest.mark.parametrize(
    "later, value", [("", False), (r"\draftfalse", False), (r"\drafttrue", None), (r"\def\x{\drafttrue}", None)]
)
def test_inside_a_group_later_settings_count_too(later, value):
    text = r"\newif\ifdraft\def\todo{\ifdraft x\fi}"
    place = text.index(r"\ifdraft x")
    flags = Flags(text + later, (), [], Groups(text + later, scopes=False))
    assert flags.value("draft", place) is value


def test_outside_of_groups_later_settings_do_not_count():
    text = r"\newif\ifdraft \ifdraft x\fi \drafttrue"
    assert Flags(text, (), [], Groups(text, scopes=False)).value("draft", 15) is False


@pytest.mark.parametrize("count, known", [(100, True), (101, False)])
def test_only_so_many_flags_are_followed(count, known):
    names = ["".join(chr(97 + int(digit)) for digit in f"{index:03}") for index in range(count)]
    text = "".join(rf"\newif\if{name}" for name in names)
    flags = Flags(text, (), [], Groups(text, scopes=False))
    assert (bool(flags), flags.value(names[0], len(text))) == (known, False if known else None)


@pytest.mark.parametrize(
    "text, has", [(r"\newif\ifa", True), (r"\let\ifa\iffalse", True), (r"\let\ifa\ifpdf", False), (r"\ifa \fi", False)]
)
def test_texts_with_flags_are_known(text, has):
    assert has_flags(text) is has


@pytest.mark.parametrize(
    "name, after, value, rest",
    [
        ("iftrue", " x", True, " x"),
        ("iffalse", " x", False, " x"),
        ("if", "0 x", False, "x"),
        ("if", "0\nx", False, "x"),
        ("if", "01x", False, "x"),
        ("if", "00x", True, "x"),
        ("if", " 11x", True, "x"),
        ("if", r"\a\b", None, r"\a\b"),
        ("if", r"0\b", None, r"0\b"),
        ("if", "0}", None, "0}"),
        ("ifnum", "0=1 x", False, " x"),
        ("ifnum", " 2 > 1 x", True, " x"),
        ("ifnum", "2<1 x", False, " x"),
        ("ifnum", "1<2 x", True, " x"),
        ("ifnum", "7=7 x", True, " x"),
        ("ifnum", r"\c=1 x", None, r"\c=1 x"),
        ("ifx", "aa x", None, "aa x"),
        ("ifnum", "0=1234567890", None, "0=1234567890"),
    ],
)
def test_constant_conditions_are_decided(name, after, value, rest):
    text = f"\\{name}{after}"
    place = len(name) + 1
    assert constant_condition(name, text, place) is value
    assert text[condition_end(name, text, place) :] == rest


@pytest.mark.parametrize(
    "head, value",
    [
        (r"\documentclass[10pt,journal,compsoc]{IEEEtran}", True),
        (r"\documentclass[10pt, compsoc ]{IEEEtran}", True),
        (r"\documentclass[journal]{IEEEtran}", False),
        (r"\documentclass{IEEEtran}", None),
        (r"\documentclass[compsoc]{article}", None),
    ],
)
def test_flags_of_a_class_are_its_options(head, value):
    text = head + r"\ifCLASSOPTIONcompsoc a\else b\fi"
    flags = Flags(text, (), [], Groups(text, scopes=False))
    assert flags.value("CLASSOPTIONcompsoc", len(text)) is value
    assert has_flags(text)


def test_a_class_in_a_comment_has_no_options():
    text = "%\\documentclass[compsoc]{IEEEtran}\n\\documentclass[journal]{IEEEtran}\\ifCLASSOPTIONcompsoc"
    assert Flags(text, ((0, 34),), [], Groups(text, scopes=False)).value("CLASSOPTIONcompsoc", len(text)) is False
