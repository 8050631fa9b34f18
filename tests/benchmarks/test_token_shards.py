import dataclasses
import json

import pytest

from benchmarks import token_shards
from benchmarks.claims import DisagreementError
from benchmarks.token_shards import tokenize
from mixtures.shards import SIDECARS


@pytest.fixture
def few(inputs, tmp_path):
    """The inputs with a folder of their own."""
    return dataclasses.replace(inputs, work=tmp_path)


def test_a_file_of_documents_becomes_a_shard_with_all_sidecars(few):
    figures = tokenize(few)
    assert (figures.unit, figures.input_bytes > 50_000) == ("M tokens/s", True)
    assert figures.ours > 0 < figures.reference
    ours = few.work / "tokenize/ours"
    assert sorted(path.name for path in ours.iterdir()) == sorted("a-00000" + end for end in (".bin", *SIDECARS))
    tokens = json.loads((ours / "a-00000.json").read_text())["tokens"]
    assert (few.work / "tokenize/theirs.bin").stat().st_size == 2 * tokens > 10_000


def test_another_file_of_tokens_is_found_out(few, monkeypatch):
    plain = token_shards.plain_tokens

    def spoiled(documents, processor, target):
        tokens = plain(documents, processor, target)
        target.write_bytes(target.read_bytes()[:-2] + b"\0\0")
        return tokens

    monkeypatch.setattr(token_shards, "plain_tokens", spoiled)
    with pytest.raises(DisagreementError, match="files of tokens differ"):
        tokenize(few)
