"""The section on languages counts all of them, and the twenty of Wikipedia dump by dump."""

import pytest
from lxml import html as lxml_html

from pipeline import report_languages
from pipeline.report_languages import languages_section
from pipeline.section import WIKIPEDIA_LANGUAGES
from pipeline.totals import StageTotals

KEY = "identify_language.language"


def section(counts, **others):
    names = {}
    for place, (documents, size) in counts.items():
        names |= {f"{KEY}_documents:{place}": documents, f"{KEY}_bytes:{place}": size}
    item = StageTotals(source="commoncrawl", stage="language")
    item.counts.update(names | others)
    return lxml_html.fragment_fromstring(f"<section>{languages_section([item])}</section>")


def rows(table):
    return [[cell.text_content() for cell in row.xpath("th|td")] for row in table.xpath(".//tbody/tr")]


COUNTS = {"CC-1:en": (6, 600), "CC-1:ja": (2, 500), "CC-1:": (1, 0), "CC-2:en": (1, 100), ":sr": (2, 50)}


def test_all_languages_are_counted_most_documents_first():
    found = section(COUNTS, no_language=1)
    whole = found.xpath(".//table")[0]
    assert whole.xpath("caption")[0].text == "All 3 languages of commoncrawl at language, most documents first"
    assert rows(whole) == [
        ["en", "7", "58.333%", "700", "56.000%"],
        ["ja", "2", "16.667%", "500", "40.000%"],
        ["sr", "2", "16.667%", "50", "4.000%"],
        ["no language", "1", "8.333%", "0", "0.000%"],
    ]


def test_each_dump_has_the_share_of_each_wikipedia_language_and_of_the_others():
    none, first, second = section(COUNTS).xpath(".//table")[1:]
    assert [table.xpath("caption")[0].text.rpartition(" in ")[2] for table in (none, first, second)] == [
        *("documents of no dump", "CC-1", "CC-2"),
    ]
    assert rows(first)[:3] == [
        ["en", "6", "66.667%", "600", "54.545%"],
        ["other languages", "2", "22.222%", "500", "45.455%"],
        ["no language", "1", "11.111%", "0", "0.000%"],
    ]
    assert {name for name, *_ in rows(second)} == set(WIKIPEDIA_LANGUAGES)
    assert rows(none)[0] == ["sr", "2", "100.000%", "50", "100.000%"]


def test_texts_without_a_byte_have_no_share_of_them():
    assert rows(section({"CC-1:": (1, 0)}).xpath(".//table")[0]) == [["no language", "1", "100.000%", "0", "–"]]


@pytest.mark.parametrize("dumps, shown, more", [(3, 3, 0), (4, 3, 1)])
def test_the_section_is_bounded(monkeypatch, dumps, shown, more):
    monkeypatch.setattr(report_languages, "MAX_DUMPS", 3)
    found = section({f"CC-{number}:en": (1, 1) for number in range(dumps)})
    assert len(found.xpath(".//table")) == 1 + shown
    assert [text.text for text in found.xpath("./p")] == [f"{more} more dumps are not shown."] * bool(more)


def test_a_label_is_text_and_no_markup():
    assert rows(section({"CC-1:<b>:x": (1, 1)}).xpath(".//table")[0])[0][0] == "<b>:x"


def test_without_counts_the_section_says_so():
    assert section({}, no_language=3).text_content() == "No language has been identified yet."
