"""The trained model has the settings and the layout of LLaMA's."""

import random
import struct

import pytest
import sentencepiece

from tokenizer.sentencepiece_model import Algorithm
from tokenizer.train import sentences_of, train_tokenizer

# What the released model's specifications say, by field number: TrainerSpec and NormalizerSpec of google/sentencepiece.
RELEASED_TRAINER = {
    **{3: Algorithm.BPE, 4: 500, 10: 0.99995, 11: 200_000_000, 19: True, 16: 80, 25: True, 26: True, 35: True},
    **{40: 0, 41: 1, 42: 2, 43: -1},
}
TRAINER_DEFAULTS = {
    **{5: [], 6: 0, 7: b"text", 12: 0, 13: 0, 14: 1_000_000, 15: 0.75, 17: 2, 18: 4192, 20: 16},
    **{21: True, 22: True, 23: True, 24: False, 30: [], 31: [], 32: True, 33: True, 34: False, 36: b""},
    **{44: " ⁇ ".encode(), 45: b"<unk>", 46: b"<s>", 47: b"</s>", 48: b"<pad>", 49: False, 50: False},
    **{51: 0.0, 52: 0, 53: b"", 54: b""},
}
RELEASED_NORMALIZER = {1: b"identity", 2: b"", 4: False}
NORMALIZER_DEFAULTS = {3: True, 5: True, 6: b""}
NAMES_A_FILE = {1, 2}  # input and model_prefix


def words(count, seed=1):
    chance = random.Random(seed)
    return ["".join(chance.choice("abcdefghij") for _ in range(chance.randint(1, 7))) for _ in range(count)]


def texts():
    chance, known = random.Random(2), words(300)
    for i in range(300):
        yield " ".join(chance.choice(known) for _ in range(20)) + "     123\tx\n\n" + " " * (i % 20) + "y"


def train(folder, given=None, **settings):
    report = train_tokenizer(
        iter(given if given is not None else texts()), folder / "t", **{"vocabulary_size": 500} | settings
    )
    return report, sentencepiece.SentencePieceProcessor(model_file=str(folder / "t.model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    train(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "t.model"))


def varint(message, at):
    """A protobuf's number, and where it ends."""
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return value, at


def fields(message):
    """All fields of a protobuf message by number; of those that come again, the last."""
    at, found = 0, {}
    while at < len(message):
        tag, at = varint(message, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint(message, at)
        else:
            size, at = varint(message, at) if tag & 7 == 2 else ({1: 8, 5: 4}[tag & 7], at)
            found[tag >> 3], at = message[at : at + size], at + size
    return found


def specification(folder, field, floats=()):
    """The fields of a specification in the model file, signed and as floats where they are."""
    found = fields(fields((folder / "t.model").read_bytes())[field])
    found.update({number: round(struct.unpack("<f", found[number])[0], 6) for number in floats if number in found})
    return {number: value - 2**64 if value == 2**64 - 1 else value for number, value in found.items()}


def test_the_trainer_s_settings_are_the_release_s_one_by_one(folder):
    said = specification(folder, 2, floats=(10, 15, 51))
    assert set(said) - NAMES_A_FILE <= {*RELEASED_TRAINER, *TRAINER_DEFAULTS}
    assert TRAINER_DEFAULTS | said == TRAINER_DEFAULTS | RELEASED_TRAINER


def test_the_normaliser_s_settings_are_the_release_s_one_by_one(folder):
    said = specification(folder, 3)
    assert NORMALIZER_DEFAULTS | said == NORMALIZER_DEFAULTS | RELEASED_NORMALIZER


@pytest.mark.real
def test_a_model_with_the_release_s_settings_spells_out_the_defaults_we_leave(real_data, tmp_path):
    (tmp_path / "t.model").write_bytes((real_data / "models/mistral-v1/tokenizer.model.v1").read_bytes())
    said = specification(tmp_path, 2, floats=(10, 15, 51))
    differs = {1, 2, 4}  # Where it was made, and its size.
    expected = TRAINER_DEFAULTS | RELEASED_TRAINER
    assert {n: v for n, v in said.items() if n not in differs} == {n: expected[n] for n in said if n not in differs}
    normalizer = specification(tmp_path, 3)
    assert normalizer == {n: (NORMALIZER_DEFAULTS | RELEASED_NORMALIZER)[n] for n in normalizer}


def test_the_first_ids_are_the_specials_and_the_bytes(model):
    assert [model.id_to_piece(i) for i in range(4)] == ["<unk>", "<s>", "</s>", "<0x00>"]
    assert [model.id_to_piece(i) for i in (12, 13, 258)] == ["<0x09>", "<0x0A>", "<0xFF>"]
    assert (model.unk_id(), model.bos_id(), model.eos_id(), model.pad_id()) == (0, 1, 2, -1)


def test_tab_and_newline_are_byte_pieces(model):
    assert model.encode("\n\t")[1:] == [13, 12]


def test_pieces_after_the_bytes_score_their_rank(model):
    assert [model.get_score(i) for i in range(259, 500)] == [259 - i for i in range(259, 500)]
    assert [model.get_score(i) for i in range(259)] == [0] * 259


def test_merges_come_first_then_single_characters(model):
    lengths = [len(model.id_to_piece(i)) for i in range(259, 500)]
    merges = sum(length > 1 for length in lengths)
    assert all(length > 1 for length in lengths[:merges]) and set(lengths[merges:]) == {1}
    assert max(lengths) <= 16


def test_merges_are_of_pieces_that_are_there_already(model):
    known = {model.id_to_piece(i): i for i in range(259, 500)}
    for piece, i in known.items():
        parts = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        assert len(piece) == 1 or any(
            all(len(part) == 1 or known.get(part, 500) < i for part in pair) for pair in parts
        ), piece


def test_characters_stand_by_falling_frequency(tmp_path):
    _, model = train(tmp_path, ["c" * 9 + "b" * 5 + "a" * 7], vocabulary_size=264)
    assert [model.id_to_piece(i) for i in range(264)][-4:] == ["c", "a", "b", "▁"]


def test_numbers_are_split_into_digits(model):
    assert model.encode("123", out_type=str)[-3:] == ["1", "2", "3"]
    assert not any(any(c.isdigit() for c in model.id_to_piece(i)[1:]) for i in range(259, 500))


def test_runs_of_blanks_are_pieces_and_are_kept(model):
    assert any(model.id_to_piece(i) == "▁▁▁▁" for i in range(500))
    assert model.decode(model.encode("a     b ")) == "a     b "


def test_a_blank_is_put_before_the_text(model):
    assert model.encode("a", out_type=str)[0].startswith("▁")


def test_compatibility_characters_are_not_folded(model):
    assert model.decode(model.encode("ﬁ ² Å")) == "ﬁ ² Å"


def test_unknown_characters_fall_back_to_bytes(model):
    assert model.encode("é", out_type=str)[-2:] == ["<0xC3>", "<0xA9>"]


def test_two_runs_write_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        train(tmp_path / name)
    for file in ("t.model", "t.vocab"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_sample_of_the_sentences_is_drawn_the_same_twice(tmp_path):
    one, _ = train(tmp_path / "one", sample_sentences=101, vocabulary_size=320)
    two, _ = train(tmp_path / "two", sample_sentences=101, vocabulary_size=320)
    whole, _ = train(tmp_path / "whole", vocabulary_size=320)
    assert one.digest == two.digest != whole.digest


def test_the_report_counts_what_was_read(tmp_path):
    report, _ = train(tmp_path, ["abc abd\nabc", "x" * 30, "▅ab", ""], vocabulary_size=270, max_sentence_bytes=10)
    assert (report.vocabulary_size, report.sentences, report.lines_cut, report.lines_unused) == (270, 6, 1, 1)
    assert report.sentence_bytes == 7 + 3 + 30 + 5
    assert report.merges + report.characters == 270 - 259
    assert len(report.digest) == 32


def test_the_vocabulary_is_written_beside_the_model(tmp_path):
    train(tmp_path)
    lines = (tmp_path / "t.vocab").read_text().splitlines()
    assert (len(lines), lines[1], lines[259].split("\t")[1]) == (500, "<s>\t0", "-0")


def test_training_is_quiet(tmp_path, capfd):
    train(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_sample_too_small_for_the_vocabulary_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^vocabulary_size must be at most \d+ for a sample of 7 bytes, got 5000$"):
        train(tmp_path, ["abc abd"], vocabulary_size=5000)


def test_more_characters_than_the_vocabulary_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^vocabulary_size must be at least 28\d to hold .*, got 265; or lower"):
        train(tmp_path, ["abcdefghijklmnopqrstuvwxyz"], vocabulary_size=265)


@pytest.mark.parametrize("given", [[], [""], ["\n\n"]])
def test_no_text_is_one_line(tmp_path, given):
    with pytest.raises(ValueError, match="the tokenizer's sample has no text"):
        train(tmp_path, given)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "a\rb", "\u2028", "▁", "\ud800"])
def test_odd_characters_do_no_harm(tmp_path, text):
    report, _ = train(tmp_path, [*texts(), text])
    assert report.vocabulary_size == 500


@pytest.mark.parametrize(
    "line, max_bytes, sentences",
    [
        ("", 10, []),
        ("0123456789", 10, ["0123456789"]),
        ("0123456789a", 10, ["0123456789", "a"]),
        ("one two three", 8, ["one two", " three"]),
        ("one two three", 7, ["one", " two", " three"]),
        ("  one", 3, [" ", " on", "e"]),
        ("éé", 3, ["é", "é"]),
        ("éé", 1, ["é", "é"]),
        ("a\rb", 10, ["a\rb"]),
    ],
)
def test_a_long_line_is_cut_at_blanks(line, max_bytes, sentences):
    assert list(sentences_of(line, max_bytes)) == sentences


@pytest.mark.parametrize("max_bytes", [1, 3, 10])
def test_cutting_loses_nothing(max_bytes):
    line = "one  two three  é日本語 four   x"
    assert "".join(sentences_of(line, max_bytes)) == line
