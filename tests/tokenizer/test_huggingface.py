"""The tokenizer.json that we write gives, in HuggingFace's own libraries, the ids of the model file."""

import json
import random

import pytest
import sentencepiece
from tokenizers import Tokenizer

from tokenizer.huggingface import huggingface_files, merges
from tokenizer.sentencepiece_model import parse_model

TEXTS = [
    "", " ", "abc de", " abc", "      abc  de ", "a\nb\tc\r\n", "1234 5", "é ü 漢 🦙", "<s> a </s><unk>", "▁a", "a\0b",
    "\u2585x", "a" * 41, "ab" * 33, "aba" * 30, " " * 37,
]  # fmt: skip


@pytest.fixture(scope="session")
def sentencepiece_ids(vocabulary_path):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary_path))
    return lambda text: [processor.bos_id(), *processor.encode(text)]


@pytest.fixture(scope="session")
def folder(vocabulary_path, tmp_path_factory):
    """The files as an export has them."""
    made = tmp_path_factory.mktemp("huggingface")
    for name, content in huggingface_files(vocabulary_path, 2048).items():
        (made / name).write_text(content)
    return made


@pytest.mark.parametrize("alphabet", ["ab ", "a ", " abcdefghij", "aab1 \n", "abcdefghijé▁ "])
def test_ids_of_random_texts_are_those_of_the_model_file(folder, sentencepiece_ids, alphabet):
    theirs, chance = Tokenizer.from_file(str(folder / "tokenizer.json")), random.Random(3)
    for length in range(200):
        text = "".join(chance.choices(alphabet, k=length))
        assert theirs.encode(text).ids == sentencepiece_ids(text), text


def test_transformers_loads_the_folder_and_takes_special_names_in_a_text_for_text(folder, sentencepiece_ids):
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(folder)
    assert (loaded.unk_token_id, loaded.bos_token_id, loaded.eos_token_id, len(loaded)) == (0, 1, 2, 600)
    assert loaded.model_max_length == 2048
    for text in TEXTS:
        assert loaded.encode(text) == sentencepiece_ids(text), text
        assert loaded.decode(loaded.encode(text), skip_special_tokens=True) == text.replace("▁", " ")


def test_merges_come_in_the_order_of_scores_and_make_pieces_of_pieces(vocabulary_path):
    model = parse_model(vocabulary_path.read_bytes())
    score = {piece.decode(): value for piece, value in zip(model.pieces, model.scores, strict=True)}
    made = [(left + right, left) for left, right in merges(model)]
    assert len({piece for piece, _ in made}) == sum(
        kind == 1 and len(p.decode()) > 1 for p, kind in zip(model.pieces, model.kinds, strict=True)
    )
    ranks = [(-score[piece], -len(left)) for piece, left in made]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    "settings, fault",
    [
        ({"model_type": "unigram"}, "it is no BPE model"),
        ({"byte_fallback": False, "vocab_size": 70}, "it has no byte pieces"),
        ({}, "it rewrites characters; it removes blanks"),
        ({"add_dummy_prefix": False}, "it puts no blank before a text"),
        ({"treat_whitespace_as_suffix": True}, "it puts no blank before a text"),
        ({"user_defined_symbols": ["he"]}, "it has pieces beside normal ones"),
        ({"bos_id": -1}, "it has pieces beside normal ones"),
    ],
)
def test_a_model_unlike_llamas_is_refused(trained, settings, fault):
    path = trained(**settings)
    with pytest.raises(ValueError, match=f"^no tokenizer.json can be written: .*{fault}"):
        huggingface_files(path, 2048)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"^the file ends within a number$"):
        huggingface_files(tmp_path / "x", 2048)


@pytest.mark.real
def test_ids_of_real_text_are_those_of_a_released_model(real_data, tmp_path):
    path = real_data / "models/mistral-v1/tokenizer.model.v1"
    written = tmp_path / "tokenizer.json"
    written.write_text(huggingface_files(path, 2048)["tokenizer.json"])
    theirs, processor = Tokenizer.from_file(str(written)), sentencepiece.SentencePieceProcessor(model_file=str(path))
    files = [file for file in sorted(real_data.glob("stackexchange/*/*")) if file.suffix in (".xml", ".md")][:20]
    texts = [line for file in files for line in file.read_text("utf-8", "replace").splitlines()[:500]]
    assert len(texts) > 100
    assert [found.ids[1:] for found in theirs.encode_batch(texts)] == processor.encode(texts)
    assert json.loads(written.read_text())["added_tokens"][1]["content"] == "<s>"
