"""Reads HTML: one pass over the bytes of many texts, which hands what it finds to the page.

Source: HTML Standard (WHATWG), 13.2.5, the states of its tokenizer; 13.2.6.4.7, which end tags close what.
Differs: an end tag closes the element of its own name alone, and what stands open within it; `/>` closes any element,
as in XHTML; `<![CDATA[` is a comment; nothing is moved out of tables.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from filters import html_tags as tag
from filters.html_markup import UNENDED, comment_end, element, end_tag_of_dropped, is_blank, is_letter, tag_end
from filters.html_page import (
    FINE,
    MAX_DEPTH,
    NESTED_TOO_DEEPLY,
    OUT_OF_ROOM,
    PAGE,
    Page,
    begin,
    end_line,
    open_cell,
    open_element,
    part,
    pop,
)
from filters.html_tags import NO_CHARACTER, TABLES, Tables
from tokenizer.kernels import BYTES, OFFSETS, compiled_lean
from tokenizer.trie import exact, longest

Array = NDArray[np.uint8]

_LESS, _AND, _SLASH, _BANG, _SEMICOLON, _QUESTION, _HASH = 0x3C, 0x26, 0x2F, 0x21, 0x3B, 0x3F, 0x23
_X, _SPACE, _LINE_FEED, _RETURN = 0x78, 0x20, 0x0A, 0x0D
_REPLACEMENT = 0xFFFD


@compiled_lean(numba.void(PAGE, numba.int64))
def _put_ascii(page: Page, byte: Any) -> None:
    """A character of text: blanks are one blank, line ends end lines, but for rows of a table; in code all stay."""
    state = page.state[0]
    if byte == _LINE_FEED and (state.code or not state.cells):
        is_fed = not state.code and (state.line_bytes > 0 or state.fed)
        end_line(page, state.code > 0)
        state.fed = is_fed
    elif is_blank(byte) and not state.code:
        if state.line_bytes and page.line[state.line_bytes - 1] != _SPACE:
            page.line[state.line_bytes] = _SPACE
            state.line_bytes += 1
    elif byte:
        page.line[state.line_bytes] = byte
        state.line_bytes += 1


@compiled_lean(numba.void(PAGE))
def _break(page: Page) -> None:
    """`<br>` ends a line that the source has not ended just before; not a row of a table."""
    state = page.state[0]
    if state.cells and not state.code:
        _put_ascii(page, _SPACE)
    elif state.fed and not state.line_bytes:
        state.fed = False
    else:
        end_line(page, True)


@compiled_lean(numba.void(PAGE, numba.int64))
def _put_code_point(page: Page, code: Any) -> None:
    state, line = page.state[0], page.line
    if code < 0x80:
        if code != NO_CHARACTER:
            _put_ascii(page, code)
        return
    at = state.line_bytes
    size = 2 if code < 0x800 else 3 if code < 0x10000 else 4
    for place in range(size - 1, 0, -1):
        line[at + place] = 0x80 | code & 0x3F
        code >>= 6
    line[at] = (0xF0 << (4 - size) & 0xFF) | code
    state.line_bytes = at + size


@compiled_lean(numba.int64(TABLES, numba.int64))
def _meant(tables: Tables, number: Any) -> Any:
    """The code point that `&#number;` stands for."""
    if number < len(tables.numbers):
        return tables.numbers[number]
    if 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
        return _REPLACEMENT
    if number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF:
        return NO_CHARACTER
    return number


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, TABLES, PAGE))
def _number(values: Array, at: Any, end: Any, tables: Tables, page: Page) -> Any:
    """Reads behind `&#`; the place behind the reference, or `at` where it is none."""
    base = np.int64(10)
    if at < end and values[at] | 0x20 == _X:
        base, at = np.int64(16), at + 1
    first, number = at, np.int64(0)
    while at < end:
        byte = np.int64(values[at])
        digit = byte - 0x30 if byte <= 0x39 else (byte | 0x20) - 0x57 if (byte | 0x20) >= 0x61 else np.int64(base)
        if digit < 0 or digit >= base:
            break
        number = min(number * base + digit, np.int64(1) << 32)
        at += 1
    if at == first:
        return np.int64(-1)
    _put_code_point(page, _meant(tables, number))
    return at + 1 if at < end and values[at] == _SEMICOLON else at


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, TABLES, PAGE))
def _reference(values: Array, at: Any, end: Any, tables: Tables, page: Page) -> Any:
    """Reads from `&` on, and writes what is meant, `&` itself where no reference begins; the place behind it."""
    if at + 1 < end and values[at + 1] == _HASH:
        after = _number(values, at + 2, end, tables, page)
        if after >= 0:
            return after
    else:
        after = longest(tables.names, values, at + 1, end)
        if after > at + 1:
            name = exact(tables.names, values, at + 1, after)
            start, stop = tables.starts[name], tables.starts[name + 1]
            for place in range(start, stop):
                byte = tables.characters[place]
                if byte < 0x80:
                    _put_ascii(page, byte)
                else:
                    page.line[page.state[0].line_bytes] = byte
                    page.state[0].line_bytes += 1
            return after
    _put_ascii(page, _AND)
    return at + 1


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, PAGE))
def _text(values: Array, at: Any, end: Any, page: Page) -> Any:
    """Copies text as far as the next tag or reference; the place where it stopped."""
    state, line = page.state[0], page.line
    size, code = state.line_bytes, state.code > 0
    while at < end:
        byte = values[at]
        if byte in (_LESS, _AND):
            break
        if byte > _SPACE:
            line[size] = byte
            size += 1
        elif byte == _RETURN and at + 1 < end and values[at + 1] == _LINE_FEED:
            pass
        elif byte in (_LINE_FEED, _RETURN):
            state.line_bytes = size
            _put_ascii(page, np.int64(_LINE_FEED))
            size = state.line_bytes
        elif byte == _SPACE and (code or (size and line[size - 1] != _SPACE)):
            line[size] = byte
            size += 1
        elif byte != _SPACE:
            state.line_bytes = size
            _put_ascii(page, byte)
            size = state.line_bytes
        at += 1
    state.line_bytes = size
    return at


@compiled_lean(numba.boolean(numba.int64, numba.int64, numba.boolean))
def _stops(open_kind: Any, kind: Any, implied: Any) -> Any:
    """Whether an open element keeps an end tag within it from closing what lies around; `<li>` implies `</li>`."""
    if open_kind == tag.HIDDEN:
        return True
    if kind == tag.ITEM:
        is_list = open_kind in (tag.BULLETS, tag.NUMBERS)
        return is_list or (implied and (open_kind in (tag.QUOTE, tag.CODE)))
    return (kind in (tag.RAISED, tag.LOWERED)) and open_kind not in (tag.RAISED, tag.LOWERED)


@compiled_lean(numba.void(PAGE, TABLES, numba.int64, numba.boolean))
def _end(page: Page, tables: Tables, kind: Any, implied: Any) -> None:
    """What an element does where it ends: it closes, and what is open within it, if it is open at all."""
    state = page.state[0]
    if kind in (tag.INLINE, tag.BLOCK):
        state.loose = max(np.int64(0), state.loose - 1)
    if kind in (tag.PARAGRAPH, tag.BLOCK):
        part(page)
    elif kind == tag.BREAK:
        _break(page)
    elif kind == tag.ROW:
        end_line(page, False)
    if kind < tag.CODE:
        return
    level = state.depth - 1
    while level >= 0 and page.stack[level, 0] != kind:
        if _stops(page.stack[level, 0], kind, implied):
            return
        level -= 1
    while level >= 0 and state.depth > level:
        pop(page, tables)


@compiled_lean(numba.void(PAGE, TABLES, numba.int64, numba.int64))
def _start(page: Page, tables: Tables, kind: Any, number: Any) -> None:
    """What an element does where it begins; `number` is that of a list's first item."""
    state = page.state[0]
    if kind in (tag.PARAGRAPH, tag.RULE, tag.BLOCK, tag.CODE, tag.QUOTE):
        part(page)
    elif kind == tag.BREAK:
        _break(page)
    elif kind == tag.ROW:
        end_line(page, False)
    elif kind == tag.CELL:
        open_cell(page)
    elif kind == tag.ITEM:
        _end(page, tables, kind, True)
    if kind in (tag.INLINE, tag.BLOCK):
        state.loose += 1
        if state.depth + state.loose > MAX_DEPTH:
            state.status = NESTED_TOO_DEEPLY
    elif kind >= tag.CODE:
        open_element(page, kind, number)


@compiled_lean(numba.int64(BYTES, numba.int64, numba.int64, TABLES, PAGE))
def _tag(values: Array, at: Any, end: Any, tables: Tables, page: Page) -> Any:
    """Reads from `<` on, and does what is said; the place behind it."""
    state = page.state[0]
    second = values[at + 1] if at + 1 < end else _SPACE
    is_end = second == _SLASH
    name = at + 1 + is_end
    if name >= end or not is_letter(values[name]):
        if second in (_BANG, _QUESTION) or (is_end and name < end):
            return comment_end(values, at + 1, end)
        if not state.hidden:
            _put_ascii(page, _LESS)
        return at + 1
    kind, after = element(values, name, end, tables)
    after, is_closed, number = tag_end(values, after, end, tables)
    if after == UNENDED:
        return end  # a tag that never ends leaves nothing, in browsers as well
    if is_end:
        _end(page, tables, kind, False)
        return after
    if kind == tag.DROPPED:
        return after if is_closed else end_tag_of_dropped(values, name, after, end)
    _start(page, tables, kind, number)
    if is_closed and state.status == FINE and kind not in (tag.BREAK, tag.PARAGRAPH):
        _end(page, tables, kind, False)
    return after


@compiled_lean(numba.int64(BYTES, OFFSETS, numba.int64, TABLES, PAGE, numba.int64[::1], numba.uint8[::1]))
def lay_out(
    values: Array,
    offsets: NDArray[np.int64],
    first: Any,
    tables: Tables,
    page: Page,
    ends: NDArray[np.int64],
    status: Array,
) -> Any:
    """Lays out the texts from `first` on, one behind the other; the number of the first that had no room.

    `ends` are the n + 1 places in `out` between the texts, `status` says what became of each.
    """
    state = page.state[0]
    for text in range(first, len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        begin(page, ends[text], end - at)
        while at < end and state.status == FINE:
            if values[at] == _LESS:
                at = _tag(values, at, end, tables, page)
            elif state.hidden:
                at += 1
            elif values[at] == _AND:
                at = _reference(values, at, end, tables, page)
            else:
                at = _text(values, at, end, page)
        while state.depth and state.status == FINE:
            pop(page, tables)
        end_line(page, False)
        if state.status == OUT_OF_ROOM:
            return text
        status[text] = state.status
        is_written = state.lines > 0 and state.status == FINE
        ends[text + 1] = state.out_bytes - 1 if is_written else ends[text]
    return len(offsets) - 1
