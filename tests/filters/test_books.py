"""Project Gutenberg's wrappers of every age go, the book stays as it is."""

import time

import pytest

from filters.batch import Filter
from filters.books import (
    FOOTER_LINES,
    HEADER_LINES,
    PUBLIC_DOMAIN,
    DropContainedBooks,
    GutenbergWrapper,
    LongEnough,
    PublicDomain,
    book_key,
    unwrap,
)

BOOK = "THE TITLE\n\nby An Author\n\nCHAPTER I\n\nIt was a dark night.\n\nTHE END"

HEADERS = {
    "2020": "The Project Gutenberg EBook of X, by Y\n\nTitle: X\n\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n",
    "2008": "Project Gutenberg's X, by Y\n\n"
    "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n\nProduced by A, B\nand C.\n",
    "long title": "*** START OF THE PROJECT GUTENBERG EBOOK A VERY LONG\nTITLE INDEED ***\n\n",
    "2002": "The Project Gutenberg EBook of X\n\n*** START OF THE PROJECT GUTENBERG EBOOK, X ***\n\n"
    "This etext was produced by A\n",
    "1994": "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nlaw\n"
    "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n\n*The Project Gutenberg Etext of X*\n\n",
    "2001": "**END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04*END**\n[Portions of this header are (C) 2001\n"
    "Project Gutenberg is a TradeMark]\n\n[Chapters 1-6:  mostly scanned by A,\nproofread by B]\n\n",
    "German": "*** ANFANG DIESES PROJECT GUTENBERG EBOOKS X ***\n\nE-text prepared by A\n",
    "French": "*** DEBUT DU FICHIER DU PROJET GUTENBERG X ***\n\n",
}
FOOTERS = {
    "2020": "\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n\nUpdated editions will replace the previous one.\n",
    "2008": "\n\nEnd of the Project Gutenberg EBook of X, by Y\n\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n\nlicence\n",
    "two lines": "\n\nEnd of the Project Gutenberg EBook of X, by\nA Very Long Name\n\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK X ***",
    "1994": "\n\nEnd of the Project Gutenberg Etext of X\n\n",
    "the": "\n\nEnd of The Project Gutenberg Etext of X by Y\n",
    "possessive": "\n\nEnd of Project Gutenberg's X, by Y\n",
    "German": "\n\nEnde dieses Projekt Gutenberg Etextes X\n",
    "French": "\n\nFin du Projet Gutenberg X\n",
    "Dutch": "\n\nEinde van het Project Gutenberg EBoek X\n",
    "file name": "\n\n***** This file should be named 11.txt or 11.zip *****\n",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("footer", FOOTERS.values(), ids=FOOTERS)
def test_wrappers_of_every_age_go(header, footer):
    book = unwrap(header + "\n" + BOOK + footer)
    assert (book.text, book.header, book.footer) == (BOOK, True, True)


def test_book_without_a_wrapper_stays_as_it_is():
    book = unwrap(BOOK)
    assert (book.text, book.header, book.footer) == (BOOK, False, False)


@pytest.mark.parametrize(
    "line",
    [
        "Produced by Special Arrangement, the play ran a year.",
        "The end of the project was near; Gutenberg slept.",
        "*** START of something else ***",
        "    *       *       *       *       *",
        "He printed as Gutenberg had, on *END* paper.",
        "*** ",
    ],
)
def test_lines_of_the_book_are_not_taken_for_marks(line):
    text = f"CHAPTER I\n\n{line}\n\nmore"
    assert unwrap(text).text == text
    assert unwrap(HEADERS["2020"] + "\n" + text + FOOTERS["2020"]).text == text


def test_transcribers_note_and_front_matter_stay():
    note = "Transcriber's Note: spelling was kept.\n\nPREFACE\n\nwords"
    assert unwrap(HEADERS["2008"] + "\n" + note).text == note


def test_credit_after_the_books_first_words_stays():
    text = "A TITLE\n\nProduced by the author himself."
    assert unwrap(HEADERS["2008"] + "\n" + text).text == text


def test_indentation_of_the_first_line_stays():
    assert unwrap(HEADERS["2020"] + "\n\n      A TITLE\n\ntext").text == "      A TITLE\n\ntext"


@pytest.mark.parametrize("lines, header", [(HEADER_LINES - 1, True), (HEADER_LINES, False)])
def test_header_mark_counts_only_near_the_start(lines, header):
    text = "x\n" * lines + "*** START OF THE PROJECT GUTENBERG EBOOK X ***\nbook"
    assert unwrap(text).header is header


@pytest.mark.parametrize("lines, footer", [(FOOTER_LINES - 1, True), (FOOTER_LINES, False)])
def test_footer_mark_counts_only_near_the_end(lines, footer):
    text = "book\n*** END OF THE PROJECT GUTENBERG EBOOK X ***" + "\nx" * lines
    assert unwrap(text).footer is footer


def test_whole_text_between_adjacent_marks_is_empty():
    assert unwrap(HEADERS["2020"] + FOOTERS["2020"]).text == ""


@pytest.mark.parametrize(
    "piece", ["*** START OF ", "***\n", "End of ", "produced by ", "[", "Project ", "\n", "*", "e-text was "]
)
def test_hostile_book_takes_bounded_time(piece):
    before = time.process_time()
    unwrap(piece * (500_000 // len(piece)))
    assert time.process_time() - before < 5


def test_wrapper_filter_counts_what_it_did_not_find(documents):
    result = GutenbergWrapper().apply(documents(HEADERS["2020"] + BOOK, BOOK + FOOTERS["2020"], ""))
    assert result.batch.column("text").to_pylist() == [BOOK, BOOK, ""]
    assert result.reason.to_pylist() == [None] * 3
    assert result.counts == {"header_not_found": 2, "footer_not_found": 2}


@pytest.mark.parametrize(
    "license, reason", [(PUBLIC_DOMAIN, None), ("Copyrighted", "copyrighted"), (None, "copyrighted")]
)
def test_copyrighted_books_go(documents, license, reason):
    result = PublicDomain().apply(documents("text", license=license))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})


@pytest.mark.parametrize(
    "text, reason", [("x" * 9, "too_few_chars"), ("x" * 10, None), ("é" * 9, "too_few_chars"), ("", "too_few_chars")]
)
def test_short_texts_go(documents, text, reason):
    result = LongEnough(min_chars=10).apply(documents(text))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})


def test_negative_length_is_refused():
    with pytest.raises(ValueError, match="min_chars must be at least 0, got -1"):
        LongEnough(min_chars=-1)


def test_verdict_drops_the_books_that_it_names(documents):
    rule = DropContainedBooks(dropped=frozenset([book_key("1")]))
    result = rule.apply(documents("a", "b", "c"))
    assert result.reason.to_pylist() == [None, "contained_in_longer_book", None]
    assert result.counts == {}


def test_empty_verdict_drops_nothing(documents):
    assert DropContainedBooks().apply(documents("a", "b")).reason.to_pylist() == [None, None]


@pytest.mark.parametrize("rule", [PublicDomain(), GutenbergWrapper(), LongEnough(), DropContainedBooks()])
def test_rules_are_filters_and_take_an_empty_batch(documents, rule):
    assert isinstance(rule, Filter)
    assert len(rule.apply(documents()).reason) == 0
