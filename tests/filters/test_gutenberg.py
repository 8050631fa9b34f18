"""Project Gutenberg's wrappers of every age go, the book stays as it is."""

import time
from pathlib import Path

import pytest

from filters.gutenberg import FOOTER_LINES, HEADER_LINES, Unwrapped, unwrap

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


def listed(name: str) -> list[str]:
    """The lines of tests/golden/books/gutenberg/NAME.txt."""
    return (Path(__file__).parents[1] / f"golden/books/gutenberg/{name}.txt").read_text().splitlines()


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


@pytest.mark.parametrize("heading", ["PREFACE", "Editor's Note", "INTRODUCTION BY A", "To my friend", "NOTE."])
def test_front_matter_of_the_book_stays(heading):
    text = f"{heading}\n\nThe spelling of the first edition was kept.\n\n\nCHAPTER I\n\nwords"
    assert unwrap(HEADERS["2008"] + "\n" + text + FOOTERS["2008"]) == Unwrapped(text, header=True, footer=True)


NOTE = "Transcriber's Note:\n\nOld spelling was kept.\n\n\n\n"


def test_notes_of_the_transcriber_go_at_both_ends():
    text = HEADERS["2008"] + "\n" + NOTE + BOOK + "\n\n\n" + NOTE + FOOTERS["2008"]
    assert unwrap(text) == Unwrapped(BOOK, header=True, footer=True, notes=2)


def test_notes_of_a_text_without_a_wrapper_stay():
    assert unwrap(NOTE + BOOK) == Unwrapped(NOTE + BOOK, header=False, footer=False)


def test_credits_and_notes_go_in_turns():
    credits = "E-text prepared by A\n\n[Transcriber's note: the cover is ours.]\n\nProduced by B\n\n"
    assert unwrap(HEADERS["2020"] + credits + BOOK).text == BOOK


@pytest.mark.parametrize("text", [" \n\n  A TITLE\n\nwords  \n\n", "\n", "a\r\nb", "*** START ***\n"])
def test_a_text_of_another_origin_passes_untouched(text):
    assert unwrap(text) == Unwrapped(text, header=False, footer=False)


def test_legal_blocks_within_shakespeares_works_go():
    legal = "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\nSHAKESPEARE IS COPYRIGHT 1990.>>\n\n"
    assert (
        unwrap(HEADERS["1994"] + "1\n\nFrom fairest\n\n" + legal + "2\n\nWhen").text == "1\n\nFrom fairest\n\n2\n\nWhen"
    )


@pytest.mark.parametrize(
    "credit",
    [
        "The Internet Wiretap 1st Online Edition of",
        "Entered by A. of B\na@west.darkside.com",
        "E-text prepared by A",
        "[This etext was scanned from the edition of 1911]",
    ],
)
def test_credits_of_the_file_go_from_the_title_page_too(credit):
    assert unwrap(f"{HEADERS['1994']}THE TITLE\nby A\n\n{credit}\n\nPREFACE").text == "THE TITLE\nby A\n\nPREFACE"


@pytest.mark.parametrize("line", ["Entered by the side door.", "Write to a@b.de, he said.", "Typed by hand, 1911"])
def test_what_looks_like_such_a_credit_stays(line):
    text = f"THE TITLE\n\n{line}\n\nPREFACE"
    assert unwrap(HEADERS["1994"] + text).text == text


@pytest.mark.parametrize("lines, gone", [(60, False), (58, True)])
def test_credits_below_the_title_page_stay(lines, gone):
    text = "x\n\n" * (lines // 2) + "E-text prepared by A\n\nwords"
    assert ("E-text" not in unwrap(HEADERS["2020"] + text).text) is gone


AUSTRALIA = """Project Gutenberg Australia

Title:      A Title
Author:     An Author
* A Project Gutenberg of Australia eBook *
eBook No.:  0100021.txt
Edition:    1
Language:   English
Date first posted: August 2001

This eBook was produced by: A. B.

Project Gutenberg of Australia eBooks are created from printed editions
which are in the public domain in Australia.

Copyright laws are changing all over the world.

This eBook is made available at no cost and with almost no restrictions
whatsoever.

To contact Project Gutenberg of Australia go to http://gutenberg.net.au

--------------------------------------------------------------------------

Title:      A Title
Author:     An Author


"""
CANADA = """* A Project Gutenberg Canada Ebook *

This ebook is made available at no cost and with very few
restrictions.

This work is in the Canadian public domain, but may be
under copyright in some countries.

Title: A Title
Author: An Author
Date of first publication: 1949
Edition used as base for this ebook: London, 1949
Date first posted: 23 May 2012
Project Gutenberg Canada ebook #949

This ebook was produced by A, B & C


"""


@pytest.mark.parametrize(
    "header, footer",
    [
        (AUSTRALIA, "\n\nProject Gutenberg Australia\n"),
        (AUSTRALIA, "\n\n\nEND OF THIS PROJECT GUTENBERG OF AUSTRALIA\n"),
        (AUSTRALIA, "\n\nThis site is full of FREE ebooks - Project Gutenberg Australia\n"),
        (CANADA, "\n\n[End of A Title, by An Author]\n"),
        (CANADA, "\n\n[_The end of_ A Title _by An Author_]\n"),
    ],
)
def test_wrappers_of_the_sister_projects_go(header, footer):
    assert unwrap(header + BOOK + footer) == Unwrapped(BOOK, header=True, footer=True)


def test_a_sisters_masthead_in_the_book_is_none():
    text = "words\n" * 200 + AUSTRALIA
    assert unwrap(text).text == text


@pytest.mark.parametrize("lines, footer", [(39, True), (40, False)])
def test_a_sisters_footer_is_among_the_last_forty_lines(lines, footer):
    end = "\n[End of A Title, by An Author]" + "\nAn advertisement." * lines
    text = BOOK if footer else BOOK + end
    assert unwrap(CANADA + BOOK + end) == Unwrapped(text, header=True, footer=footer)


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


@pytest.mark.parametrize("mark", listed("header-marks"))
def test_a_header_ends_with_each_of_its_marks(mark):
    book = unwrap(f"What Gutenberg says of the book.\n{mark}\n{BOOK}")
    assert (book.text, book.header) == (BOOK, True)


@pytest.mark.parametrize("line", listed("no-header-marks"))
def test_a_line_that_is_nearly_a_mark_ends_no_header(line):
    assert not unwrap(f"Words.\n{line}\n{BOOK}").header


@pytest.mark.parametrize("mark", listed("footer-marks"))
def test_a_footer_begins_with_each_of_its_marks(mark):
    book = unwrap(f"{BOOK}\n\n{mark}\nlicence")
    assert (book.text, book.footer) == (BOOK, True)


@pytest.mark.parametrize("line", listed("no-footer-marks"))
def test_a_line_that_is_nearly_a_mark_begins_no_footer(line):
    assert unwrap(f"{BOOK}\n{line}\nmore").footer is False


@pytest.mark.parametrize(
    "credit",
    [*listed("credits"), "Chapters 1 to 9\nsubmitted by A. Mason", "Ce document fut présenté en lecture\npar l'ABU"],
)
def test_each_way_to_credit_who_made_the_file_goes(credit):
    assert unwrap(f"{HEADERS['2020']}\n{credit}\n\n{BOOK}").text == BOOK


@pytest.mark.parametrize("words", ["Reproduced by art", "The text is long", "Retyped by hand", "A creation by God"])
def test_what_is_no_credit_stays(words):
    assert unwrap(f"{HEADERS['2020']}\n{words}\n\n{BOOK}").text == f"{words}\n\n{BOOK}"


@pytest.mark.parametrize("lines, kept", [(14, False), (15, True)])
def test_a_credit_is_no_longer_than_a_paragraph_of_credits(lines, kept):
    paragraph = "Produced by A" + "\nand B" * (lines - 1)
    assert unwrap(f"{HEADERS['2020']}\n{paragraph}\n\n{BOOK}").text.startswith("Produced") is kept


@pytest.mark.parametrize("lines, kept", [(5, False), (6, True)])
def test_a_mention_of_gutenberg_is_a_credit_only_in_a_short_paragraph(lines, kept):
    paragraph = "\n".join(["words"] * (lines - 1) + ["of Project Gutenberg"])
    assert unwrap(f"{HEADERS['2020']}\n{paragraph}\n\n{BOOK}").text.startswith("words") is kept


@pytest.mark.parametrize("paragraphs, kept", [(8, False), (9, True)])
def test_so_many_paragraphs_of_credits_go_and_no_more(paragraphs, kept):
    credits = "Produced by A\n\n" * paragraphs
    assert unwrap(f"{HEADERS['2020']}\n{credits}{BOOK}").text.startswith("Produced") is kept


@pytest.mark.parametrize("lines, left", [(4, ""), (5, "TITLE\n" * 4 + "TITLE ***\n\n")])
def test_a_title_in_a_mark_runs_over_five_lines_at_most(lines, left):
    mark = "*** START OF THE PROJECT GUTENBERG EBOOK A\n" + "TITLE\n" * (lines - 1) + "TITLE ***\n\n"
    assert unwrap(mark + BOOK).text == left + BOOK


def test_a_mark_without_its_closing_stars_is_one_line():
    assert unwrap(f"*** START OF THE PROJECT GUTENBERG EBOOK X\n{BOOK}").text == BOOK


def test_a_header_with_nothing_behind_it_leaves_an_empty_book():
    book = unwrap(HEADERS["2020"])
    assert (book.text, book.header, book.footer) == ("", True, False)


def test_the_last_of_several_headers_ends_the_wrapper():
    assert unwrap(HEADERS["2020"] + "legal words\n" + HEADERS["1994"] + BOOK).text == BOOK


@pytest.mark.parametrize("lines, left", [(12, BOOK), (13, BOOK + "\nEnd of Project Gutenberg's X" + "\nx" * 12)])
def test_a_line_of_ending_counts_just_before_the_stars(lines, left):
    text = f"{BOOK}\nEnd of Project Gutenberg's X" + "\nx" * (lines - 1) + "\n*** END OF PROJECT GUTENBERG X ***"
    assert unwrap(text).text == left


def test_a_mark_of_ending_ends_the_search_for_a_header():
    text = f"{BOOK}\n*** END OF THE PROJECT GUTENBERG EBOOK ***\n{HEADERS['2020']}licence"
    assert (unwrap(text).text, unwrap(text).header) == (BOOK, False)
