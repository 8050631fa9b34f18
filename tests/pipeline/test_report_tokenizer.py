"""The report says what the tokenizer makes of which text, and what is odd about it."""

import json

import pytest
from lxml import html as lxml_html

from pipeline.report_tokenizer import read_tokenizer, tokenizer_lines, tokenizer_section
from pipeline.storage import Folder

USE = {"bytes": 4000, "tokens": 1000, "bytes_per_token": 4.0, "byte_fallback_rate": 0.0125, "line_tokens": 3}
NONE = {"pieces": 0, "examples": []}
REPORT = {
    "vocabulary_size": 32000,
    "given": "",
    "pieces": {
        "longer": 29612,
        "characters": 2129,
        "longest": [{"id": 300, "piece": "▁<script>", "used": 1234}],
        "longest_words": [{"id": 301, "piece": "▁word", "used": None}],
    },
    "digits": {"single": True, "joined": 0, "examples": []},
    "round_trip": {"code_points_lost": 1, "first_lost": ["U+2581"], "byte_strings": 1256, "byte_strings_lost": 0},
    "junk": {"run": {"pieces": 2, "examples": ["====", "\u202e"]}, "control": NONE, "never_used": None},
    "sources": {
        "c4": USE | {"held_out": True, "languages": {"en": USE}},
        "wikipedia": USE | {"held_out": False, "languages": {"en": USE, "de": USE}},
    },
}


def cells(report):
    tree = lxml_html.fromstring(f"<div>{tokenizer_section(report)}</div>")
    return [[cell.text_content() for cell in row.xpath("./td|./th")] for row in tree.xpath(".//tbody/tr")]


def test_a_source_is_a_row_and_each_of_its_languages_where_there_are_more():
    assert cells(REPORT)[:4] == [
        ["c4", "4,000", "1,000", "4.000", "1.250%", "documents held out"],
        ["wikipedia", "4,000", "1,000", "4.000", "1.250%", "its own sample"],
        ["wikipedia · en", "4,000", "1,000", "4.000", "1.250%", ""],
        ["wikipedia · de", "4,000", "1,000", "4.000", "1.250%", ""],
    ]


def test_the_longest_pieces_and_junk_are_rows_and_no_markup():
    assert cells(REPORT)[4:] == [
        ["longest", "300", "1,234", "▁<script>"],
        ["longest word", "301", "–", "▁word"],
        ["run", "2", "====  ⟨U+202E⟩"],
        ["control", "0", ""],
    ]


def test_what_comes_back_is_a_sentence():
    said = lxml_html.fromstring(f"<div>{tokenizer_section(REPORT)}</div>").xpath(".//p")[0].text_content()
    assert said == (
        "32,000 pieces. Digits are single; all code points but 1 come back (U+2581), and 1,256 of 1,256 byte strings."
    )


def test_lines_say_the_same_for_people():
    assert list(tokenizer_lines(REPORT)) == [
        "tokenizer: 32,000 pieces, trained: 29,612 longer ones and 2,129 characters; digits are single;"
        " all code points but 1 come back (U+2581), and 1,256 of 1,256 byte strings",
        "tokenizer: c4: 4.000 bytes a token, 1.250% byte fallback (4,000 bytes of documents held out)",
        "tokenizer: wikipedia: 4.000 bytes a token, 1.250% byte fallback (4,000 bytes of its own sample)",
        "tokenizer: pieces to look at: 2 run",
    ]


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"given": "m.model"}, "given as m.model"),
        (
            {"without_tokenizer_json": "no tokenizer.json can be written: it is no BPE model"},
            "tokenizer: no tokenizer.j",
        ),
        ({"digits": {"single": False, "joined": 1100}}, "digits are joined in 1,100 pieces"),
        ({"round_trip": REPORT["round_trip"] | {"code_points_lost": 0, "first_lost": []}}, "all code points come back"),
        ({"round_trip": REPORT["round_trip"] | {"code_points_lost": 9}}, "but 9 come back (U+2581, …)"),
        ({"round_trip": REPORT["round_trip"] | {"byte_strings_lost": 6}}, "1,250 of 1,256 byte strings"),
        ({"junk": {"run": NONE, "never_used": None}}, "pieces to look at: none"),
    ],
)
def test_what_is_otherwise_is_said(changed, said):
    assert said in "\n".join(tokenizer_lines(REPORT | changed))


def test_no_tokenizer_is_said(tmp_path):
    assert read_tokenizer(Folder(str(tmp_path))) == {}
    assert "No tokenizer has been trained yet." in tokenizer_section({})
    assert list(tokenizer_lines({})) == []


def test_the_report_of_a_run_is_read_shown_and_said(small_run):
    report = read_tokenizer(small_run.run().output)
    assert json.dumps(report) and len(cells(report)) > 20
    assert [line for line in tokenizer_lines(report) if f"  {line}" not in small_run.said] == []
