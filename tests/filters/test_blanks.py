"""White space is what Python's own `str` takes it for."""

import sys

import numpy as np
import pytest

from filters.blanks import is_blank, strip


def test_each_character_is_blank_where_python_says_so():
    codes = range(sys.maxunicode + 1)
    assert [code for code in codes if is_blank(code)] == [code for code in codes if chr(code).isspace()]


@pytest.mark.parametrize(
    "line", ["", " ", "\xa0", " a", "a\u3000", "\u2003a b\x1c", "\x85\x85", "a", "\x00 a", "é\t", "\u1680é\u2028"]
)
def test_white_space_goes_from_the_ends_alone(line):
    content = line.encode()
    start, end = strip(np.frombuffer(content, np.uint8), 0, len(content))
    assert content[start:end].decode() == line.strip()
