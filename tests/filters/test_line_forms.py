"""The loop over bytes writes the form that plain Python writes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.blanks import strip
from filters.line_forms import (
    MAPPED_CODE_POINTS,
    SPARE_BYTES,
    UNKNOWN,
    change_table,
    form_table,
    write_form,
)
from filters.normalize import normalize_for_dedup

TROUBLE = (
    "ςσİıẞßǅⱥȺK一١𝟗𐐀𑄶\U0001f600\U0010ffff\x00\x1c\x7f\x85\xa0\u1680\u2003\u2028\u3000\ufeff\u200b\u0307\t\r"
    " —“”。…．１AZaz09@[`{/:"
)
LINES = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(TROUBLE)), max_size=80)


def form_of(line, behind=0):
    """The form of a line with so many bytes of another behind it: near the buffer's end it is read one by one."""
    content = line.encode()
    values = np.frombuffer(content + b"B" * behind, np.uint8)
    start, end = strip(values, 0, len(content))
    forms = np.empty(2 * len(content) + SPARE_BYTES, np.uint8)
    length = write_form(values, start, end, form_table(), change_table(), forms, 0)
    return None if length == UNKNOWN else forms[:length].tobytes().decode()


@pytest.mark.parametrize("behind", [0, 1, 31, 32, 100])
@given(LINES)
@example("a" * 31 + "É")
@example("a" * 32 + "é" * 40 + "É")
@example("A" * 31 + "\x00")
@example("Ⱥ" * 40)
@example("\U0010ffff" * 20)
def test_a_form_is_that_of_plain_python(behind, line):
    assert form_of(line, behind) == (None if "Σ" in line.strip() else normalize_for_dedup(line))


@pytest.mark.parametrize("before", [0, 30, 31])
def test_every_character_has_its_form_wherever_it_stands(before):
    for code in (*range(0x2200), *range(0x3000, 0x3100), *range(0xFF00, 0xFF80), *range(0x10400, 0x10500)):
        if chr(code) not in "Σ\n":
            line = "x" * before + chr(code) + "y"
            assert form_of(line, 40) == normalize_for_dedup(line), hex(code)


def test_a_capital_sigma_is_left_to_python():
    assert (form_of("ΟΔΟΣ"), form_of("x" * 50 + "Σ", 64)) == (None, None)


def test_no_character_above_the_table_changes():
    above = range(MAPPED_CODE_POINTS, 0x110000)
    assert [code for code in above if normalize_for_dedup(chr(code)) != chr(code)] == []


def test_a_character_that_changes_is_always_looked_up():
    table, changes = form_table(), change_table()
    for code in (ord("É"), 0x2014, 0x130, 0xFF11, 0x1D7D8, 0x7F, 0x09):
        first, second = (*chr(code).encode(), 0)[:2]
        assert changes[first << 8 | second], hex(code)
    assert not changes[0xC3 << 8 | 0xA9]
    assert len(table) == MAPPED_CODE_POINTS
