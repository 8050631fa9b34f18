"""Lays text out in lines, each behind the marks of the quotes and list items that it stands in: loops over bytes.

A line is gathered in `line`; when it ends it goes to `out` behind its marks. What stands open is kept on a stack.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from filters.html_moved import move
from filters.html_tags import BULLETS, CODE, HIDDEN, ITEM, LOWERED, NUMBERS, QUOTE, RAISED, TABLES, Tables
from tokenizer.kernels import compiled_lean

MAX_DEPTH = 256
"""Elements that may be open at once; no post of the genuine dumps has more than a dozen."""

MAX_MARKS = 8
"""Quotes and lists within each other that are still marked: each level lengthens every line."""

MAX_GROWTH, SPARE_BYTES = 4, 1 << 16
"""A text may have so many times the bytes of its HTML, and some more: or else nothing but marks makes it so long."""

FINE, NESTED_TOO_DEEPLY, OUT_OF_ROOM = 0, 1, 2
"""What became of a text."""

NO_NUMBER = -(1 << 60)
_QUOTE_MARK = NO_NUMBER - 1
_MARK_BYTES = 16
_SPACE, _TAB, _LINE_FEED, _FULL_STOP, _MINUS, _ZERO, _STAR, _GREATER = 0x20, 0x09, 0x0A, 0x2E, 0x2D, 0x30, 0x2A, 0x3E
_BAR = 0x7C

_STATE = np.dtype(
    [
        ("status", np.int64),
        ("line_bytes", np.int64),  # of the line that is being gathered
        ("out_bytes", np.int64),  # written so far, earlier texts' among them
        ("out_limit", np.int64),  # where this text ends at the latest
        ("lines", np.int64),  # of this text
        ("depth", np.int64),  # of the stack
        ("loose", np.int64),  # open elements that are not on the stack
        ("marks", np.int64),  # open quotes and items
        ("lists", np.int64),
        ("moved", np.int64),  # open <sup> and <sub>
        ("code", np.int64),  # open <pre>
        ("hidden", np.int64),  # open <template>
        ("blank_wanted", np.bool_),  # before the next line
        ("blank_marks", np.int64),  # how many quotes and items lasted from the last line to the next
        ("empty_code_lines", np.int64),  # since the last line of the code: they count if another one follows
        ("cells", np.int64),  # begun in the row of a table, 0 outside of rows
        ("fed", np.bool_),  # the source's own line end has ended the last line, where `<br>` may say so again
        ("at_first_item", np.bool_),
        ("at_item", np.bool_),  # nothing stands behind the item's mark yet
    ],
    align=True,
)


class Page(NamedTuple):
    """Where a text is laid out. `stack` holds kind and value of what is open: a list's next number, where a raised
    part begins; `marks` the number of each open item and whether it was written.
    """

    state: NDArray[Any]
    line: NDArray[np.uint8]
    out: NDArray[np.uint8]
    stack: NDArray[np.int64]
    marks: NDArray[np.int64]


STATE = numba.from_dtype(_STATE)
PAGE = numba.types.NamedTuple(
    (numba.types.Array(STATE, 1, "C"), numba.uint8[::1], numba.uint8[::1], numba.int64[:, ::1], numba.int64[:, ::1]),
    Page,
)


def empty_page(line_bytes: int, out: NDArray[np.uint8]) -> Page:
    """A page whose lines have at most so many bytes without their marks."""
    return Page(
        np.zeros(1, _STATE),
        np.empty(line_bytes, np.uint8),
        out,
        np.zeros((MAX_DEPTH + 1, 2), np.int64),
        np.zeros((MAX_DEPTH + 1, 2), np.int64),
    )


@compiled_lean(numba.void(PAGE, numba.int64, numba.int64))
def begin(page: Page, at: Any, html_bytes: Any) -> None:
    """The page for the next text, written to `out` from a place on."""
    state = page.state[0]
    state.out_bytes, state.out_limit = at, at + MAX_GROWTH * html_bytes + SPARE_BYTES
    state.status = FINE
    state.line_bytes = state.lines = state.depth = state.loose = state.marks = state.lists = 0
    state.moved = state.code = state.hidden = state.blank_marks = state.empty_code_lines = state.cells = 0
    state.blank_wanted = state.at_first_item = state.at_item = state.fed = False


@compiled_lean(numba.int64(numba.uint8[::1], numba.int64, numba.int64))
def _put_number(out: NDArray[np.uint8], at: Any, number: Any) -> Any:
    if number < 0:
        out[at] = _MINUS
        at, number = at + 1, -number
    digits = np.int64(1)
    rest = number // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for place in range(digits):
        out[at + digits - 1 - place] = _ZERO + number % 10
        number //= 10
    return at + digits


@compiled_lean(numba.void(PAGE, numba.int64, numba.boolean))
def _put_marks(page: Page, count: Any, first: Any) -> None:
    """The marks of the outermost quotes and items; an item's own mark once, on its first line, then blanks."""
    state, out = page.state[0], page.out
    at = state.out_bytes
    for mark in range(count):
        number = page.marks[mark, 0]
        begins = at
        if number == _QUOTE_MARK:
            out[at] = _GREATER
        elif number == NO_NUMBER:
            out[at] = _STAR
        else:
            at = _put_number(out, at, number)
            out[at] = _FULL_STOP
        out[at + 1] = _SPACE
        at += 2
        if number != _QUOTE_MARK and (page.marks[mark, 1] or not first):
            out[begins:at] = _SPACE
        if first:
            page.marks[mark, 1] = 1
    state.out_bytes = at


@compiled_lean(numba.void(PAGE, numba.int64))
def _put_blank_line(page: Page, marks: Any) -> None:
    state, out = page.state[0], page.out
    begins = state.out_bytes
    _put_marks(page, marks, False)
    at = state.out_bytes
    while at > begins and out[at - 1] == _SPACE:
        at -= 1
    out[at] = _LINE_FEED
    state.out_bytes = at + 1


@compiled_lean(numba.int64(PAGE))
def _trimmed(page: Page) -> Any:
    """The line's bytes without blanks and no-break spaces at its end, and without empty cells in the row of a table."""
    line, size = page.line, page.state[0].line_bytes
    is_row = page.state[0].cells > 0
    while size:
        last = line[size - 1]
        is_empty_cell = is_row and last == _BAR and (size == 1 or line[size - 2] == _SPACE)
        if last == _SPACE or _TAB <= last <= 0x0D or is_empty_cell:
            size -= 1
        elif last == 0xA0 and size > 1 and line[size - 2] == 0xC2:
            size -= 2
        else:
            break
    return size


@compiled_lean(numba.void(PAGE, numba.boolean))
def end_line(page: Page, keep_empty: Any) -> None:
    """Write the line; an empty one, where it is to be kept, parts what surrounds it, and counts in code."""
    state = page.state[0]
    size = _trimmed(page)
    state.line_bytes = state.cells = 0
    state.fed = False
    if state.moved:
        for level in range(state.depth):
            if page.stack[level, 0] == RAISED or page.stack[level, 0] == LOWERED:
                page.stack[level, 1] = 0
    if not size:
        if keep_empty and state.lines and not state.at_item and not state.blank_wanted:
            if state.code:
                state.empty_code_lines += 1
            else:
                state.blank_wanted = True
        return
    if state.out_bytes > state.out_limit:
        state.status = NESTED_TOO_DEEPLY
        return
    marks = min(state.marks, MAX_MARKS)
    if state.out_bytes + size + (state.empty_code_lines + 2) * (MAX_MARKS * _MARK_BYTES + 1) > len(page.out):
        state.status = OUT_OF_ROOM
        return
    if state.blank_wanted and state.lines:
        _put_blank_line(page, state.blank_marks)
    for _ in range(state.empty_code_lines):
        _put_blank_line(page, marks)
    _put_marks(page, marks, True)
    for place in range(size):
        page.out[state.out_bytes + place] = page.line[place]
    page.out[state.out_bytes + size] = _LINE_FEED
    state.out_bytes += size + 1
    state.lines += 1
    state.empty_code_lines = 0
    state.blank_wanted = state.at_item = False
    state.blank_marks = marks


@compiled_lean(numba.void(PAGE))
def open_cell(page: Page) -> None:
    """A cell opens: a bar parts it from the one before, which may be empty, or from what else stands in the line."""
    state = page.state[0]
    if state.cells or state.line_bytes:
        if state.line_bytes and page.line[state.line_bytes - 1] != _SPACE:
            page.line[state.line_bytes] = _SPACE
            state.line_bytes += 1
        page.line[state.line_bytes] = _BAR
        page.line[state.line_bytes + 1] = _SPACE
        state.line_bytes += 2
    state.cells += 1


@compiled_lean(numba.void(PAGE))
def part(page: Page) -> None:
    """What comes next is a paragraph of its own; the first of an item stays behind the item's mark."""
    state = page.state[0]
    end_line(page, False)
    state.empty_code_lines = 0
    state.blank_wanted = state.blank_wanted or not state.at_item


@compiled_lean(numba.void(PAGE, numba.int64))
def _open_mark(page: Page, number: Any) -> None:
    state = page.state[0]
    page.marks[state.marks, 0] = number
    page.marks[state.marks, 1] = 0
    state.marks += 1


@compiled_lean(numba.int64(PAGE))
def _open_item(page: Page) -> Any:
    """The item's number in the innermost open list, which counts on; NO_NUMBER for a bullet."""
    state = page.state[0]
    end_line(page, False)
    state.blank_wanted = state.blank_wanted and state.at_first_item and state.lists == 1
    state.at_first_item = False
    state.at_item = True
    for level in range(state.depth - 1, -1, -1):
        if page.stack[level, 0] == BULLETS:
            break
        if page.stack[level, 0] == NUMBERS:
            page.stack[level, 1] += 1
            return page.stack[level, 1] - 1
    return np.int64(NO_NUMBER)


@compiled_lean(numba.void(PAGE, numba.int64, numba.int64))
def open_element(page: Page, kind: Any, number: Any) -> None:
    """An element opens that stays open; `number` is that of a list's first item."""
    state = page.state[0]
    if state.depth + state.loose >= MAX_DEPTH:
        state.status = NESTED_TOO_DEEPLY
        return
    value = np.int64(0)
    if kind == CODE:
        state.code += 1
    elif kind == QUOTE:
        _open_mark(page, _QUOTE_MARK)
    elif kind in (BULLETS, NUMBERS):
        value = number
        end_line(page, False)
        if not state.lists:
            part(page)
        state.lists += 1
        state.at_first_item = True
    elif kind == ITEM:
        _open_mark(page, _open_item(page))
    elif kind == HIDDEN:
        state.hidden += 1
    else:
        value = state.line_bytes
        state.moved += 1
    page.stack[state.depth, 0] = kind
    page.stack[state.depth, 1] = value
    state.depth += 1


@compiled_lean(numba.void(PAGE, TABLES))
def pop(page: Page, tables: Tables) -> None:
    """The innermost open element closes."""
    state = page.state[0]
    kind, value = page.stack[state.depth - 1, 0], page.stack[state.depth - 1, 1]
    if kind in (BULLETS, NUMBERS):
        end_line(page, False)
        state.lists -= 1
        state.blank_wanted = state.lists == 0
    elif kind == ITEM:
        end_line(page, False)
        state.marks -= 1
        state.at_item = False
    elif kind == QUOTE:
        part(page)
        state.marks -= 1
    elif kind == CODE:
        part(page)
        state.code -= 1
    elif kind == HIDDEN:
        state.hidden -= 1
    elif kind in (RAISED, LOWERED):
        state.line_bytes = move(page.line, value, state.line_bytes, tables, kind - RAISED)
        state.moved -= 1
    state.blank_marks = min(state.blank_marks, state.marks)
    state.depth -= 1
