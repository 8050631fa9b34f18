"""What each HTML element does to the text around it, and what each character reference stands for, as tables.

Source: HTML Standard (WHATWG), 13.1.2 elements, 13.2.5.72 to 80 character references, 13.5 their names.
"""

from functools import cache
from html import unescape
from html.entities import html5
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from filters.superscript import subscript, superscript
from tokenizer.kernels import BYTES
from tokenizer.trie import TRIE, Trie, build

INLINE = 0
"""Its words stand in the line: `a em code span kbd`, and every element that is not named here."""
EMPTY, BREAK, RULE, PARAGRAPH, BLOCK, ROW, CELL = 1, 2, 3, 4, 5, 6, 7
CODE, QUOTE, BULLETS, NUMBERS, ITEM, RAISED, LOWERED, HIDDEN, DROPPED = 8, 9, 10, 11, 12, 13, 14, 15, 16

ELEMENTS = {
    EMPTY: "area base basefont bgsound col embed frame img input link meta param source track wbr"
    " colgroup optgroup option rp rt tbody tfoot thead",  # nothing to see; or their end tags may be left out
    BREAK: "br",
    RULE: "hr",
    PARAGRAPH: "p",  # a BLOCK whose end tag may be left out
    BLOCK: "address article aside center details dialog div dl fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hgroup main nav search section summary table",
    ROW: "caption dd dt tr",
    CELL: "td th",  # up to the row's end, line ends of the source are blanks
    CODE: "pre",
    QUOTE: "blockquote",
    BULLETS: "dir menu ul",
    NUMBERS: "ol",
    ITEM: "li",
    RAISED: "sup",
    LOWERED: "sub",
    HIDDEN: "template",
    DROPPED: "iframe noembed noframes script style title",  # up to the end tag nothing is markup
}
"""The elements of each kind. From CODE to HIDDEN an element stays open until its end tag, and is kept on a stack."""

FORM_BYTES = 3
_REFERENCES = 0x100


class Tables(NamedTuple):
    """`kinds` leads from an element's name to its kind; `names` from a reference's, with its `;`, to its place in
    `starts`, which says where in `characters` its bytes begin; `numbers` are the code points of `&#0;` to `&#255;`;
    `forms` has for `sup` and `sub` each byte's raised or lowered form, its size first, 0 where it has none;
    `start` is the name of that attribute.
    """

    kinds: Trie
    names: Trie
    characters: NDArray[np.uint8]
    starts: NDArray[np.int64]
    numbers: NDArray[np.int64]
    forms: NDArray[np.uint8]
    start: NDArray[np.uint8]


TABLES = numba.types.NamedTuple(
    (TRIE, TRIE, numba.uint8[::1], numba.int64[::1], numba.int64[::1], numba.uint8[:, :, ::1], BYTES), Tables
)

NO_CHARACTER = -1
"""The code point of a reference to a control character: nothing is written."""


@cache
def tables() -> Tables:
    """The tables, made once a process."""
    pairs = [(name.encode(), kind) for kind, names in ELEMENTS.items() for name in names.split()]
    references = sorted(html5)
    characters = [html5[name].encode() for name in references]
    starts = np.cumsum([0, *map(len, characters)], dtype=np.int64)
    numbers = [unescape(f"&#{number};") for number in range(_REFERENCES)]
    return Tables(
        kinds=build([name for name, _ in pairs], [kind for _, kind in pairs]),
        names=build([name.encode() for name in references], range(len(references))),
        characters=np.frombuffer(b"".join(characters), np.uint8).copy(),
        starts=starts,
        numbers=np.array([ord(character) if character else NO_CHARACTER for character in numbers], np.int64),
        forms=np.array([_forms(superscript), _forms(subscript)], np.uint8),
        start=np.frombuffer(b"start", np.uint8),
    )


def _forms(moved: Any) -> list[list[int]]:
    found = []
    for code in range(0x80):
        form = moved(chr(code)).encode()
        found.append([len(form) if form != chr(code).encode() else 0, *form.ljust(FORM_BYTES, b"\0")])
    return found
