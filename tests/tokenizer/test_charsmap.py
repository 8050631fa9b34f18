"""The table of characters is read as SentencePiece reads it, and a damaged one is refused before it is used."""

import random

import numpy as np
import pytest

from tokenizer.charsmap import CHANGES, CODE_POINTS, INNER, flag_keys, matched, parse_charsmap
from tokenizer.sentencepiece_model import parse_model

LEAF, END = 1 << 31, np.uint32(1 << 8)


@pytest.fixture(scope="module")
def nfkc(trained):
    """SentencePiece's own table for NFKC."""
    return parse_model(trained(normalization_rule_name="nfkc").read_bytes()).charsmap


def target(charsmap, text):
    """Bytes of the longest key that the text begins with, and what stands for them."""
    table, values = parse_charsmap(charsmap), np.frombuffer(text.encode() + bytes(8), np.uint8)
    length, start = matched(table.units, values, 0, len(text.encode()))
    return length, table.targets[start:].tobytes().split(b"\0")[0].decode() if length else None


@pytest.mark.parametrize(
    "text, length, becomes", [("ﬁx", 3, "fi"), ("½", 2, "1⁄2"), ("a", 0, None), ("e\u0301x", 3, "é"), ("", 0, None)]
)
def test_the_longest_key_is_found_with_what_stands_for_it(nfkc, text, length, becomes):
    assert target(nfkc, text) == (length, becomes)


def test_characters_that_are_keys_and_those_that_stand_second_are_flagged(nfkc):
    flags = flag_keys(parse_charsmap(nfkc).units)
    assert len(flags) == CODE_POINTS
    assert [int(flags[ord(character)]) for character in "ﬁax"] == [CHANGES, 0, 0]
    assert flags[0x301] & INNER


def test_without_a_table_nothing_is_flagged_and_nothing_matches():
    assert not flag_keys(parse_charsmap(b"").units).any()
    assert target(b"", "ﬁ") == (0, None)


def packed(units, targets=b"x\0"):
    return (4 * len(units)).to_bytes(4, "little") + np.array(units, "<u4").tobytes() + targets


def key_of(byte, value):
    """The units of a table with one key of one byte: where its own unit lies, behind it the value's."""
    units = np.arange(512, dtype=np.uint32) & 0xFF ^ 0xFF  # No unit has the label that leads to it.
    units[0] = 256 << 10
    units[256 ^ byte] = byte | END | 1 << 10
    units[256 ^ byte ^ 1] = LEAF | value
    return units


def test_a_table_of_one_key_is_read():
    assert target(packed(key_of(ord("a"), 1), b"b\0cd\0"), "ab") == (1, "")
    assert target(packed(key_of(ord("a"), 2), b"b\0cd\0"), "ab") == (1, "cd")


@pytest.mark.parametrize(
    "charsmap, message",
    [
        (b"\1", "has 1 bytes, of them 1 for keys"),
        (bytes(8), "has 8 bytes, of them 0 for keys"),
        (packed(key_of(97, 0), b""), "for keys"),
        (packed(key_of(97, 0), b"ab"), "for keys"),
        (b"\6\0\0\0" + bytes(9), "of them 6 for keys"),
        (packed(key_of(97, 0), b"\xff\0"), "can't decode"),
        (packed(key_of(97, 2)), "outside of itself"),
        (packed([512 << 10, *key_of(97, 0)[1:]]), "outside of itself"),
        (packed(key_of(97, 0)[:300]), "outside of itself"),
    ],
)
def test_a_damaged_table_is_refused(charsmap, message):
    with pytest.raises(ValueError, match=message):
        parse_charsmap(charsmap)


def test_a_table_that_leads_in_circles_is_refused():
    units = np.arange(256, dtype=np.uint32)
    units |= units << 10  # Every byte leads back to where it came from.
    with pytest.raises(ValueError, match="no end of keys"):
        flag_keys(parse_charsmap(packed(units)).units)


def test_of_tables_with_any_unit_changed_those_that_are_taken_stay_inside(nfkc):
    chance = random.Random(4)
    size = int.from_bytes(nfkc[:4], "little") // 4
    refused = 0
    for _ in range(30):
        spoiled = bytearray(nfkc)
        for _ in range(20):
            at = 4 + 4 * chance.randrange(size)
            spoiled[at : at + 4] = chance.randbytes(4)
        try:
            table = parse_charsmap(bytes(spoiled))
        except ValueError:
            refused += 1
        else:
            flags = flag_keys(table.units)
            assert flags.max() <= CHANGES | INNER
    assert refused
