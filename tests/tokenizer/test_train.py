"""The trained model has the settings and the layout of LLaMA's."""

import random

import pytest
import sentencepiece

from tokenizer.train import sentences_of, train_tokenizer


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
def model(tmp_path_factory):
    return train(tmp_path_factory.mktemp("model"))[1]


def test_the_first_ids_are_the_specials_and_the_bytes(model):
    assert [model.id_to_piece(i) for i in range(4)] == ["<unk>", "<s>", "</s>", "<0x00>"]
    assert [model.id_to_piece(i) for i in (12, 13, 258)] == ["<0x09>", "<0x0A>", "<0xFF>"]
    assert (model.unk_id(), model.bos_id(), model.eos_id(), model.pad_id()) == (0, 1, 2, -1)


def test_tab_and_newline_are_byte_pieces(model):
    assert model.encode("\n\t")[1:] == [13, 12]


def test_pieces_after_the_bytes_score_their_rank(model):
    assert [model.get_score(i) for i in (259, 260, 499)] == [0, -1, -240]


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
    "text, max_bytes, sentences",
    [
        ("", 10, []),
        ("one\ntwo", 10, ["one", "two"]),
        ("\n\none\n", 10, ["one"]),
        ("0123456789", 10, ["0123456789"]),
        ("0123456789a", 10, ["0123456789", "a"]),
        ("one two three", 8, ["one two", " three"]),
        ("one two three", 7, ["one", " two", " three"]),
        ("  one", 3, [" ", " on", "e"]),
        ("a\tb", 10, ["a", "b"]),
        ("éé", 3, ["é", "é"]),
        ("éé", 1, ["é", "é"]),
        ("a\rb", 10, ["a\rb"]),
    ],
)
def test_a_text_is_cut_into_lines_and_long_lines_at_blanks(text, max_bytes, sentences):
    assert list(sentences_of(text, max_bytes)) == sentences


@pytest.mark.parametrize("max_bytes", [1, 3, 10])
def test_cutting_loses_nothing_but_newlines(max_bytes):
    text = "one  two three\n é日本語 four \n x"
    assert "".join(sentences_of(text, max_bytes)) == text.replace("\n", "")
