import re

from pipeline.report_style import STYLE


def test_the_style_sheet_fetches_nothing():
    assert not re.search(r"url\(|@import|https?:", STYLE)


def test_the_style_sheet_cannot_end_its_element():
    assert "<" not in STYLE


def test_each_colour_has_a_light_and_a_dark_value():
    light, dark = re.findall(r":root \{([^}]*)\}", STYLE)
    names = [set(re.findall(r"(--\w+):", block)) for block in (light, dark)]
    assert names[0] == names[1]
    assert set(re.findall(r"var\((--\w+)\)", STYLE)) <= names[0]


def test_braces_pair_up():
    assert STYLE.count("{") == STYLE.count("}")
