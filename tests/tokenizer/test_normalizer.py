"""Text is normalised to the byte as SentencePiece does it, U+2581 written as a blank."""

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenizer.kernels import text_array, text_buffers
from tokenizer.normalizer import PADDING, Normalizer
from tokenizer.sentencepiece_model import Algorithm, parse_model

WHOLE_RUN = [
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


@pytest.fixture(params=WHOLE_RUN, ids=str)
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


def normalized(path, text):
    """The normalised text, which is SentencePiece's; a blank is left where that writes U+2581."""
    check(path, [text])
    found = Normalizer(parse_model(path.read_bytes())).normalize(*text_buffers(_array([text])))
    return text_array(found.text, found.offsets).to_pylist()[0]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, " a b"),
        ({"add_dummy_prefix": False}, "a b"),
        ({"treat_whitespace_as_suffix": True}, "a b "),
        ({"treat_whitespace_as_suffix": True, "add_dummy_prefix": False}, "a b"),
        ({"remove_extra_whitespaces": False}, "   a  b  "),
        ({"remove_extra_whitespaces": False, "add_dummy_prefix": False}, "  a  b  "),
        ({"remove_extra_whitespaces": False, "treat_whitespace_as_suffix": True}, "  a  b   "),
    ],
)
def test_blanks_are_squeezed_and_one_put_at_an_end_as_the_settings_say(trained, settings, expected):
    assert normalized(trained(**settings), "  a  b  ") == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("\u3000a", " a"),  # What becomes a blank at the beginning is dropped,
        ("\u00a8a", " \u0308a"),  # and so is the blank of what becomes a blank and more;
        ("b\u00a8", " b \u0308"),  # behind another character it stays,
        ("b \u00a8", " b \u0308"),  # but for one.
        ("\u200b a", " a"),  # What becomes nothing is dropped where blanks are,
        ("a \u200b b", " a b"),  # and parts no two blanks.
        ("a\u3000 \u2003b", " a b"),
        ("a \u2002\u2003", " a"),
        ("\ufdfaa \u3000", " صلى الله عليه وسلمa"),
        ("\u2581\u2581a", " a"),
    ],
)
def test_blanks_that_the_table_makes_are_squeezed_with_the_others(trained, text, expected):
    assert normalized(trained(), text) == expected


@pytest.fixture(scope="module")
def ruled(trained, tmp_path_factory):
    """A model with a table of its own, where ASCII characters stand second and one character becomes several blanks."""
    rules = tmp_path_factory.mktemp("rules") / "rules.tsv"
    rules.write_text("61 62\t78\n62 20\t79\n7A\t20 20\n71\t61 2581 20\n77\t\n6B\t2580 2041 2581\n")
    return lambda **settings: trained(normalization_rule_tsv=str(rules), **settings)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("ab", " x"),
        ("aab", " ax"),
        ("abb", " xb"),
        ("b c", " yc"),
        ("ab c", " x c"),
        ("cb  b ", " cy y"),
        ("zc", " c"),
        ("czc", " c  c"),  # Blanks are squeezed before what stands for a character, not within it.
        ("c zz  c", " c c"),
        ("cz", " c"),
        ("qc", " a  c"),  # A mark for a blank is no blank when blanks are squeezed.
        ("wcw w", " c"),
        ("kc", " ▀⁁ c"),
        ("aaaa  c  a", " aaaa c a"),
    ],
)
def test_a_table_with_ascii_characters_is_followed(ruled, text, expected):
    assert normalized(ruled(), text) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text("abckqwz \u2581é", max_size=20))
def test_any_text_under_such_a_table_is_normalised_as_sentencepiece_does_it(ruled, text):
    for changed in ({}, {"remove_extra_whitespaces": False}, {"user_defined_symbols": ["b z", "w"]}):
        check(ruled(**changed), [text, f"{text}z{text}"])


@pytest.mark.parametrize("symbol", ["日\u3000", "b\u3000", "Ａ", "½ ½", "▂", "⁁", "\u2581\u3000"])
def test_a_users_own_symbol_is_kept_as_it_is_and_only_whole(trained, symbol):
    path = trained(user_defined_symbols=[symbol])
    check(path, [symbol, f"a{symbol}", f"{symbol}{symbol} ", *(f"a{part} a" for part in symbol)])
    assert normalized(path, f"a{symbol}a") == f" a{symbol}a".replace("▁", " ")


@pytest.mark.parametrize("own", [[], ["\u2581a"]])
def test_blanks_stay_where_the_model_does_not_mark_them(written, own):
    path = written(Algorithm.BPE, {"a": -1.0}, own=own)
    path.write_bytes(path.read_bytes() + bytes([3 << 3 | 2, 2, 5 << 3, 0]))
    model = parse_model(path.read_bytes())
    found = Normalizer(model).normalize(*text_buffers(_array(["a \u2581a", " \u2581"])))
    assert not model.escape_whitespaces
    assert text_array(found.text, found.offsets).to_pylist() == ["a \u2581a", " \u2581"]
