"""What all token shards of a run share."""

import numpy as np
import pytest

from mixtures.byte_ranges import files_at
from mixtures.stream import list_shards
from mixtures.token_format import TokenFormat, shard_names

SHAPE = {"dtype": np.dtype("<u2"), "vocabulary_size": 9, "tokenizer_digest": "", "bos_id": 1, "eos_id": 2}


@pytest.mark.parametrize("name", ["a|b", "|", ""])
def test_a_tokenizer_name_that_would_break_nanotron_is_refused(name):
    with pytest.raises(ValueError, match=r"tokenizer_name must be a name without \|, got"):
        TokenFormat(**SHAPE, tokenizer_name=name)


def test_the_tokenizer_is_named_by_where_it_lies_in_an_output_folder():
    assert TokenFormat(**SHAPE).tokenizer_name == "models/tokenizer"


def test_shards_are_read_in_the_order_of_their_names_without_their_end():
    files = ["c.bin", "c-d.bin", "a.json", "b.bin", "b.bin.tmp"]
    assert sorted(files)[2:4] == ["b.bin.tmp", "c-d.bin"]  # A sort of file names has c-d.bin first, for - is before .
    assert shard_names(files) == ["b", "c", "c-d"]


def test_a_stream_that_is_read_virtually_has_the_shards_in_that_order_too(tmp_path):
    (tmp_path / "c4").mkdir()
    for name, size in (("c-d.bin", 4), ("c.bin", 6), ("c.json", 9)):
        (tmp_path / "c4" / name).write_bytes(bytes(size))
    assert list_shards(files_at(tmp_path), "c4", np.dtype("<u2")) == [("c4/c.bin", 3), ("c4/c-d.bin", 2)]
