"""Text is normalised to the byte as SentencePiece does it, U+2581 written as a blank."""

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenizer.kernels import text_array, text_buffers
from tokenizer.normalizer import PADDING, Normalizer
from tokenizer.sentencepiece_model import parse_model

MODELS = [
    {},
    {"add_dummy_prefix": False},
    {"remove_extra_whitespaces": False},
    {"treat_whitespace_as_suffix": True},
    {"treat_whitespace_as_suffix": True, "remove_extra_whitespaces": False},
    {"normalization_rule_name": "identity"},
    {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    {"normalization_rule_name": "nfkc_cf"},
    {"normalization_rule_name": "nmt_nfkc_cf", "user_defined_symbols": ["½", "<a b>", "  ", "Ａ", "e"]},
]
TEXTS = [
    "", " ", "\n", "  a  b  ", "▁ ▁", " ▁a▁ ", "▁", "\u200b", "a\u200b", "\u200b\u200b ", "ﷺ", "ﷺ" * 30, "e\u0301",
    "e\u0301\u0301", "\u0301e", "½½ ½", "<a b>", "<a  b>", "Ａ ａ", "\x00", "ﬁ\u3000ﬁ", "が",
    "か\u3099", "\u1100\u1161\u11a8", "é e",
]  # fmt: skip
CHARACTERS = st.sampled_from([*"aeE ▁\t\n½ﬁé\u0301\u0323\u3000か\u3099\u200b\x00Ａ😀", "<a b>", "  ", "ﷺ"])


@pytest.fixture(params=MODELS, ids=str)
def path(request, trained):
    return trained(**request.param)


def check(path, texts):
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    found = Normalizer(parse_model(path.read_bytes())).normalize(*text_buffers(_array(texts)))
    assert len(found.text) >= found.offsets[-1] + PADDING
    for index, text in enumerate(texts):
        normalized = found.text[found.offsets[index] : found.offsets[index + 1]].tobytes().decode()
        assert normalized.replace(" ", "▁") == reference.normalize(text), repr(text)


def _array(texts):
    return pa.array(texts, pa.large_string())


def test_text_is_normalised_as_sentencepiece_does_it(path):
    check(path, TEXTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=st.lists(st.lists(CHARACTERS, max_size=30).map("".join) | st.text(max_size=20), max_size=5))
def test_any_text_is_normalised_as_sentencepiece_does_it(path, texts):
    check(path, texts)


@pytest.mark.parametrize("rule", ["nmt_nfkc", "nmt_nfkc_cf"])
def test_each_character_is_normalised_alone_and_between_others(trained, rule):
    path = trained(normalization_rule_name=rule)
    every = [chr(code) for code in [*range(0xD800), *range(0xE000, 0x30000, 1)]]
    check(path, ["a" + "a".join(every[at : at + 500]) for at in range(0, len(every), 500)])
    check(path, ["".join(every[at : at + 500]) for at in range(0, len(every), 500)])


def test_texts_that_are_a_slice_of_others_stay_apart(trained):
    array = _array(["one two", "three", "four"]).slice(1, 1)
    found = Normalizer(parse_model(trained().read_bytes())).normalize(*text_buffers(array))
    assert text_array(found.text, found.offsets).to_pylist() == [" three"]
