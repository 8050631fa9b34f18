"""The same pages in another packing are known by their names, and an index by its dump's."""

import pytest

from pipeline.corpora.wikinames import index_names, is_index, read_as_another

DUMP = "wikipedia/enwiki-20220720-pages-articles"


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (f"{DUMP}-multistream.xml.bz2", "enwiki-20220720-pages-articles-multistream-index.txt"),
        (f"{DUMP}-multistream1.xml-p1p41242.bz2", "enwiki-20220720-pages-articles-multistream-index1.txt-p1p41242"),
        (f"{DUMP}.xml.bz2", None),
        (f"{DUMP}1.xml-p1p41242.bz2", None),
        ("wikipedia/notes.txt", None),
    ],
)
def test_a_multistream_dump_has_an_index(name, index):
    assert index_names(name) == ([f"{index}.bz2", index] if index else [])


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (f"{DUMP}-multistream-index.txt.bz2", True),
        (f"{DUMP}-multistream-index.txt", True),
        (f"{DUMP}-multistream-index1.txt-p1p41242.bz2", True),
        (f"{DUMP}-multistream.xml.bz2", False),
        ("wikipedia/index.txt", False),
    ],
)
def test_an_index_is_known_by_its_name(name, is_one):
    assert is_index(name) is is_one


FORMS = ["-multistream.xml.bz2", ".xml.bz2", ".xml", ".xml.xz", ".xml.gz", ".xml.7z"]


@pytest.mark.parametrize("first", range(len(FORMS)))
def test_of_a_dump_in_several_forms_the_best_is_read(first):
    names = [f"{DUMP}{form}" for form in FORMS[first:]]
    expected = dict.fromkeys(names[1:], names[0])
    assert read_as_another(names) == read_as_another(names[::-1]) == expected


def test_a_dump_with_a_date_is_the_same_in_any_folder():
    names = ["a/enwiki-20220720-pages-articles.xml.bz2", "b/enwiki-20220720-pages-articles.xml"]
    assert read_as_another(names) == {names[1]: names[0]}
    assert read_as_another(["a/enwiki-latest-articles.xml.bz2", "b/enwiki-latest-articles.xml"]) == {}


def test_numbered_parts_go_where_the_whole_is_there():
    parts = [f"{DUMP}1.xml-p1p41242.bz2", f"{DUMP}-multistream1.xml-p1p41242.bz2", f"{DUMP}2.xml-p41243p151573.bz2"]
    whole = f"{DUMP}.xml.bz2"
    assert read_as_another(parts) == {parts[0]: parts[1]}
    assert read_as_another([*parts, whole]) == dict.fromkeys(parts, whole)


def test_other_dumps_stay():
    names = [
        f"{DUMP}.xml.bz2",
        "wikipedia/dewiki-20220720-pages-articles.xml.bz2",
        "wikipedia/enwiki-20220801-pages-articles.xml.bz2",
        "wikipedia/enwiki-20220720-pages-meta-current.xml.bz2",
        "wikipedia/2021.xml",
        "wikipedia/2022.xml",
        "wikipedia/enwiki-latest-pages-articles1.xml-p10p30302-shortened.bz2",
    ]
    assert read_as_another(names) == {}
