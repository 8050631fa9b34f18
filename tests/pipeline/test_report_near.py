"""The report says what each source lost to near-duplicates, and leads to pairs of them."""

from lxml import html as lxml_html

from pipeline.report_near import near_section, read_audits
from pipeline.storage import Folder

FIGURES = {
    **{"source": "books", "measure": "containment", "max_overlap": 0.9, "documents": 1300, "documents_lost": 26},
    **{"bytes": 1000, "bytes_lost": 25, "clusters": {"2": 5, "12": 1}, "precision": [0.868, 1.0]},
}


def words(markup):
    return [
        cell.text_content() for cell in lxml_html.fromstring(f"<div>{markup}</div>").xpath(".//td|.//th[@scope='row']")
    ]


def test_a_source_is_a_row_with_a_link_to_its_page():
    section = near_section([FIGURES])
    assert words(section) == ["books", "1,300", "26", "2.50%", "6", "12", "86.8%", "containment 0.9"]
    assert lxml_html.fromstring(f"<div>{section}</div>").xpath(".//a/@href") == ["near-dedup/books/audit.html"]


def test_a_source_without_near_duplicates_has_clusters_of_one():
    empty = FIGURES | {"clusters": {}, "bytes": 0, "bytes_lost": 0, "documents": 0, "documents_lost": 0}
    assert words(near_section([empty])) == ["books", "0", "0", "0.00%", "0", "1", "86.8%", "containment 0.9"]


def test_no_audit_is_said():
    assert "No near-duplicates have been looked for." in near_section([])


def test_audits_are_read_where_they_are_whole(tmp_path):
    output = Folder(str(tmp_path))
    assert read_audits(output) == []
    output.write_json("near-dedup/books/audit.json", FIGURES)
    output.write_text("near-dedup/github/audit.json", "{")
    assert [figures["source"] for figures in read_audits(output)] == ["books"]
