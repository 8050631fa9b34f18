"""A link shows its label, else its target; files, categories and other languages show nothing."""

import pytest

from filters.namespaces import dropped_prefixes
from filters.wikilinks import link_text
from filters.wikimend import HOLE


@pytest.mark.parametrize(
    "target, label, text",
    [
        ("Paris", None, "Paris"),
        ("Paris", "the city", "the city"),
        ("Paris#History", "a|b", "a|b"),
        ("#History", None, "History"),
        ("snake_case", None, "snake case"),
        (":Category:Towns", None, "Category:Towns"),
        (":Category:Towns", "towns", "towns"),
        ("wikt:word", None, "word"),
        ("wikt:word", "the word", "the word"),
        (":fr:Paris", None, "fr:Paris"),
        ("Paris (mythology)", "", "Paris"),
        ("Boston, Massachusetts", "", "Boston"),
        ("2001: A Space Odyssey", None, "2001: A Space Odyssey"),
        ("File:a.jpg", "thumb|caption", HOLE),
        (" file : a.jpg", None, HOLE),
        ("Category:Towns", None, HOLE),
        ("de:Paris", None, HOLE),
        ("two\nlines", None, "[[two\nlines]]"),
        ("two\nlines", "label", "[[two\nlines|label]]"),
        ("a[b", None, "[[a[b]]"),
        ("Paris", " ", "Paris"),
        ("Paris", "\nthe city\n", "the city"),
        (":", None, ""),
        ("w:fr:Paris", None, "Paris"),
        ("wikisource:File:A.pdf", "the scan", "the scan"),
    ],
)
def test_link_shows_what_a_reader_sees(target, label, text):
    assert link_text(target, label, dropped_prefixes("en")) == text


@pytest.mark.parametrize(
    "name", ["x.jpg", "x.JPEG", "x y.svg", "x.ogv ", "x.webm", "x.pdf", "x.mid", "x.wav", "x.tiff"]
)
def test_a_media_file_is_one_whatever_the_wiki_calls_its_files(name):
    assert link_text(f"Fails:{name}", "thumb|words", dropped_prefixes("en")) == HOLE


@pytest.mark.parametrize(
    "target, label", [("Readme.pdf", "the file"), (":Fails:x.jpg", "the file"), ("Node:x.js", "the file")]
)
def test_other_links_that_end_like_a_file_show_their_label(target, label):
    assert link_text(target, label, dropped_prefixes("en")) == label


def test_a_title_that_ends_like_a_file_is_shown():
    assert link_text("2001:a.jpg", None, dropped_prefixes("en")) == "2001:a.jpg"
