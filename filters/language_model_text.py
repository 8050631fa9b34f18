"""CCNet's normalisation for the language model, of all texts of an Arrow array at once.

The loop gives exactly what `normalize_for_language_model` gives; the tests hold the two together. What becomes of a
code point is looked up: its image may be empty (an accent), itself, or up to four others (a Hangul syllable's jamo).
Only three things hang on the letters around: white space at the ends goes, capital sigma has two small forms, and
combining characters are put into canonical order. The last matters where two that are no accents (an accent goes) stand
together, as in no orthography known to us: then Python is asked for that one text.
"""

import unicodedata
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa

from filters.normalize import normalize_for_language_model
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point, text_array, text_buffers

Array = np.ndarray[Any, Any]

_PAGES = numba.types.Array(numba.uint16, 1, "C", readonly=True)
_WORDS = numba.types.Array(numba.uint32, 1, "C", readonly=True)
_PAGE = 256
_CAPITAL_SIGMA, _SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2
_GROWTH = 3  # A syllable of three bytes becomes three jamo of three bytes each; nothing grows more.

# A code point's entry: where its image starts among all images, the image's length in bytes, and what it is.
_START = np.uint32((1 << 20) - 1)
_LENGTH_SHIFT, _LENGTH = 20, np.uint32(15)
_SAME = np.uint32(1 << 24)  # Its own image.
_BLANK = np.uint32(1 << 25)
_CASED = np.uint32(1 << 26)
_CASE_IGNORABLE = np.uint32(1 << 27)
_COMBINING = np.uint32(1 << 28)
_MOVES = np.uint32(1 << 29)  # Combining and no accent: where two stand together, their order may change.


class _CodePoints(NamedTuple):
    """An entry for each code point, by page of 256; pages in which nothing happens are one and the same."""

    page: Array
    entry: Array
    images: Array


def normalized_texts(texts: pa.Array, *, line_break: str = "") -> pa.LargeStringArray:
    """Each text in the form that language models are trained on and score.

    A line feed becomes `line_break`, which is a blank, or nothing: then the words around it are glued, as in CCNet.
    """
    if line_break not in ("", " "):
        raise ValueError(f"line_break must be a blank or nothing, got {line_break!r}")
    values, offsets = text_buffers(texts)
    table = _code_points()
    form, ends, ask = _normalize(values, offsets, *table, _ascii_forms(line_break))
    normalized = text_array(form, ends)
    rows = np.flatnonzero(ask)
    if not len(rows):
        return normalized
    forms = normalized.to_pylist()
    for row in rows:
        text = values[offsets[row] : offsets[row + 1]].tobytes().decode()
        forms[row] = normalize_for_language_model(text.replace("\n", line_break or "\n"))
    return pa.array(forms, pa.large_string())


@cache
def _code_points() -> _CodePoints:
    """The table, asked of Python's own functions, so that its Unicode version is theirs."""
    pages = np.zeros(0x110000 // _PAGE, np.uint16)
    entries = [np.full(_PAGE, _SAME, np.uint32)]
    images = bytearray()
    for number in range(len(pages)):
        characters = [chr(code) for code in range(number * _PAGE, (number + 1) * _PAGE)]
        if not 0xD800 <= ord(characters[0]) < 0xE000 and _something_happens(characters):
            pages[number] = len(entries)
            entries.append(np.array([_entry(character, images) for character in characters], np.uint32))
    if len(images) > _START:
        raise ValueError(f"the images of all code points take {len(images)} bytes, more than an entry can tell")
    table = _CodePoints(pages, np.concatenate(entries), np.frombuffer(bytes(images), np.uint8))
    table.page.setflags(write=False)
    table.entry.setflags(write=False)
    return table


@cache
def _ascii_forms(line_break: str) -> Array:
    """The image of each ASCII character, 0 where it is left out."""
    forms = [normalize_for_language_model(f"|{chr(code)}|")[1:-1] or "\0" for code in range(128)]
    forms[ord("\n")] = line_break or "\0"
    return np.frombuffer("".join(forms).encode(), np.uint8)


def _something_happens(characters: list[str]) -> bool:
    """Whether a code point among these is not its own image, or is one that the letters around take notice of."""
    plain = "|" + "|".join(characters) + "|"
    sigmas = " ".join(f"A{character}Σ" for character in characters)
    return normalize_for_language_model(plain) != plain or "ς" in sigmas.lower() or any(map(str.isspace, characters))


def _entry(character: str, images: bytearray) -> int:
    """The entry of one code point; its image is appended where it is not itself."""
    image = normalize_for_language_model(f"|{character}|")[1:-1]
    decomposed = unicodedata.normalize("NFD", character.lower())
    marks = [mark for mark in decomposed if unicodedata.combining(mark)]
    cased = f"{character}Σ".lower().endswith("ς")
    entry = int(_CASED) * cased
    # Before a sigma, case is looked for behind what can be ignored.
    entry |= int(_CASE_IGNORABLE) * (not cased and f"A{character}Σ".lower().endswith("ς"))
    entry |= int(_BLANK) * character.isspace()
    entry |= int(_COMBINING) * (len(marks) == len(decomposed))
    entry |= int(_MOVES) * any(unicodedata.category(mark) != "Mn" for mark in marks)
    if image == character:
        return entry | int(_SAME)
    entry |= len(images) | len(image.encode()) << _LENGTH_SHIFT
    images += image.encode()
    return entry


@compiled(numba.uint32(numba.int64, _PAGES, _WORDS))
def _look_up(code: int, page: Array, entry: Array) -> Any:
    return entry[np.int64(page[code >> 8]) * _PAGE + (code & 0xFF)]


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64))
def _code_point_before(values: Array, start: int, at: int) -> Any:
    """The code point that ends at a place, and the place where it starts."""
    before = at - 1
    while before > start and values[before] & 0xC0 == 0x80:
        before -= 1
    code, _ = next_code_point(values, before, at)
    return code, before


@compiled(numba.types.UniTuple(numba.int64, 2)(BYTES, numba.int64, numba.int64, _PAGES, _WORDS))
def _strip(values: Array, start: int, end: int, page: Array, entry: Array) -> Any:
    """The text without white space at its ends."""
    while start < end:
        code, after = next_code_point(values, start, end)
        if not _look_up(code, page, entry) & _BLANK:
            break
        start = after
    while start < end:
        code, before = _code_point_before(values, start, end)
        if not _look_up(code, page, entry) & _BLANK:
            break
        end = before
    return start, end


@compiled(numba.boolean(BYTES, numba.int64, numba.int64, numba.int64, numba.int64, _PAGES, _WORDS))
def _ends_a_word(values: Array, start: int, before: int, after: int, end: int, page: Array, entry: Array) -> bool:
    """Whether the sigma in between has a cased letter before and none after; some code points are looked past."""
    cased = False
    while before > start:
        code, before = _code_point_before(values, start, before)
        found = _look_up(code, page, entry)
        if not found & _CASE_IGNORABLE:
            cased = found & _CASED != 0
            break
    if not cased:
        return False
    while after < end:
        code, after = next_code_point(values, after, end)
        found = _look_up(code, page, entry)
        if not found & _CASE_IGNORABLE:
            return bool(found & _CASED == 0)
    return True


@compiled(
    numba.types.Tuple((numba.uint8[::1], numba.int64[::1], numba.boolean[::1]))(
        BYTES, OFFSETS, _PAGES, _WORDS, BYTES, BYTES
    )
)
def _normalize(
    values: Array, offsets: Array, page: Array, entry: Array, images: Array, ascii_forms: Array
) -> tuple[Array, Array, Array]:
    """The forms one behind another, their n + 1 offsets, and for which texts Python must be asked."""
    texts = len(offsets) - 1
    form = np.empty(_GROWTH * (offsets[texts] - offsets[0]), np.uint8)
    ends = np.zeros(texts + 1, np.int64)
    ask = np.zeros(texts, np.bool_)
    length = np.int64(0)
    for text in range(texts):
        start, end = _strip(values, offsets[text], offsets[text + 1], page, entry)
        at = start
        moved_to = np.int64(-1)  # Where the last of a row of combining characters with a moving one ended.
        while at < end:
            first = values[at]
            if first < 0x80:
                form[length] = ascii_forms[first]
                length += ascii_forms[first] != 0
                at += 1
                continue
            code, after = next_code_point(values, at, end)
            found = _look_up(code, page, entry)
            if found & _MOVES:
                ask[text] |= moved_to == at
                moved_to = after
            elif found & _COMBINING and moved_to == at:
                moved_to = after
            if code == _CAPITAL_SIGMA:
                sigma = _FINAL_SIGMA if _ends_a_word(values, start, at, after, end, page, entry) else _SIGMA
                form[length] = 0xC0 | sigma >> 6
                form[length + 1] = 0x80 | sigma & 0x3F
                length += 2
            elif found & _SAME:
                for place in range(at, after):
                    form[length] = values[place]
                    length += 1
            else:
                image = np.int64(found & _START)
                for place in range(image, image + np.int64(found >> _LENGTH_SHIFT & _LENGTH)):
                    form[length] = images[place]
                    length += 1
            at = after
        ends[text + 1] = length
    return form[:length], ends, ask
