"""The loops give what plain Python gives."""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.fingerprint import EMPTY_KEY, document_keys, line_keys
from filters.normalize import normalize_for_dedup

TROUBLE = (
    "ΣσςİıẞßǅⱥȺK一١𝟗𐐀𑄶\U0001f600\U0010ffff\x00\x1c\x85\xa0\u1680\u2003\u2028\u3000\ufeff\u200b\u0307\t\r\n\n —“”。…．１"
)
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(TROUBLE)), max_size=60)


def key_in_python(line):
    return int.from_bytes(hashlib.sha1(normalize_for_dedup(line).encode()).digest()[:8], "little")


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4))
@example(["ΑΣ ΑΣ", "İİİ\nȺȺȺȺ", "\u3000 \n—\n"])
def test_line_keys_are_those_of_plain_python(texts):
    texts = [*texts, "x" * 100]  # Near the buffer's end bytes are read one by one.
    lines = line_keys(pa.array(texts, pa.large_string()))
    expected = [(index, line) for index, text in enumerate(texts) for line in text.split("\n")]
    assert lines.document.tolist() == [index for index, _ in expected]
    assert lines.keys.tolist() == [key_in_python(line) for _, line in expected]
    assert lines.blank.tolist() == [not line.strip() for _, line in expected]


def test_every_character_alone_has_the_key_of_plain_python():
    characters = [chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000 and code != 10]
    keys = line_keys(pa.array([f"x{character}y" for character in characters])).keys.tolist()
    assert keys == [key_in_python(f"x{character}y") for character in characters]


@pytest.mark.parametrize("line", ["", " \t", "—", "”…“", "\x00\x7f", "\u3000"])
def test_lines_of_which_nothing_is_left_share_the_key_of_nothing(line):
    assert line_keys(pa.array([line])).keys.tolist() == [EMPTY_KEY]
    assert key_in_python("") == EMPTY_KEY


@pytest.mark.parametrize("line", ["x" * 40_000, "Ⱥé" * 20_000, "Σ" * 20_000])
def test_a_line_longer_than_what_is_hashed_together_has_its_key(line):
    found = line_keys(pa.array([f"before\n{line}\nbehind"])).keys.tolist()
    assert found == [key_in_python("before"), key_in_python(line), key_in_python("behind")]


@pytest.mark.parametrize("length", [63, 64, 65, 127, 128, 500])
def test_lines_end_wherever_a_line_feed_stands(length):
    text = "".join("\n" if index * 7 % 11 == 0 else "a" for index in range(length))
    lines = line_keys(pa.array(["-" * 9, text, text + "\n"]))
    found = [lines.values[a:b].tobytes().decode() for a, b in zip(lines.start, lines.end, strict=True)]
    assert found == ["-" * 9, *text.split("\n"), *(text + "\n").split("\n")]
    assert lines.document.tolist() == [0] + [1] * (text.count("\n") + 1) + [2] * (text.count("\n") + 2)


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
