"""Documents become token shards, and every token is accounted for."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import sentencepiece

from pipeline.errors import SettingError
from pipeline.storage import Folder
from pipeline.token_shards import list_token_shards, token_format, write_token_shards
from tokenizer.vocabulary import Vocabulary

TEXTS = ["abc def", "", "a\n\n  b 12", "é日"]


@pytest.fixture
def vocabulary(vocabulary_path):
    return Vocabulary(vocabulary_path)


def test_documents_become_bos_ids_eos(documents, vocabulary, vocabulary_path, tmp_path):
    write_token_shards(iter([documents(*TEXTS)]), vocabulary, tmp_path, "unit", 10_000)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_path))
    expected = [token for text in TEXTS for token in (1, *reference.encode(text), 2)]
    assert np.fromfile(tmp_path / "unit-00000.bin", "<u2").tolist() == expected


def test_tokens_balance(documents, vocabulary, tmp_path):
    shards = write_token_shards(iter([documents(*TEXTS)] * 5), vocabulary, tmp_path, "unit", 64)
    encoded = vocabulary.encode(documents(*TEXTS).column("text"))
    assert len(shards) > 1
    assert sum(shard.tokens for shard in shards) == 5 * (len(encoded.ids) + 2 * len(TEXTS))
    assert sum(shard.tokens for shard in shards) == sum(shard.bytes for shard in shards) / 2
    assert sum(shard.documents for shard in shards) == 20


def test_each_token_leads_back_to_its_document(documents, vocabulary, tmp_path):
    write_token_shards(iter([documents(*TEXTS)]), vocabulary, tmp_path, "unit", 10_000)
    rows = pq.read_table(tmp_path / "unit-00000.documents.parquet").to_pylist()
    assert [(row["doc_id"], row["origin"]) for row in rows] == [(str(i), f"file#{i}") for i in range(4)]
    assert rows[1]["end"] - rows[0]["end"] == 2


def test_no_document_gives_no_shard(documents, vocabulary, tmp_path):
    assert write_token_shards(iter([]), vocabulary, tmp_path, "unit", 10_000) == []
    assert write_token_shards(iter([documents()]), vocabulary, tmp_path, "unit", 10_000) == []
    assert list(tmp_path.iterdir()) == []


def test_the_format_is_the_vocabularys(vocabulary):
    form = token_format(vocabulary)
    assert (form.dtype, form.vocabulary_size, form.bos_id, form.eos_id) == (np.dtype("<u2"), 600, 1, 2)
    assert form.tokenizer_digest == vocabulary.digest


@pytest.mark.parametrize("name", ["bos_id", "eos_id"])
def test_a_vocabulary_without_bos_or_eos_is_refused(vocabulary, name):
    setattr(vocabulary, name, -1)
    with pytest.raises(SettingError, match="has no BOS or no EOS piece"):
        token_format(vocabulary)


def test_token_shards_are_listed_in_name_order_with_their_tokens(tmp_path):
    for name, size in (("a-b.bin", 4), ("a.bin", 7), ("b.bin", 2), ("a.json", 9)):
        (tmp_path / "c4").mkdir(exist_ok=True)
        (tmp_path / "c4" / name).write_bytes(bytes(size))
    assert list_token_shards(Folder(str(tmp_path)), "c4", 2) == [("a", 3), ("a-b", 2), ("b", 1)]
    assert list_token_shards(Folder(str(tmp_path)), "books", 2) == []
