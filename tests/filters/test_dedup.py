"""Duplicate lines and documents go; nothing else does."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.batch import document_batch
from filters.dedup import DropDuplicateDocuments, DropDuplicateLines, counted_lines, identities, is_member
from filters.fingerprint import document_keys, line_keys

MENU = "Home | About"


def keys_of(*lines):
    return np.unique(line_keys(pa.array(lines, pa.large_string())).keys)


def drop(*lines, **settings):
    return DropDuplicateLines(duplicate_keys=keys_of(*lines), **settings)


@pytest.mark.parametrize(
    "text, left",
    [
        ("One.\nTwo.", "One.\nTwo."),
        (f"{MENU}\nOne.\n{MENU}", "One."),
        ("One.\n HOME | about\t\nTwo.", "One.\nTwo."),
        ("One.\nTwo.\none.\nOne.", "One.\nTwo."),
        ("One.\n\nTwo.\n\nThree.\n", "One.\n\nTwo.\n\nThree.\n"),
        (f"One.\n\n{MENU}\n \n\nTwo.", "One.\n\nTwo."),
        (f"\n{MENU}\n\nTwo.", "\nTwo."),
        ("One.\n\nOne.\n\nTwo.", "One.\n\nTwo."),
        ("Zwölf – Ärzte\nzwölf  Ärzte", "Zwölf – Ärzte"),
    ],
)
def test_duplicate_and_repeated_lines_go_and_blank_ones_with_the_line_before(documents, text, left):
    result = drop(MENU).apply(documents(text))
    assert result.batch.column("text").to_pylist() == [left]
    assert result.reason.to_pylist() == [None]


@pytest.mark.parametrize("text", [MENU, f"{MENU}\n{MENU.lower()}\n", f"\n \n{MENU}", "", "\n\n"])
def test_document_without_a_line_left_is_rejected(documents, text):
    assert drop(MENU).apply(documents(text)).reason.to_pylist() == ["nothing_left"]


def test_a_page_with_what_is_kept_of_it_and_what_is_counted(documents):
    result = drop(MENU).apply(documents(f"One.\n\n{MENU}\n\nTwo.\none.", MENU))
    assert result.batch.column("text").to_pylist() == ["One.\n\nTwo.", ""]
    assert result.reason.to_pylist() == [None, "nothing_left"]
    assert result.counts == {"lines_in": 7, "lines_duplicate": 2, "lines_repeated": 1, "lines_blank_dropped": 1}


@pytest.mark.parametrize(
    "text, reason", [("ABCDE\n" + MENU, None), ("ABCD\n" + MENU, "too_few_chars"), ("zwölf", None)]
)
def test_document_with_too_few_characters_left_is_rejected(documents, text, reason):
    assert drop(MENU, min_chars=5).apply(documents(text)).reason.to_pylist() == [reason]


def test_every_line_is_counted(documents):
    batch = documents(f"{MENU}\n\nOne.\none.\n\nTwo.", "", f"{MENU}\n{MENU}")
    assert drop(MENU).apply(batch).counts == {
        "lines_in": 9,
        "lines_duplicate": 3,
        "lines_repeated": 1,
        "lines_blank_dropped": 2,
    }


def test_a_repeat_in_another_document_is_no_repeat(documents):
    result = DropDuplicateLines().apply(documents("One.", "One."))
    assert result.batch.column("text").to_pylist() == ["One.", "One."]


def test_the_blank_key_does_not_make_blank_lines_duplicates(documents):
    result = drop("", "—").apply(documents("One.\n\nTwo.\n—\n…"))
    assert result.batch.column("text").to_pylist() == ["One.\n\nTwo."]


@pytest.mark.parametrize(
    "duplicates, text, left, numbers",
    [
        ((), "One.\n\nTwo.\n \n—\n", "One.\n\nTwo.", [0, 1, 2]),
        (("",), "One.\n\nTwo.\n \n—\n", "One.\nTwo.", [0, 2]),
        ((MENU,), f"{MENU}\n\nTwo.\n", "\nTwo.", [1, 2]),
        ((MENU,), f"{MENU}\n\n{MENU}\n", "", [1]),
        ((MENU,), f"{MENU}\n\n\nTwo.", "\nTwo.", [1, 3]),
        ((), "\n\n", "", [0]),
    ],
)
def test_ccnet_s_blank_lines_are_lines_like_any_other(documents, duplicates, text, left, numbers):
    result = drop(*duplicates, blank_lines_count=True).apply(documents(text))
    assert result.batch.column("text").to_pylist() == [left]
    assert result.batch.column("kept_lines").to_pylist() == [numbers]
    assert result.reason.to_pylist() == [None]


@pytest.mark.parametrize("text", ["", MENU, f"{MENU}\n{MENU.lower()}", "\n —"])
def test_ccnet_s_document_goes_where_no_line_is_left_at_all(documents, text):
    result = drop(MENU, *([""] if "—" in text else []), blank_lines_count=True).apply(documents(text))
    assert result.reason.to_pylist() == ["nothing_left"]


def test_ccnet_s_blank_lines_are_counted_as_duplicates_and_repeats(documents):
    result = drop(MENU, blank_lines_count=True).apply(documents(f"One.\n\n \n{MENU}"))
    assert result.counts == {"lines_in": 4, "lines_duplicate": 1, "lines_repeated": 1, "lines_blank_dropped": 0}


@pytest.mark.parametrize(
    "text, numbers",
    [("One.", [0]), (f"{MENU}\nOne.\n\n{MENU}\n\none.\nTwo.\n", [1, 2, 6, 7]), (MENU, []), ("", [0]), ("a\nb", [0, 1])],
)
def test_the_numbers_of_the_lines_left_count_the_lines_that_came_in(documents, text, numbers):
    result = drop(MENU).apply(documents("before\nit", text))
    assert result.batch.column("kept_lines").to_pylist() == [[0, 1], numbers]
    kept = [line for number, line in enumerate(text.split("\n")) if number in numbers]
    assert result.batch.column("text").to_pylist()[1] == "\n".join(kept)


def test_no_input_is_changed_and_other_columns_stay(documents):
    batch = documents(MENU, "One.", url="https://example.org")
    before = batch.to_pylist()
    after = drop(MENU).apply(batch).batch
    assert batch.to_pylist() == before
    rewritten = ["text", "kept_lines"]
    assert after.drop_columns(rewritten).equals(batch.drop_columns(rewritten))


def test_a_batch_without_rows_passes():
    result = drop(MENU).apply(document_batch([]))
    assert (result.batch.num_rows, len(result.reason)) == (0, 0)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "A", "b", "", " ", "Σ", "—", "İ", "ab"]), max_size=6), max_size=4))
def test_lines_left_are_those_of_plain_python(pages):
    lost = {"b", "σ"}
    batch = document_batch([{"doc_id": "0", "source": "c4", "origin": "", "text": "\n".join(page)} for page in pages])
    result = drop("b", "Σ").apply(batch)
    for page, text in zip(pages, result.batch.column("text").to_pylist(), strict=True):
        forms = [line.strip().lower().replace("—", "") for line in page if line.strip()]
        left = [line.strip().lower().replace("—", "") for line in text.split("\n") if line.strip()]
        assert left == list(dict.fromkeys(form for form in forms if form not in lost))


@pytest.mark.parametrize(
    "setting", [{"min_chars": -1}, *({"duplicate_keys": np.array(keys, np.uint64)} for keys in ([2, 1], [2, 2]))]
)
def test_settings_that_cannot_be_meant_are_refused(setting):
    with pytest.raises(ValueError, match=r"min_chars|duplicate_keys"):
        DropDuplicateLines(**setting)


@pytest.mark.parametrize("count, counted", [(False, [1, 0, 1, 0, 0, 0]), (True, [1, 1, 1, 0, 1, 1])])
def test_blank_lines_count_where_they_are_told_to_but_never_as_an_empty_text(count, counted):
    lines = line_keys(pa.array(["a\n \nb", "", "\n"]))
    assert counted_lines(lines, blank_lines_count=count).tolist() == [bool(flag) for flag in counted]


@pytest.mark.parametrize(
    "sorted_keys, found", [([], [0, 0, 0]), ([2], [0, 1, 0]), ([1, 3], [1, 0, 1]), ([9], [0, 0, 0])]
)
def test_membership_in_sorted_keys(sorted_keys, found):
    keys = np.array([1, 2, 3], np.uint64)
    assert is_member(keys, np.array(sorted_keys, np.uint64)).tolist() == [bool(flag) for flag in found]


def winners(batch, row):
    """The row that says: of this document's text, this document stays."""
    return [*document_keys(batch.column("text"))[row].tolist(), int(identities(batch)[row])]


def test_only_the_winner_of_a_text_stays(documents):
    batch = documents("one", "two", "one", "One")
    verdict = DropDuplicateDocuments(winners=np.array([winners(batch, 2)], np.uint64))
    result = verdict.apply(batch)
    assert result.reason.to_pylist() == ["duplicate_document", None, None, None]
    assert (result.counts, result.batch) == ({}, batch)


def test_two_texts_whose_keys_share_a_half_are_told_apart(documents):
    batch = documents("one", "two")
    high, low, _ = winners(batch, 0)
    verdict = np.array([[high, low - 1, 7], [high, low, 8], [high, low + 1, 9]], np.uint64)
    assert DropDuplicateDocuments(winners=verdict).apply(batch).reason.to_pylist() == ["duplicate_document", None]
    assert DropDuplicateDocuments(winners=verdict[[0, 2]]).apply(batch).reason.to_pylist() == [None, None]


def test_without_a_verdict_every_document_stays(documents):
    assert DropDuplicateDocuments().apply(documents("", "")).reason.to_pylist() == [None, None]
    assert len(DropDuplicateDocuments().apply(document_batch([])).reason) == 0


def test_a_verdict_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="3 columns"):
        DropDuplicateDocuments(winners=np.zeros((1, 2), np.uint64))


GOLDEN_PAGE = """Home | News | Contact
The bridge at Langdon was closed on Tuesday.

Share this: Facebook, Twitter
Repairs will take “about two weeks”, the council said.
the bridge at langdon was closed on tuesday.
© 2019 All rights reserved"""


def test_a_page_keeps_its_story_and_loses_its_frame(documents):
    frame = drop("HOME | NEWS | CONTACT", "Share this: Facebook, Twitter", "© 2021 All rights reserved")
    result = frame.apply(documents(GOLDEN_PAGE))
    assert result.batch.column("text").to_pylist() == [
        "The bridge at Langdon was closed on Tuesday.\n\nRepairs will take “about two weeks”, the council said."
    ]
    assert result.counts == {"lines_in": 7, "lines_duplicate": 3, "lines_repeated": 1, "lines_blank_dropped": 0}


@pytest.mark.parametrize("keys", [[], [1], [1, 2]])
def test_sorted_keys_are_taken_as_they_are(documents, keys):
    rule = DropDuplicateLines(duplicate_keys=np.array(keys, np.uint64), min_chars=0)
    assert rule.apply(documents("One.\nTwo.")).batch.column("text").to_pylist() == ["One.\nTwo."]


@pytest.mark.parametrize(
    "text, left",
    [
        (f"One.\n{MENU}\nTwo.\n{MENU}\nThree.", "One.\nTwo.\nThree."),
        (f"\n\n{MENU}\n\n\nOne.\n\n", "\n\nOne.\n\n"),
        (f"{MENU}\n\n{MENU}\n\nOne.", "One."),
        ("One.\n\nTwo.\n\nOne.\n\nThree.", "One.\n\nTwo.\n\nThree."),
        ("One.\n  \t\nTwo.", "One.\n  \t\nTwo."),
        ("  One.  \nTwo.", "  One.  \nTwo."),
        ("One 1.\nOne 2.\nOne 10.", "One 1.\nOne 10."),
    ],
)
def test_lines_that_stay_are_those_of_the_page_in_its_order(documents, text, left):
    assert drop(MENU).apply(documents(text)).batch.column("text").to_pylist() == [left]
