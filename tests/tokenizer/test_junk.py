"""A piece of junk is known by its characters."""

import pytest

from tokenizer.junk import EXAMPLES, KINDS, junk_figures, junk_kind


@pytest.mark.parametrize(
    "piece, kind",
    [
        ("the", None),
        ("▁über", None),
        ("日本", None),
        ("", None),
        ("▁", None),
        ("▁" * 16, None),
        ("\u200d", None),
        ("क\u200cष", None),
        ("a\ufffd", "replacement"),
        ("\u00e2\u20ac\u2122", "mojibake"),
        ("▁caf\u00c3\u00a9", "mojibake"),
        ("\u00c3", None),
        ("\u00e9t\u00e9", None),
        (");\r", "carriage_return"),
        ("\ue000", "private_use"),
        ("\u0378", "unassigned"),
        ("a\x01", "control"),
        ("\ufeff", "control"),
        ("\u2028", "control"),
        ("===", None),
        ("====", "run"),
        ("▁====", "run"),
        ("▁===", None),
        ("==-=", None),
        ("aaaa", "run"),
    ],
)
def test_a_piece_is_junk_of_one_kind_or_none(piece, kind):
    assert junk_kind(piece) == kind


@pytest.mark.parametrize("piece, kind", [("\ufffd\r", "replacement"), ("\r\r\r\r", "carriage_return")])
def test_the_first_kind_counts(piece, kind):
    assert junk_kind(piece) == kind


def test_every_kind_is_counted_with_examples_the_longest_first():
    figures = junk_figures({5: "====", 6: "-----", 7: "the", 8: "a\r"}, [7, 8])
    assert {kind: held["pieces"] for kind, held in figures.items()} == dict.fromkeys(KINDS, 0) | {
        "run": 2,
        "carriage_return": 1,
        "never_used": 2,
    }
    assert (figures["run"]["examples"], figures["never_used"]["examples"]) == (["-----", "===="], ["the", "a\r"])


def test_examples_are_few():
    figures = junk_figures({i: chr(0xE000 + i) for i in range(300)}, [])
    assert figures["private_use"]["pieces"] == 300
    assert figures["private_use"]["examples"] == [chr(0xE000 + i) for i in range(EXAMPLES)]


def test_what_was_not_measured_is_not_unused():
    assert junk_figures({5: "a"}, None)["never_used"] is None


def test_an_unused_id_that_is_no_piece_of_text_is_no_junk():
    assert junk_figures({5: "a"}, [3, 5])["never_used"] == {"pieces": 1, "examples": ["a"]}
