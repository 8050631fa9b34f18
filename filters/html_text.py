"""Turns HTML into plain text that keeps code, lists, quotes and maths as a reader sees them.

Fit for what a sanitizer or an author wrote, such as posts and the chapters of books in HTML or XHTML: line ends in
prose stay line ends, hidden elements are told by their names alone, and nothing is read of style sheets. For pages of
the web it is not: it knows no menus and no main text.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters.html_loop import lay_out
from filters.html_page import NESTED_TOO_DEEPLY, empty_page
from filters.html_tags import tables
from tokenizer.kernels import text_array, text_buffers

_LINE_GROWTH = 3  # `<sup>4</sup>`, `&#0`: a byte of text becomes three at most
_SPARE_BYTES = 1 << 12


class NestedTooDeeplyError(ValueError):
    """Too many elements are open at once."""


def html_to_text(html: str) -> str:
    """The text of a piece of HTML: paragraphs parted by a blank line, `* ` and `1. ` lists, `> ` quotes, code kept.

    Raises NestedTooDeeplyError; any other markup, however broken, gives some text.
    """
    found, too_deep = htmls_to_texts(pa.array([html.encode("utf-8", "replace").decode()], pa.large_string()))
    if too_deep[0]:
        raise NestedTooDeeplyError
    text: str = found[0].as_py()
    return text


def htmls_to_texts(htmls: pa.Array) -> tuple[pa.LargeStringArray, NDArray[np.bool_]]:
    """`html_to_text` of each string of an array, and which of them are nested too deeply; these have no text."""
    values, offsets = text_buffers(htmls)
    sizes = np.diff(offsets)
    ends, status = np.zeros(len(offsets), np.int64), np.zeros(len(sizes), np.uint8)
    out = np.empty(2 * int(sizes.sum()) + _SPARE_BYTES, np.uint8)
    page = empty_page(_LINE_GROWTH * int(sizes.max(initial=0)) + _SPARE_BYTES, out)
    done = lay_out(values, offsets, 0, tables(), page, ends, status)
    while done < len(sizes):
        out = np.concatenate([out, np.empty_like(out)])
        page = page._replace(out=out)
        done = lay_out(values, offsets, done, tables(), page, ends, status)
    return text_array(out[: ends[-1]].copy(), ends), status == NESTED_TOO_DEEPLY
