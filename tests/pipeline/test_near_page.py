"""The page of near-duplicates says what was found, and takes no text for markup."""

import pytest
from lxml import html as lxml_html

from pipeline.near_page import DrawnPair, Side, near_page

FIGURES = {
    "source": "books",
    "measure": "containment",
    "max_overlap": 0.9,
    "shingle_words": 5,
    "documents": 1000,
    "documents_lost": 13,
    "bytes": 5_000_000,
    "bytes_lost": 50_000,
    "clusters": {"2": 4, "3": 1, "4": 1, "5": 1},
    "pairs_compared": 40,
    "pairs_overlapping": 30,
    "pairs_left_out": 1234,
    "pairs_drawn": 2,
    "pairs_confirmed": 1,
    "precision": [0.0126, 0.9874],
}
HOSTILE = '<script>alert("x")</script>\x00\u202e</pre></details>'


def side(doc_id="a", origin="file#1", title="", excerpt="Some text."):
    return Side(doc_id=doc_id, origin=origin, title=title, excerpt=excerpt)


def pair(**changes):
    return DrawnPair(**({"gone": side(), "keeper": side("b"), "found": 0.95, "counted": 0.94} | changes))


def page(drawn=(), **changes):
    return lxml_html.document_fromstring(near_page(FIGURES | changes, drawn))


def words(tree):
    return " ".join(tree.text_content().split())


@pytest.mark.parametrize(
    "said",
    [
        "Near-duplicates of books",
        "more than 0.9: containment, of the shorter document's shingles",
        "a shingle is 5 words in a row",
        "1.30%of documents lost: 13 of 1,000",
        "1.00%of bytes lost: 50,000 of 5,000,000",
        "5documents in the largest",
        "that overlap3075.00%",
        "1,234",
        "Of 2 pairs drawn from all verdicts, 1 overlap by more than 0.9",
        "lies between 1.3% and 98.7%, with 95% confidence",
    ],
)
def test_the_page_says_it(said):
    assert said in words(page())


def test_clusters_are_told_in_ranges_that_double():
    rows = [[cell.text_content() for cell in row] for row in page().xpath("//table")[0].xpath(".//tbody/tr")]
    assert rows == [["2", "4", "4"], ["3 to 4", "2", "5"], ["5 to 8", "1", "4"]]


def test_a_source_without_near_duplicates_says_so():
    tree = page(clusters={}, pairs_compared=0, pairs_overlapping=0, documents=0, documents_lost=0)
    assert "No document overlaps another one so much." in words(tree)
    assert "–of documents lost: 0 of 0" in words(tree)


def test_a_pair_shows_both_documents_and_both_overlaps():
    (shown,) = page([pair(gone=side(title="A title"), keeper=side("b", "file#2", excerpt="More text."))]).xpath(
        "//details"
    )
    said = words(shown)
    for part in ("0.9400 counted, 0.9500 found · A title", "gone: a · file#1", "stays: b · file#2", "More text."):
        assert part in said


def test_no_text_of_a_document_becomes_markup():
    hostile = side(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    tree = page([pair(gone=hostile, keeper=hostile)])
    assert not tree.xpath("//script")
    assert len(tree.xpath("//details")) == 1
    assert "⟨U+202E⟩" in words(tree)
