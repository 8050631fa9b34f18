"""The loops give what plain Python gives."""

import hashlib
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters import fingerprint
from filters.fingerprint import document_keys, line_keys, xxh64
from filters.normalize import normalize_for_dedup

P1, P2, P3, P4, P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
WORD = (1 << 64) - 1

TROUBLE = (
    "ΣσςİıẞßǅⱥȺK一١𝟗𐐀𑄶\U0001f600\U0010ffff\x00\x1c\x85\xa0\u1680\u2003\u2028\u3000\ufeff\u200b\u0307\t\r\n\n —“”。…．１"
)
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(TROUBLE)), max_size=60)


def rotate(word, by):
    return (word << by | word >> (64 - by)) & WORD


def mix(lane, word):
    return rotate((lane + word * P2) & WORD, 31) * P1 & WORD


def xxh64_in_python(data):
    """The specification, read slowly."""
    digest, rest = P5, data
    if len(data) >= 32:
        lanes = [P1 + P2 & WORD, P2, 0, -P1 & WORD]
        while len(rest) >= 32:
            lanes = [mix(lane, word) for lane, word in zip(lanes, struct.unpack("<4Q", rest[:32]), strict=True)]
            rest = rest[32:]
        digest = sum(rotate(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & WORD
        for lane in lanes:
            digest = ((digest ^ mix(0, lane)) * P1 + P4) & WORD
    digest = digest + len(data) & WORD
    while len(rest) >= 8:
        digest = (rotate(digest ^ mix(0, int.from_bytes(rest[:8], "little")), 27) * P1 + P4) & WORD
        rest = rest[8:]
    if len(rest) >= 4:
        digest = (rotate(digest ^ int.from_bytes(rest[:4], "little") * P1 & WORD, 23) * P2 + P3) & WORD
        rest = rest[4:]
    for byte in rest:
        digest = rotate(digest ^ byte * P5 & WORD, 11) * P1 & WORD
    digest = (digest ^ digest >> 33) * P2 & WORD
    digest = (digest ^ digest >> 29) * P3 & WORD
    return digest ^ digest >> 32


def key_in_python(line):
    return xxh64_in_python(normalize_for_dedup(line).encode())


@pytest.mark.parametrize(
    "data, digest",
    [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_the_hash_gives_published_values(data, digest):
    assert int(xxh64(np.frombuffer(data, np.uint8), len(data))) == xxh64_in_python(data) == digest


@given(st.binary(max_size=100))
def test_the_hash_follows_its_specification(data):
    assert int(xxh64(np.frombuffer(data, np.uint8), len(data))) == xxh64_in_python(data)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4))
@example(["ΑΣ ΑΣ", "İİİ\nȺȺȺȺ", "\u3000 \n—\n"])
def test_line_keys_are_those_of_plain_python(texts):
    lines = line_keys(pa.array(texts, pa.large_string()))
    expected = [(index, line) for index, text in enumerate(texts) for line in text.split("\n")]
    assert lines.document.tolist() == [index for index, _ in expected]
    assert lines.keys.tolist() == [key_in_python(line) for _, line in expected]
    assert lines.blank.tolist() == [not line.strip() for _, line in expected]


def test_every_character_alone_has_the_key_of_plain_python():
    characters = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000 and code != 10]
    keys = line_keys(pa.array([f"x{character}y" for character in characters])).keys.tolist()
    forms = [normalize_for_dedup(f"x{character}y").encode() for character in characters]
    assert keys == [int(xxh64(np.frombuffer(form, np.uint8), len(form))) for form in forms]


def test_no_character_above_the_table_is_changed_by_normalisation():
    above = range(fingerprint.MAPPED_CODE_POINTS, 0x110000)
    assert [code for code in above if normalize_for_dedup(chr(code)) != chr(code)] == []


def test_offsets_lead_back_to_the_lines():
    lines = line_keys(pa.array(["zero", "one\n\ntwö", "", "x\n"]).slice(1))
    found = [lines.values[a:b].tobytes().decode() for a, b in zip(lines.start, lines.end, strict=True)]
    assert found == ["one", "", "twö", "", "x", ""]
    assert lines.document.tolist() == [0, 0, 0, 1, 2, 2]


def test_no_text_has_no_line():
    assert len(line_keys(pa.array([], pa.large_string())).keys) == 0


@pytest.mark.parametrize("other", ["Menu", "menu\t", " MENU", "me\x00nu", "“menu”"])
def test_lines_that_differ_in_what_a_key_leaves_out_share_it(other):
    one, two = line_keys(pa.array([f"menu\n{other}"])).keys
    assert one == two


def test_documents_have_the_key_of_their_exact_bytes():
    texts = ["a", "A", "a ", "", "zwölf", "a"]
    expected = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    keys = document_keys(pa.array(["cut off", *texts], pa.large_string()).slice(1))
    assert [key.tobytes() for key in keys] == expected
    assert document_keys(pa.array([], pa.large_string())).shape == (0, 2)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("length", [1, 7, 8, 31, 32, 33, 1000])
def test_letters_that_grow_in_lower_case_have_room(kind, length):
    line = "Ⱥ" * length
    assert len(line.lower().encode()) > len(line.encode())
    assert line_keys(pa.array([line], kind)).keys.tolist() == [key_in_python(line)]


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_a_line_feed_ends_a_line(end):
    assert len(line_keys(pa.array([f"a{end}b"])).keys) == 1
    assert len(line_keys(pa.array([f"a{end}\nb"])).keys) == 2


def test_a_key_does_not_hang_on_its_neighbours_or_its_batch():
    lines = ["Erste Zeile", "ΟΔΟΣ", "第三行", "", "last"]
    alone = [line_keys(pa.array([line])).keys[0] for line in lines]
    assert line_keys(pa.array(["\n".join(lines)])).keys.tolist() == alone
    assert line_keys(pa.array(lines)).keys.tolist() == alone
