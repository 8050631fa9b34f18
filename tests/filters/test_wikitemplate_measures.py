"""Measures, dates and places read as the page shows them."""

import pytest

from filters.wikitemplate_measures import (
    about,
    as_of,
    coordinates,
    fraction,
    hour,
    measure,
    old_style,
    power_of_ten,
    unit,
    value,
)
from filters.wikitemplate_words import Call


def call(text, **named):
    return Call(text.split("|") if text else [], named)


@pytest.mark.parametrize(
    "arguments, shown",
    [
        ("5|km", "5 km"),
        ("5.5|km|mi", "5.5 km"),
        ("-5|C|F", "-5 °C"),
        ("−5|°C", "−5 °C"),
        ("5 1/2|mi|km", "5 1/2 mi"),
        ("5|to|10|km|mi", "5 to 10 km"),
        ("5|-|10|km|mi", "5–10 km"),
        ("5|–|10|km|mi", "5–10 km"),
        ("5|and|10|km", "5 and 10 km"),
        ("5|and(-)|10|km", "5 and 10 km"),
        ("5|to(-)|10|km", "5 to 10 km"),
        ("5|or|10|km", "5 or 10 km"),
        ("5|by|10|m", "5 by 10 m"),
        ("5|x|10|m", "5 x 10 m"),
        ("5|xx|10|m", "5 × 10 m"),
        ("5|*|10|m", "5 × 10 m"),
        ("5|×|10|m", "5 × 10 m"),
        ("5|+/-|1|m", "5 ± 1 m"),
        ("5|±|1|m", "5 ± 1 m"),
        ("10|.5|km", "10 .5 km"),
        ("1.5e6|km3", "1.5×10⁶ km³"),
        ("1e-6|m", "1×10⁻⁶ m"),
        ("6|ft|2|in|m", "6 ft 2 in"),
        ("6|ft|2|m", "6 ft"),
        ("100|km|0", "100 km"),
        ("25|acre", "25 acres"),
        ("5", "5"),
        ("", ""),
        ("a", "a"),
        ("5||m", "5"),
    ],
)
def test_a_measure_goes_on_until_its_first_unit(arguments, shown):
    assert measure(call(arguments)) == shown


@pytest.mark.parametrize(
    "written, shown",
    [
        ("km2", "km²"),
        ("m2", "m²"),
        ("cm2", "cm²"),
        ("mm2", "mm²"),
        ("sqkm", "km²"),
        ("sqm", "m²"),
        ("mi2", "sq mi"),
        ("sqmi", "sq mi"),
        ("ft2", "sq ft"),
        ("sqft", "sq ft"),
        ("yd2", "sq yd"),
        ("km3", "km³"),
        ("m3", "m³"),
        ("cm3", "cm³"),
        ("ft3", "cu ft"),
        ("cuft", "cu ft"),
        ("cuin", "cu in"),
        ("mi3", "cu mi"),
        ("F", "°F"),
        ("kmh", "km/h"),
        ("m/s2", "m/s²"),
        ("kg/m3", "kg/m³"),
        ("g/cm3", "g/cm³"),
        ("inch", "inches"),
        ("lbft", "lb⋅ft"),
        ("Nm", "N⋅m"),
        ("kg", "kg"),
    ],
)
def test_units_read_as_the_page_shows_them(written, shown):
    assert measure(call(f"2|{written}")) == f"2 {shown}"


@pytest.mark.parametrize(
    "arguments, adjective, shown",
    [
        ("25|acre", "on", "25-acre"),
        ("25|mile", "mid", "25-mile"),
        ("25|km", "on", "25 km"),
        ("25|sqft", "on", "25 sq ft"),
    ],
)
def test_an_adjective_has_a_hyphen_before_a_unit_in_words(arguments, adjective, shown):
    assert measure(call(arguments, adj=adjective)) == shown


@pytest.mark.parametrize(
    "arguments, shown",
    [("5000|km|2", "5000 km²"), ("5000|km", "5000 km"), ("5000", "5000"), ("5|km|h", "5 km"), ("", "")],
)
def test_a_french_unit_has_its_power_apart(arguments, shown):
    assert unit(call(arguments)) == shown


@pytest.mark.parametrize(
    "arguments, named, shown",
    [
        ("5.98", {"e": "24", "u": "kg"}, "5.98×10²⁴ kg"),
        ("5.98", {"ul": "kg"}, "5.98 kg"),
        ("5", {"e": "-3"}, "5×10⁻³"),
        ("5", {}, "5"),
        ("", {}, ""),
    ],
)
def test_a_value_has_a_power_and_a_unit(arguments, named, shown):
    assert value(call(arguments, **named)) == shown


@pytest.mark.parametrize("arguments, shown", [("2", "1/2"), ("3|4", "3/4"), ("1|3|4", "1 3/4"), ("", "")])
def test_fractions(arguments, shown):
    assert fraction(call(arguments)) == shown


@pytest.mark.parametrize(
    "arguments, named, shown",
    [
        ("13|19|N|169|9|W|type:event", {}, "13°19′N 169°9′W"),
        ("13|19|5|S|169|9|7|E", {"display": "inline,title"}, "13°19′5″S 169°9′7″E"),
        ("13|N|9|W", {"display": "title"}, ""),
        ("13.5|-9.2", {}, ""),
        ("1|2|3|4|N", {}, ""),
        ("", {}, ""),
    ],
)
def test_coordinates_read_as_degrees(arguments, named, shown):
    assert coordinates(call(arguments, **named)) == shown


@pytest.mark.parametrize(
    "arguments, shown",
    [
        ("February 2|1905|January 20", "February 2 [O.S. January 20] 1905"),
        ("February 2|1905", "February 2 1905"),
        ("", ""),
    ],
)
def test_a_date_of_the_old_style_stands_beside_the_new(arguments, shown):
    assert old_style(call(arguments)) == shown


@pytest.mark.parametrize(
    "arguments, named, shown",
    [
        ("2012", {}, "As of 2012"),
        ("2012", {"lc": "y"}, "as of 2012"),
        ("2012|3", {}, "As of March 2012"),
        ("2012|12|31", {}, "As of 31 December 2012"),
        ("2012|August|19", {"df": "US"}, "As of August 19, 2012"),
        ("2012|August", {"df": "US"}, "As of August 2012"),
        ("2012|13", {}, "As of 13 2012"),
        ("2012|0", {}, "As of 0 2012"),
        ("2012", {"since": "y", "lc": "y"}, "since 2012"),
        ("2012", {"bare": "y"}, "2012"),
        ("2017", {"alt": "measured by 2017 revenues", "post": "),"}, "measured by 2017 revenues),"),
        ("", {"alt": "then"}, ""),
    ],
)
def test_a_statement_of_its_day_says_it_as_the_sentence_wants_it(arguments, named, shown):
    assert as_of(call(arguments, **named)) == shown


def test_hours_powers_and_years_about():
    assert [hour(call(text)) for text in ("4|30", "4", "")] == ["4 h 30", "4 h", ""]
    assert [power_of_ten(call(text)) for text in ("24", "")] == ["×10²⁴", ""]
    assert [about(call(text)) for text in ("1850", "1850|60", "")] == ["c. 1850", "c. 1850 – c. 60", "c. "]
