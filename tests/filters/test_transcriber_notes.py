"""What a transcriber tells of the file is found at both ends of a book; what an editor tells of the book is not."""

import time

import pytest

from filters.transcriber_notes import MAX_BACK_LINES, MAX_FRONT_LINES, after_notes, before_notes

TITLE = ["A TITLE", "", "CHAPTER I", "", "It was a dark night."]

FRONT = {
    "a paragraph": "Transcriber's Note: old spelling was kept.",
    "a section": "TRANSCRIBER'S NOTES\n\nOld spelling was kept.\n\nNames too.\n",
    "a heading with a gap": "Transcriber's Notes\n\n\nOld spelling was kept.\n\nNames too.\n",
    "up to a line of stars": "Transcriber's Note\n\nOld spelling.\n\nNames too.\n\n    *    *    *    *",
    "up to a rule": "Transcriber's Note\n\nOld spelling.\n\nNames too.\n\n---------------------",
    "in brackets": "[Transcriber's Note: Old [sic] spelling\nwas kept.\n\nNames too.]",
    "in a box": "+---------------------+\n| Transcriber's Note: |\n|          |\n| Old. |\n+-----+",
    "between stars": "*  *  *  *\n\n+-------+\n| Transcriber's Note |\n+-------+\n\n*  *  *  *",
    "signs alone": "Words in _italics_ in the print stand between signs, text in bold as\n=bold=.\n",
    "French signs": "Au lecteur.\n\nLe texte en italiques dans l’original est indiqué comme _italiques_.\n",
    "German signs": "Im Original gesperrter Text ist _so ausgezeichnet_.\n",
    "an encoding": "This text includes characters that require UTF-8\n(Unicode) file encoding:\n\n    Ā Ē\n\nIf not:",
    "curly": "Transcriber’s Note: x",
    "plural": "Transcribers' Notes: x",
    "Transcription": "Transcription notes: x",
    "by the transcriber": "Note by the transcriber: x",
    "underscores": "_Transcriber's Note:_ x",
    "French": "Note de transcription: x",
    "French, more": "Notes au sujet de la transcription: x",
    "German": "Anmerkungen zur Transkription: x",
    "German hints": "Hinweise zur Transkription: x",
    "Dutch": "Opmerkingen van de bewerker: x",
    "Italian": "Nota del Trascrittore: x",
    "Spanish": "Nota del Transcriptor: x",
    "Portuguese": "Notas do transcritor: x",
    "Finnish": "Huomautuksia sähköiseen laitokseen: x",
}


@pytest.mark.parametrize("note", FRONT.values(), ids=FRONT)
def test_a_note_before_the_book_is_found(note):
    lines = [*note.split("\n"), "", "", *TITLE]
    assert lines[after_notes(lines, 0, len(lines)) :] == TITLE


@pytest.mark.parametrize(
    "text",
    [
        "This text contains the characters of my uncles.",
        "NOTE.\n\nThe author's spelling was kept.",
        "Editor's Note: the spelling was kept.",
        "Au lecteur.\n\nC'est icy un livre de bonne foy, lecteur.",
        "Ad lectorem.\n\nItalicae res.",
        "[Illustration: The transcriber's note]",
        "+--------+\n| A TITLE |\n+--------+",
        "The transcriber's notes were lost at sea.",
        "*  *  *  *",
        "PREFACE\n\nItalics are the author's own.",
    ],
)
def test_front_matter_is_no_note(text):
    lines = [*text.split("\n"), "", "", *TITLE]
    assert after_notes(lines, 0, len(lines)) == 0
    assert before_notes(lines, 0, len(lines)) == len(lines)


def test_a_note_without_an_end_is_its_first_paragraph():
    lines = ["Transcriber's Note", "Old spelling.", "", *(["x", ""] * MAX_FRONT_LINES)]
    assert after_notes(lines, 0, len(lines)) == 3


def test_a_bracket_that_never_closes_is_no_note():
    lines = ["[Transcriber's Note: x", *["y"] * (MAX_FRONT_LINES + 1), "z]"]
    assert after_notes(lines, 0, len(lines)) == 0


@pytest.mark.parametrize("lines, found", [(24, True), (25, False)])
def test_signs_are_explained_in_a_short_section(lines, found):
    text = ["Words in _italics_ stand so.", *["x"] * (lines - 1), "", "", *TITLE]
    assert (after_notes(text, 0, len(text)) > 0) is found


def test_no_text_at_all_has_no_notes():
    assert (after_notes([], 0, 0), before_notes([], 0, 0)) == (0, 0)


BACK = {
    "a section": "Transcriber's Notes\n\n\n- Page 3: x to y\n\n- Page 4: y to z",
    "a paragraph": "Transcriber's note: old spelling was kept.",
    "in brackets": "[Transcriber's note: old spelling\n\nwas kept.]",
    "behind stars": "*   *   *   *   *\n\nTRANSCRIBER'S NOTES\n\nold spelling",
    "in a box": "  +------+\n  | Transcriber's Note |\n  +------+",
    "a box of errata": "  +------+\n  | Typographical errors corrected in text: |\n  +------+\n\n  *  *  *  *",
    "unnamed, behind stars": "  *  *  *  *\n\nThe following typographical errors were mended:\n\np. 3 x",
    "French, unnamed": "  *  *  *  *\n\n  Au lecteur.\n\n  Ce livre électronique reproduit le texte.",
    "German, unnamed": "-----------\n\nOffensichtliche Druckfehler wurden berichtigt.",
}


@pytest.mark.parametrize("note", BACK.values(), ids=BACK)
def test_a_note_behind_the_book_is_found(note):
    lines = [*TITLE, "", "", *note.split("\n"), "", ""]
    assert lines[: before_notes(lines, 0, len(lines))] == TITLE


@pytest.mark.parametrize(
    "text",
    [
        "[Transcriber's note: a page is missing here.]\n\nAnd so they lived.",
        "He read.\nTranscriber's note: old spelling was kept.",
        "Transcriber's Note\n\nx\n\nCHAPTER II\n\nIt was a bright day.",
        "  +------+\n  | A BILL |\n  +------+",
        "  *  *  *  *\n\nNOTES\n\n1. Said of typesetters.",
        "  *  *  *  *",
        "Typographical errors were his life.",
    ],
)
def test_what_a_book_ends_with_is_no_note(text):
    lines = [*TITLE, "", *text.split("\n")]
    assert before_notes(lines, 0, len(lines)) == len(lines)


@pytest.mark.parametrize("lines, found", [(MAX_BACK_LINES, True), (MAX_BACK_LINES + 1, False)])
def test_a_note_behind_the_book_is_looked_for_near_the_end(lines, found):
    text = [*TITLE, "", "Transcriber's Note", *["x"] * (lines - 1)]
    assert (before_notes(text, 0, len(text)) < len(text)) is found


def test_a_file_that_is_all_note_stays():
    lines = ["Transcriber's Note", "", "x"]
    assert before_notes(lines, 0, len(lines)) == 3


@pytest.mark.parametrize(
    "piece", ["italic ", "* ", "[", "| ", "Transcriber's note ", "-", "\n\n", "*\n\n", "|\n", "*\t"]
)
def test_hostile_lines_take_bounded_time(piece):
    lines = (piece * (2_000_000 // len(piece))).split("\n")
    before = time.process_time()
    after_notes(lines, 0, len(lines))
    before_notes(lines, 0, len(lines))
    assert time.process_time() - before < 5
