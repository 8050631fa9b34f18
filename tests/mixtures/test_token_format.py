"""What all token shards of a run share."""

import numpy as np
import pytest

from mixtures.token_format import TokenFormat

SHAPE = {"dtype": np.dtype("<u2"), "vocabulary_size": 9, "tokenizer_digest": "", "bos_id": 1, "eos_id": 2}


@pytest.mark.parametrize("name", ["a|b", "|", ""])
def test_a_tokenizer_name_that_would_break_nanotron_is_refused(name):
    with pytest.raises(ValueError, match=r"tokenizer_name must be a name without \|, got"):
        TokenFormat(**SHAPE, tokenizer_name=name)


def test_the_tokenizer_is_named_by_where_it_lies_in_an_output_folder():
    assert TokenFormat(**SHAPE).tokenizer_name == "models/tokenizer"
