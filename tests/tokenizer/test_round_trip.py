"""What comes back is counted, and what does not is named."""

import pytest

from tokenizer import round_trip as module
from tokenizer.round_trip import byte_strings, lost_code_points, round_trip
from tokenizer.sentencepiece_model import Kind, parse_model
from tokenizer.vocabulary import Vocabulary


def loaded(path):
    vocabulary, model = Vocabulary(path), parse_model(path.read_bytes())
    return vocabulary, dict(enumerate(model.ids_of(Kind.BYTE)))


def test_all_that_llama_s_settings_lose_is_the_mark_for_a_blank(vocabulary_path):
    assert round_trip(*loaded(vocabulary_path)) == {
        "code_points": 1_112_064,
        "code_points_lost": 1,
        "first_lost": ["U+2581"],
        "byte_strings": 1256,
        "byte_strings_lost": 0,
        "byte_pieces": 256,
        "as_byte_pieces_lost": 0,
    }


def test_a_model_that_normalises_loses_what_it_folds(trained):
    vocabulary, _ = loaded(trained(normalization_rule_name="nmt_nfkc"))
    lost = list(lost_code_points(vocabulary, range(0x2080, 0x20A0)))
    assert lost[:10] == list(range(0x2080, 0x208A))  # ₀ to ₉ become digits.
    assert 0x2095 in lost and 0x209D not in lost


def test_a_model_without_bytes_loses_what_it_does_not_know(trained):
    vocabulary, byte_ids = loaded(trained(byte_fallback=False, vocab_size=60))
    assert byte_ids == {}
    assert list(lost_code_points(vocabulary, [ord("t"), ord("é"), ord("a")])) == [ord("é")]


def test_a_model_without_one_of_the_bytes_cannot_write_it(vocabulary_path, monkeypatch):
    vocabulary, byte_ids = loaded(vocabulary_path)
    monkeypatch.setattr(module, "lost_code_points", lambda _: [])
    monkeypatch.setattr(module, "byte_strings", lambda _: [b"a", b"b", b"\xc3\xa9"])
    del byte_ids[ord("a")]
    found = round_trip(vocabulary, byte_ids)
    assert (found["byte_pieces"], found["as_byte_pieces_lost"], found["byte_strings_lost"]) == (255, 1, 0)


def test_no_more_than_a_few_lost_are_named(vocabulary_path, monkeypatch):
    monkeypatch.setattr(module, "lost_code_points", lambda _: range(0x41, 0x141))
    found = round_trip(*loaded(vocabulary_path))
    assert (found["code_points_lost"], found["first_lost"][0], len(found["first_lost"])) == (256, "U+0041", 20)


def test_halves_of_surrogate_pairs_are_no_characters(vocabulary_path):
    vocabulary, _ = loaded(vocabulary_path)
    assert list(lost_code_points(vocabulary, range(0xD7F0, 0xE010))) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_strings_are_all_bytes_and_seeded_random_ones(seed):
    found = byte_strings(seed)
    assert found[:256] == [bytes([value]) for value in range(256)]
    assert found == byte_strings(seed) != byte_strings(seed + 1)
    assert {len(value) for value in found} <= set(range(1, 65))
