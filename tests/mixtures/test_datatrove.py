"""datatrove's two files beside the ids."""

import numpy as np
import pytest

from mixtures.datatrove import datatrove_index, datatrove_metadata
from mixtures.token_format import TokenFormat

WIDE = TokenFormat(dtype=np.dtype("<u4"), vocabulary_size=70_000, tokenizer_digest="abc", bos_id=1, eos_id=2)


def test_the_index_holds_exclusive_document_ends_of_64_bits():
    raw = datatrove_index(np.array([4, 6, 1 << 40]))
    assert np.frombuffer(raw, "<u8").tolist() == [4, 6, 1 << 40]


@pytest.mark.parametrize(
    "tokens, human", [(999, "999"), (1000, "1K"), (1_234_567, "1.235M"), (2 * 10**9, "2B"), (14 * 10**11, "1.4T")]
)
def test_the_metadata_says_the_count_twice(tokens, human):
    assert datatrove_metadata(tokens, WIDE) == f"models/tokenizer|4\n{tokens}\n{human}\n".encode()


def test_the_first_line_is_a_name_and_a_width_as_nanotron_splits_it():
    name, width = datatrove_metadata(9, WIDE).decode().splitlines()[0].split("|")
    assert (name, width) == ("models/tokenizer", "4")
