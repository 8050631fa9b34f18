"""The loop reads words and hashes shingles as plain Python does."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.shingle_loop import (
    ALONE,
    IGNORED,
    MASK,
    MIX_1,
    MIX_2,
    SEPARATOR,
    SHINGLE_STEP,
    WORD_START,
    letter_of,
    letters,
    mix,
    next_shingles,
)
from tokenizer.kernels import text_buffers

UNSPACED = tuple(
    "CJK,IDEOGRAPHIC,OLD CHINESE,VERTICAL IDEO,BOPOMOFO,HIRAGANA,KATAKANA,HENTAIGANA,VERTICAL KANA,MASU MARK,YI,TANGUT,"
    "NUSHU,KHITAN,THAI,LAO,KHMER,MYANMAR,TAI,NEW TAI LUE,AHOM,HANGUL SINGLE DOT,HANGUL DOUBLE DOT,VIETNAMESE".split(",")
)


def mixed(word):
    word = (word ^ word >> 30) * MIX_1 & MASK
    word = (word ^ word >> 27) * MIX_2 & MASK
    return word ^ word >> 31


def is_unspaced(character):
    return unicodedata.name(character, "").startswith(UNSPACED)


def spelt(character):
    """A character's bare letter, with blanks around it where its script has none; or a blank, or nothing."""
    category = unicodedata.category(character)
    hangul = unicodedata.name(character, "").startswith("HANGUL SYLLABLE")
    bare = character if hangul else unicodedata.normalize("NFKD", character.lower())[:1]
    if category in ("Mn", "Me", "Cf") or (category == "Mc" and is_unspaced(bare)):
        return ""
    if not (category == "Mc" or bare.isalnum()):
        return " "
    return f" {bare} " if is_unspaced(bare) and bare.isalpha() else bare


def words_of(text):
    """The specification, read slowly."""
    return "".join(map(spelt, text)).split()


def bytes_of(letter):
    code = ord(letter)
    return [code] if code < 0x80 else [0x80 | code >> shift & 0x7F for shift in (0, 7, 14)]


def hash_of(words):
    rolling = 0
    for word in words:
        held, value = bytes(byte for letter in word for byte in bytes_of(letter)), WORD_START
        for at in range(0, len(held) + 1, 8):
            value = mixed(value ^ int.from_bytes(held[at : at + 8], "little"))
        rolling = (rolling * SHINGLE_STEP + value) & MASK
    return mixed(rolling)


def hashes_in_python(text, size):
    words = words_of(text)
    starts = range(max(len(words) - size + 1, min(1, len(words))))
    return [hash_of(words[at : at + size]) for at in starts]


def read(text, size=3, room=1000):
    """The text's shingles in order, read as many at once as there is room for, and how many words it has.

    It stands between other texts, of which it must see nothing.
    """
    values, (_, start, end, _) = text_buffers(pa.array(["before", text, "behind"], pa.large_string()))
    ring, chunk = np.full(size, 7, np.uint64), np.zeros(room, np.uint64)
    at, rolling, counted, found = int(start), 0, 0, []
    while at < end:
        count, at, rolling, counted = next_shingles(
            values, at, int(end), ring, np.uint64(rolling), counted, letters(), chunk
        )
        found += chunk[:count].tolist()
    return found, counted


LETTERS = "aB zé’'_-1\n\u0301\u00ad中文ßİǅ 😀한국ไทก็กำ၁က္ာのデｶﾞ々คिकीक्ष\U00020000𝐚\U000e0041"
ASCII = st.text(st.characters(max_codepoint=127), max_size=40)
TEXTS = st.one_of(st.text(st.sampled_from(LETTERS), max_size=60), ASCII, st.text("aZ09 é", max_size=80))


@settings(max_examples=300)
@given(TEXTS, st.integers(1, 4), st.sampled_from([1, 2, 3, 1000]))
@example("abcdefgh ijklmnopq12345678", 1, 1000)
@example("a.......b ........c,  é-----", 1, 1000)
@example("@AZ[`az{/09: abcdefgé", 1, 1000)
def test_hashes_are_those_of_the_specification(text, size, room):
    assert read(text, size, room) == (hashes_in_python(text, size), len(words_of(text)))


@given(st.integers(0, MASK))
def test_words_are_mixed_as_splitmix_does(word):
    assert mix(np.uint64(word)) == mixed(word)


@pytest.mark.parametrize(
    "one, other",
    [
        ("Cunégonde said: don’t!", "cunegonde SAID don't"),
        ("e\u0301te\u0301 il y a", "été il y a"),
        ("_one_  two\r\nthree", "one two three"),
        ("soft\u00adware is good", "software is good"),
        ("x += f(a, b);", "x f a b"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("great 😀 day 𝐧𝐨𝐰", "great day now"),
    ],
)
def test_editions_in_other_type_have_the_same_shingles(one, other):
    assert read(one)[0] == read(other)[0]


@pytest.mark.parametrize(
    "text, words, shingles",
    [("", 0, 0), ("a b", 2, 1), ("a b c", 3, 1), ("a b c d", 4, 2), (" -- ", 0, 0), ("a", 1, 1), ("a b a b a b", 6, 4)],
)
def test_words_and_shingles_are_counted(text, words, shingles):
    hashes, counted = read(text)
    assert (counted, len(hashes)) == (words, shingles)


@pytest.mark.parametrize(
    "text, words",
    [
        ("中文字很多", 5),
        ("これはペンです", 7),
        ("ภาษาไทย", 7),
        ("ພາສາລາວ", 7),
        ("ភាសាខ្មែរ", 5),
        ("မြန်မာ", 3),
        ("Python 3で書く", 5),
        ("๒๕๖๐", 1),
        ("한국어 단어", 2),
        ("हिन्दी भाषा", 2),
        ("русский язык", 2),
        ("\U00020000\U0002a6df", 2),
    ],
)
def test_scripts_without_blanks_have_a_word_a_letter(text, words):
    assert read(text)[1] == words


@pytest.mark.parametrize("one, other", [("한국", "호국"), ("一二", "二一"), ("中 a", "中a b"), ("का", "के")])
def test_different_words_have_different_shingles(one, other):
    assert read(one)[0] != read(other)[0]


def test_a_text_shorter_than_a_shingle_is_no_part_of_a_longer_one():
    assert not set(read("one two")[0]) & set(read("one two three")[0])


def test_letters_of_words_that_differ_in_one_place_are_told_apart():
    words = ["abcdefghijklmnop"[:at] + "z" + "abcdefghijklmnop"[at + 1 :] for at in range(16)]
    assert len({read(word, 1)[0][0] for word in ["abcdefghijklmnop", *words]}) == 17


@pytest.mark.parametrize(
    "character, letter",
    [
        ("A", ord("a")),
        ("é", ord("e")),
        ("ﬁ", ord("f")),
        ("²", ord("2")),
        ("中", ord("中") | ALONE),
        ("\U0001f600", SEPARATOR),
        ("\U0001ffff", SEPARATOR),
        ("\U00020000", 0x20000 | ALONE),
        ("\U0003ffff", 0x3FFFF | ALONE),
        ("\U00040000", IGNORED),
        ("\U000e0100", IGNORED),
        ("\u20dd", IGNORED),
        ("_", SEPARATOR),
    ],
)
def test_each_code_point_has_its_letter(character, letter):
    assert letter_of(ord(character[0]), letters()) == letter


def test_the_table_is_what_unicode_says_of_every_character():
    for code in range(0x20000):
        character, letter = chr(code), letter_of(code, letters())
        known = {SEPARATOR: " ", IGNORED: ""}
        plain = chr(letter % ALONE)
        read_as = known.get(letter, f" {plain} " if letter > ALONE else plain)
        assert read_as == spelt(character) or not unicodedata.name(character, ""), hex(code)


def test_the_table_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        letters()[0] = 1
