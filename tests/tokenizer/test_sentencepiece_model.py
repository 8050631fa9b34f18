"""What a model file says is read without SentencePiece, and is what SentencePiece says."""

import pytest
import sentencepiece

from tokenizer.sentencepiece_model import Algorithm, Kind, parse_model

UNKNOWN = b"\x0a\x05\x0a\x01?\x18\x02"


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "word"])
def test_pieces_and_scores_are_those_that_sentencepiece_reads(trained, kind):
    path = trained(kind, byte_fallback=False)
    model, reference = parse_model(path.read_bytes()), sentencepiece.SentencePieceProcessor(model_file=str(path))
    names = [reference.id_to_piece(i) for i in range(reference.get_piece_size())]
    assert [piece.decode() for piece in model.pieces] == names
    assert model.scores.tolist() == [reference.get_score(i) for i in range(len(names))]
    assert model.algorithm == Algorithm[kind.upper()]


def test_each_piece_has_its_kind(trained):
    model = parse_model(trained(user_defined_symbols=["<sep>"], control_symbols=["<mask>"]).read_bytes())
    assert [model.pieces[i] for i in model.ids_of(Kind.USER_DEFINED)] == [b"<sep>"]
    assert [model.pieces[i] for i in model.ids_of(Kind.CONTROL)] == [b"<s>", b"</s>", b"<mask>"]
    assert (model.ids_of(Kind.UNKNOWN), len(model.ids_of(Kind.BYTE)), model.ids_of(Kind.UNUSED)) == ([0], 256, [])


@pytest.mark.parametrize(
    "setting, field",
    [
        ({"add_dummy_prefix": False}, "add_dummy_prefix"),
        ({"remove_extra_whitespaces": False}, "remove_extra_whitespaces"),
        ({"byte_fallback": False, "vocab_size": 60}, "byte_fallback"),
    ],
)
def test_a_setting_is_read(trained, setting, field):
    assert getattr(parse_model(trained().read_bytes()), field) is True
    assert getattr(parse_model(trained(**setting).read_bytes()), field) is False


def test_a_blank_behind_a_word_is_read(trained):
    assert parse_model(trained(treat_whitespace_as_suffix=True).read_bytes()).whitespace_is_suffix
    assert not parse_model(trained().read_bytes()).whitespace_is_suffix


def test_a_model_without_a_table_of_characters_has_none(trained):
    assert parse_model(trained(normalization_rule_name="identity").read_bytes()).charsmap == b""
    assert len(parse_model(trained().read_bytes()).charsmap) > 100_000


def test_the_mark_for_a_blank_becomes_a_blank_and_a_piece_with_a_blank_matches_nothing(trained):
    model = parse_model(trained().read_bytes())
    assert [model.own("▁a▁".encode()), model.own(b"a b"), model.own("é".encode())] == [b" a ", None, "é".encode()]


@pytest.mark.parametrize(
    "broken, message",
    [
        (b"\x0a\x05ab", "ends within the field at byte 2"),
        (b"\x0a", "ends within a number"),
        (b"\xff" * 11, "more than ten bytes"),
        (b"\x0b", "unknown type 3 at byte 1"),
        (b"\x0d\x00", "ends within the field at byte 1"),
        (b"\x0a\x03\x0a\x01c", "no unknown piece"),
        (UNKNOWN + b"\x0a\x00", "piece 1 is empty"),
        (UNKNOWN + b"\x0a\x03\x0a\x01\xff", "piece 1 is no text"),
        (UNKNOWN + b"\x0a\x08\x0a\x01c\x15\x00\x00\xc0\x7f", "score of piece 2 is nan"),
        (UNKNOWN + b"\x0a\x08\x0a\x01c\x15\x00\x00\x80\x7f", "score of piece 2 is inf"),
        (UNKNOWN + b"\x0a\x05\x0a\x01c\x18\x07", "7 is not a valid Kind"),
        (UNKNOWN + b"\x0a\x0e\x0a\x01c\x18" + b"\xff" * 9 + b"\x01", "not a valid Kind"),
        (UNKNOWN + b"\x12\x02\x18\x05", "5 is not a valid Algorithm"),
    ],
)
def test_bytes_that_are_no_model_are_refused(broken, message):
    with pytest.raises(ValueError, match=message):
        parse_model(broken)


def test_fields_of_no_use_are_passed_over():
    unused = b"\x41" + bytes(8) + b"\x4d" + bytes(4) + b"\x50\x01" + b"\x5a\x02ab"
    assert parse_model(unused + b"\x0a\x05\x0a\x01c\x18\x02").pieces == (b"c",)


@pytest.mark.parametrize("field", [b"\x08\x05", b"\x18\xff\xff\xff\xff\x07", b"\x0d" + bytes(4), b"\x12\x02\x1a\x00"])
def test_a_field_of_another_type_than_its_own_is_passed_over(field):
    model = parse_model(field + UNKNOWN)
    assert (model.pieces, model.charsmap, model.algorithm) == ((b"?",), b"", Algorithm.UNIGRAM)


@pytest.mark.parametrize("byte_fallback, kind", [(1, Kind.UNUSED), (0, Kind.NORMAL)])
def test_a_piece_that_is_a_zero_byte_is_unused_where_bytes_stand_for_themselves(byte_fallback, kind):
    model = parse_model(UNKNOWN + b"\x0a\x03\x0a\x01\0" + b"\x12\x03\x98\x02" + bytes([byte_fallback]))
    assert model.kinds.tolist() == [Kind.UNKNOWN, kind]
