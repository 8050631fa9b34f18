"""The report says of each evaluation set how much of it is in the corpus."""

from lxml import html as lxml_html

from pipeline.report_contamination import contamination_section, sets_in_short
from pipeline.storage import Folder

EXAMPLE = {
    **{"doc_id": "d", "origin": "c4/f#1", "text": "<b>What</b>", "set": "quiz", "item": "quiz.jsonl#3", "field": "q"},
    **{"ngram": "what did", "place": 1200, "hits": 9, "found": 2, "ngrams": 8},
}
FIGURES = {
    **{"items": 1200, "searchable_items": 1000, "items_hit": 25, "contaminated_fraction": 0.025},
    **{"documents": {"c4": 30, "github": 4}, "faults": {"not_json": 2}, "first_faults": ["quiz.jsonl#7: not_json"]},
    **{"most_frequent_ngrams": [{"ngram": "what did", "documents": 31}], "examples": [EXAMPLE]},
}
CLEAN = FIGURES | {"items_hit": 0, "contaminated_fraction": 0.0, "documents": {}, "faults": {}, "first_faults": []}
FOUND = {"action": "drop", "min_fraction": 0.0, "ngram_words": 13, "sets": {"quiz": FIGURES}}


def parsed(found):
    return lxml_html.fromstring(f"<div>{contamination_section(found)}</div>")


def test_a_set_is_a_row_with_its_items_and_documents():
    cells = [cell.text_content() for cell in parsed(FOUND).xpath("(.//table)[1]//td|(.//table)[1]//th[@scope='row']")]
    assert cells == ["quiz", "1,200", "1,000", "25", "2.50%", "34", "2", "c4 30, github 4"]


def test_what_there_is_to_look_at_is_folded_away_and_no_markup():
    page = parsed(FOUND)
    titles = [summary.text for summary in page.xpath(".//details/summary")]
    assert titles == ["quiz · could not be read", "quiz · n-grams", "quiz · documents"]
    words = page.text_content()
    assert "<b>What</b>" in words
    assert "quiz.jsonl#3 · q · 2 of 8 n-grams" in words
    assert "c4/f#1 from character 1,200 on" in words
    assert "quiz.jsonl#7: not_json" in words


def test_a_clean_set_has_nothing_to_look_at():
    clean = CLEAN | {"most_frequent_ngrams": [], "examples": []}
    page = parsed(FOUND | {"sets": {"quiz": clean}})
    assert page.xpath(".//details") == []
    assert page.xpath(".//td")[-1].text == "–"


def test_the_rule_is_said():
    assert "one of the n-grams of 13 words of an item's text were dropped" in parsed(FOUND).text_content()
    marked = parsed(FOUND | {"action": "mark", "min_fraction": 0.7}).text_content()
    assert "at least 70% of the n-grams" in marked
    assert "are marked in the column contamination, and stay" in marked


def test_what_was_found_is_told_in_short(tmp_path):
    output = Folder(str(tmp_path))
    assert sets_in_short(output) == {}
    output.write_json("decontaminate/report.json", FOUND)
    assert sets_in_short(output) == {
        "quiz": {
            **{"items": 1200, "searchable_items": 1000, "items_hit": 25, "contaminated_fraction": 0.025},
            **{"documents": {"c4": 30, "github": 4}},
        }
    }


def test_no_sets_are_said():
    assert "No evaluation sets have been looked for." in contamination_section({})
