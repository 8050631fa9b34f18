import itertools

import numpy as np
import pyarrow as pa
import pytest

from filters.html_loop import lay_out
from filters.html_page import FINE, NESTED_TOO_DEEPLY, empty_page
from filters.html_tags import tables
from tokenizer.kernels import text_buffers


def laid_out(texts: list[str], room: int = 10_000, first: int = 0, before: int = 0):
    values, offsets = text_buffers(pa.array(texts, pa.large_string()))
    ends, status = np.full(len(texts) + 1, before, np.int64), np.full(len(texts), 99, np.uint8)
    page = empty_page(3 * len(values) + 100, np.zeros(room, np.uint8))
    done = lay_out(values, offsets, first, tables(), page, ends, status)
    return done, [bytes(page.out[a:b]).decode() for a, b in itertools.pairwise(ends)], status.tolist()


def test_texts_lie_one_behind_the_other_with_what_became_of_each():
    done, found, status = laid_out(["<p>a</p>b", "", "<i>" * 300, "c"])
    assert (done, found, status) == (4, ["a\n\nb", "", "", "c"], [FINE, FINE, NESTED_TOO_DEEPLY, FINE])


def test_nothing_of_a_text_reaches_the_next_one():
    texts = [
        "<pre>a",
        "b  c",
        "<ul><li>x",
        "y",
        "<template>",
        "z",
        "<sup>2",
        "2",
        "<blockquote>q",
        "r",
        "a &lt",
        ";b<b",
        "c",
    ]
    expected = ["a", "b c", "* x", "y", "", "z", "²", "2", "> q", "r", "a <", ";b", "c"]
    assert laid_out(texts)[1] == expected


@pytest.mark.parametrize(("room", "done"), [(150, 0), (400, 1), (700, 3)])
def test_the_first_text_without_room_is_told_and_nothing_of_it_counts(room, done):
    assert laid_out(["x" * 20, "y" * 250, "z"], room)[0] == done


def test_what_was_laid_out_before_is_left_as_it_is():
    done, found, status = laid_out(["skipped", "a"], first=1, before=7)
    assert (done, found[1], status) == (2, "a", [99, FINE])
