from html import unescape
from html.entities import html5

import numpy as np
import pytest

from filters import html_tags
from filters.html_tags import CODE, DROPPED, ELEMENTS, FORM_BYTES, HIDDEN, INLINE, NO_CHARACTER, tables
from filters.superscript import subscript, superscript
from tokenizer.trie import NONE, exact


def found(trie, name: str) -> int:
    return exact(trie, np.frombuffer(name.encode(), np.uint8), 0, len(name))


def test_every_element_is_found_under_its_kind_and_no_other_name_is():
    for kind, names in ELEMENTS.items():
        assert {found(tables().kinds, name) for name in names.split()} == {kind}
    assert [found(tables().kinds, name) for name in ("a", "em", "b", "u", "blockquot", "tablex")] == [NONE] * 6


def test_an_element_has_one_kind_in_the_order_that_the_loops_count_on():
    names = [name for names in ELEMENTS.values() for name in names.split()]
    assert len(names) == len(set(names))
    assert sorted(ELEMENTS) == list(ELEMENTS) == list(range(INLINE + 1, DROPPED + 1))
    assert DROPPED > HIDDEN > html_tags.LOWERED == html_tags.RAISED + 1 > html_tags.ITEM > CODE > html_tags.CELL


@pytest.mark.parametrize("name", ["amp;", "amp", "lt", "nbsp;", "NotEqualTilde;", "CounterClockwiseContourIntegral;"])
def test_every_reference_stands_for_its_characters(name):
    place = found(tables().names, name)
    start, stop = tables().starts[place : place + 2]
    assert bytes(tables().characters[start:stop]).decode() == html5[name]


def test_no_reference_is_lost_and_none_has_much_more_bytes_than_its_name():
    assert sorted(found(tables().names, name) for name in html5) == list(range(len(html5)))
    assert max(len(character.encode()) / len(f"&{name}") for name, character in html5.items()) < 1.5


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 13, 31, 65, 127, 128, 129, 159, 160, 255])
def test_small_numbers_stand_for_what_browsers_show(number):
    meant = unescape(f"&#{number};")
    assert tables().numbers[number] == (ord(meant) if meant else NO_CHARACTER)


def test_forms_are_those_of_raised_and_lowered_text():
    for place, moved in enumerate((superscript, subscript)):
        for code in range(0x80):
            size, *form = tables().forms[place, code].tolist()
            assert bytes(form[:size]).decode() == (moved(chr(code)) if moved(chr(code)) != chr(code) else "")
            assert len(form) == FORM_BYTES
