"""What is written for vectors gives in each lane what Python's integers give."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import cgutils
from numba.extending import intrinsic

from filters.lanes import LANES, VECTOR, called, each, element, rotated, swapped

WORDS = st.lists(st.integers(0, 2**32 - 1), min_size=LANES, max_size=LANES)


def on_vectors(work):
    """A function of eight words that gives what `work` makes of them as a vector."""

    @intrinsic
    def written(_, words, found):
        def generate(context, builder, signature, arguments):
            source, target = (
                builder.bitcast(cgutils.create_struct_proxy(kind)(context, builder, value).data, VECTOR.as_pointer())
                for kind, value in zip(signature.args, arguments, strict=True)
            )
            builder.store(work(builder, builder.load(source, align=4)), element(builder, target, 1), align=4)
            return context.get_dummy_value()

        return numba.void(words, found), generate

    @numba.njit
    def run(words, found):
        written(words, found)

    def apply(words):
        found = np.zeros((2, LANES), np.uint32)
        run(np.array(words, np.uint32), found)
        assert not found[0].any()
        return found[1].tolist()

    return apply


@pytest.mark.parametrize("by", [1, 5, 30])
def test_bits_are_turned_to_the_left_and_come_back_on_the_right(by):
    turn = on_vectors(lambda builder, words: rotated(builder, words, by))
    words = [1, 1 << 31, 0xFFFFFFFF, 0, 0x80000001, 0xDEADBEEF, 7, 1 << 16]
    assert turn(words) == [(word << by | word >> 32 - by) & 0xFFFFFFFF for word in words]


def test_a_number_stands_in_each_lane():
    add = on_vectors(lambda builder, words: builder.add(words, each(0xFFFFFFFF)))
    assert add(range(LANES)) == [0xFFFFFFFF, *range(LANES - 1)]


def test_an_intrinsic_of_llvm_is_called_on_all_lanes():
    swap = on_vectors(lambda builder, words: called(builder, "bswap", words))
    words = [0x01020304, 0xFF, 0, 1, 2, 3, 4, 0xDEADBEEF]
    assert swap(words) == [swapped(word) for word in words]


@given(WORDS)
def test_bytes_of_a_word_change_their_order(words):
    assert [swapped(word) for word in words] == [int.from_bytes(word.to_bytes(4, "little"), "big") for word in words]
