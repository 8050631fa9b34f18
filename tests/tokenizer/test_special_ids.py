"""The special pieces have LLaMA's ids in a model that we train, and a model that has others is refused."""

import pytest

from tokenizer.special_ids import BOS, EOS, UNK
from tokenizer.vocabulary import Vocabulary


def test_a_trained_model_has_these_ids(vocabulary_path):
    vocabulary = Vocabulary(vocabulary_path)
    assert [vocabulary.piece(token) for token in (UNK, BOS, EOS)] == ["<unk>", "<s>", "</s>"]
    assert (vocabulary.unk_id, vocabulary.bos_id, vocabulary.eos_id) == (0, 1, 2)
    assert vocabulary.faults() == ()


@pytest.mark.parametrize(
    "name, given, said",
    [
        ("bos_id", 3, "its BOS has the id 3, not 1"),
        ("eos_id", 1, "its EOS has the id 1, not 2"),
        ("unk_id", 2, "its UNK has the id 2, not 0"),
        ("bos_id", -1, "it has no BOS piece"),
    ],
)
def test_another_id_is_a_fault(vocabulary_path, name, given, said):
    vocabulary = Vocabulary(vocabulary_path)
    setattr(vocabulary, name, given)
    assert said in vocabulary.faults()
