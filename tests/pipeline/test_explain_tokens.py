"""Token shards end to end, and their documents by the bounds in the sidecar."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures import shards
from mixtures.token_format import TokenFormat
from pipeline.errors import SettingError
from pipeline.explain_tokens import SourceTokens
from pipeline.storage import Folder

FORM = TokenFormat(dtype=np.dtype("<u2"), vocabulary_size=300, tokenizer_digest="", bos_id=1, eos_id=2)
LENGTHS = [3, 0, 5, 1, 7, 2, 2, 9, 0, 4]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """Ten documents in shards of about 20 ids, two row groups or more each."""
    root = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "GROUP_ROWS", 2)
        with shards.ShardWriter(root / "tokens/c4", "u-1", 40, FORM) as writer:
            offsets = np.cumsum([0, *LENGTHS])
            ids = np.arange(10, 10 + offsets[-1], dtype="<u2")
            names = [f"d{i}" for i in range(len(LENGTHS))]
            writer.add(names, [f"f#{i}" for i in range(len(LENGTHS))], ids, offsets)
    return SourceTokens(Folder(str(root)), "c4", FORM.dtype)


def by_hand():
    """The number of the document of each token."""
    return np.repeat(np.arange(len(LENGTHS)), np.array(LENGTHS) + 2)


def test_shards_lie_end_to_end(tokens):
    assert tokens.names == ["u-1-00000", "u-1-00001", "u-1-00002"]
    assert tokens.tokens == sum(LENGTHS) + 2 * len(LENGTHS)
    assert [tokens.first_token(name) for name in tokens.names] == np.cumsum(
        [0, *map(tokens.size, tokens.names[:-1])]
    ).tolist()
    assert tokens.of_unit("u-1") == tokens.names
    assert tokens.of_unit("u") == []


@given(st.integers(0, 52), st.integers(1, 53))
def test_a_stretch_of_tokens_has_the_documents_that_it_is_of(tokens, start, count):
    count = min(count, tokens.tokens - start)
    found = list(tokens.documents(start, count))
    assert [document.doc_id for document in found] == [f"d{i}" for i in np.unique(by_hand()[start : start + count])]
    assert all(tokens.read(document.shard, document.start, 1)[0] == 1 for document in found)
    assert all(tokens.read(document.shard, document.end - 1, 1)[0] == 2 for document in found)


def test_documents_are_found_by_id_in_the_shard_that_has_them(tokens):
    wanted = pa.array(["d9", "d0", "d4", "nobody"])
    found = [document for shard in tokens.names for document in tokens.find(shard, wanted)]
    assert [(document.doc_id, document.origin) for document in found] == [("d0", "f#0"), ("d4", "f#4"), ("d9", "f#9")]
    assert [document.end - document.start - 2 for document in found] == [LENGTHS[0], LENGTHS[4], LENGTHS[9]]


def test_one_token_is_looked_up_in_one_row_group(tokens, monkeypatch):
    read = []
    own = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda file, group, **rest: read.append(group) or own(file, group, **rest)
    )
    shard, place = tokens.locate(tokens.size(tokens.names[0]) - 1)
    assert next(tokens.within(shard, place, place + 1)).end == tokens.size(shard)
    assert set(read) == {1}


def test_a_shard_that_is_not_there_is_said(tokens):
    with pytest.raises(SettingError, match="c4 has no token shard 'u-9'; it has 3"):
        tokens.first_token("u-9")
