"""A character that is no piece becomes its bytes, or the unknown piece once a run."""

import numpy as np
import pytest

from tokenizer.sentencepiece_model import Kind, parse_model
from tokenizer.unknown import merge_unknown, most_ids, unknown_of, write_unknown


def written(model, text):
    ids = np.zeros(20, np.int32)
    values = np.frombuffer(text.encode(), np.uint8)
    return ids[2 : 2 + write_unknown(unknown_of(model), values, 0, len(values), ids, 2)].tolist()


@pytest.mark.parametrize("text, pieces", [("ж", ["<0xD0>", "<0xB6>"]), (" ", ["<0xE2>", "<0x96>", "<0x81>"])])
def test_a_character_becomes_its_bytes(trained, text, pieces):
    model = parse_model(trained().read_bytes())
    assert [model.pieces[token].decode() for token in written(model, text)] == pieces


def test_without_bytes_it_becomes_the_unknown_piece(trained):
    model = parse_model(trained(byte_fallback=False, vocab_size=70).read_bytes())
    assert written(model, "ж") == model.ids_of(Kind.UNKNOWN) == [0]


@pytest.mark.parametrize(
    "ids, begin, used, left",
    [
        ([0, 0, 0, 5], 0, 0, [0, 5]),
        ([5, 0, 0, 6, 0], 0, 2, [5, 0, 6, 0]),
        ([5, 0, 0, 6, 0], 2, 2, [5, 0, 0, 6, 0]),
        ([1, 1], 0, 0, [1, 1]),
    ],
)
def test_a_run_of_unknown_pieces_becomes_one_but_not_across_texts(ids, begin, used, left):
    array = np.array(ids, np.int32)
    count = merge_unknown(array, begin, used, len(ids) - used, 0)
    assert array[: used + count].tolist() == left


def test_a_byte_has_one_id_at_most_where_a_blank_is_a_piece_and_three_elsewhere(trained):
    model = parse_model(trained().read_bytes())
    assert most_ids(model) == 1
    without = parse_model(trained(add_dummy_prefix=False, sentences=["ab", "ba"] * 40, vocab_size=264).read_bytes())
    assert most_ids(without) == 3
