"""The two normalisations, quirk by quirk."""

import unicodedata

import pytest

from filters.normalize import CONTROL_CHARACTERS, PUNCTUATION, normalize_for_dedup, normalize_for_language_model


@pytest.mark.parametrize(
    "line, key",
    [
        ("", ""),
        (" \u3000\u2028\t", ""),
        ("\xa0Home\x1f", "home"),
        ("ΣΑΣ ΣΑΣ", "σας σας"),
        ("DİYARBAKIR", "di̇yarbakir"),
        ("Straße ẞ", "straße ß"),
        ("9 ٣ १ 𝟗 ² Ⅷ", "0 0 0 0 ² ⅷ"),
        ("１", "0"),
        ("Café, naïve!", "café, naïve!"),
        ("two  blanks\tand a tab", "two  blanksand a tab"),
        ("“Quoted” — ‘so’ …", "quoted  ‘so "),
        ("« »", " "),
        ("» Home", " home"),
        ("—", ""),
        ("a\x00b\x7fc\x85d", "abcd"),
        ("zero\u200bwidth\ufeff", "zero\u200bwidth\ufeff"),
    ],
)
def test_a_line_s_key_leaves_out_what_ccnet_leaves_out(line, key):
    assert normalize_for_dedup(line) == key


def test_the_table_has_34_characters_and_all_of_them_go_from_a_key():
    assert len(PUNCTUATION) == 34
    assert normalize_for_dedup("x" + "".join(set(PUNCTUATION) - {"１"}) + "x") == "xx"


def test_ascii_punctuation_stays_in_a_key():
    marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    assert normalize_for_dedup(f"x{marks}x") == f"x{marks}x"


def test_64_and_one_control_characters_go_from_both_forms():
    text = "x" + "".join(CONTROL_CHARACTERS) + "x"
    assert len(CONTROL_CHARACTERS) == 32 + 33
    assert (normalize_for_dedup(text), normalize_for_language_model(text)) == ("xx", "xx")


@pytest.mark.parametrize(
    "text, normalized",
    [
        ("", ""),
        ("  Two\nlines\tglued ", "twolinesglued"),
        ("Café ÅNGSTRÖM", "cafe angstrom"),
        ("In 2019, ٣", "in 0000, 0"),
        ("１", "0"),
        ("、。《》´∶？～【〉━►", ',.""\':?~[>--'),
        ("a—b．c…", "a - b. c..."),
        ("‘so’", "‘so'"),
        ("\u2329", "<"),
        ("ø ł ß", "ø ł ß"),
        ("हिन्दी", "ह\u093fनद\u0940"),
    ],
)
def test_the_language_model_reads_lines_glued_without_case_or_accents(text, normalized):
    assert normalize_for_language_model(text) == normalized


def test_hangul_leaves_as_jamo():
    assert normalize_for_language_model("한글") == unicodedata.normalize("NFD", "한글")


@pytest.mark.parametrize(
    "characters, ascii_form",
    [
        ("，、", ","),
        ("。", "."),
        ("“”„«»《》「」", '"'),
        ("´’", "'"),
        ("∶：", ":"),
        ("？", "?"),
        ("！", "!"),
        ("；", ";"),
        ("％", "%"),
        ("～", "~"),
        ("（", "("),
        ("）", ")"),
        ("【", "["),
        ("】", "]"),
        ("〈", "<"),
        ("〉", ">"),
        ("–━►", "-"),
        ("—", " - "),
        ("．", ". "),
        ("…", "..."),
    ],
)
def test_each_of_the_marks_is_read_as_its_ascii_form_and_left_out_of_a_key(characters, ascii_form):
    for character in characters:
        assert normalize_for_language_model(f"x{character}x") == f"x{ascii_form}x"
        assert normalize_for_dedup(f"x{character}x") == "xx"


@pytest.mark.parametrize("character", ["‘", "‚", "‹", "›", "·", "•", "―", "¿", "¡", "‰", "﹣", "｜"])
def test_a_mark_that_ccnet_does_not_know_stays(character):
    assert normalize_for_dedup(f"x{character}x") == f"x{character}x"
