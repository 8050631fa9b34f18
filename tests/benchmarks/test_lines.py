import numpy as np
import pytest

from benchmarks import lines
from benchmarks.claims import DisagreementError
from benchmarks.lines import duplicate_verdicts, multiplied, normalise_hash, plain_line_keys


def test_normalise_hash_gives_figures(inputs):
    figures = normalise_hash(inputs)
    assert (figures.unit, figures.input_bytes > 100_000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_a_wrong_key_is_found_out(inputs, monkeypatch):
    right = lines.line_keys

    def wrong(texts):
        found = right(texts)
        found.keys[0] += np.uint64(1)
        return found

    monkeypatch.setattr(lines, "line_keys", wrong)
    with pytest.raises(DisagreementError, match="another key"):
        normalise_hash(inputs)


def test_the_reference_hashes_every_line_of_every_text():
    keys = plain_line_keys(["One 1\nTwo", "one 2"])
    assert keys[0] == keys[2] != keys[1]
    assert len(keys) == 3


def test_duplicate_verdicts_gives_figures(inputs):
    figures = duplicate_verdicts(inputs)
    assert figures.unit == "M keys/s"
    assert figures.input_bytes >= 8 * 50_000


def test_a_missing_verdict_is_found_out(inputs, monkeypatch):
    monkeypatch.setattr(lines.ParagraphRounds, "judges", (lambda partition, blocks: iter(()),))
    with pytest.raises(DisagreementError, match="the keys that"):
        duplicate_verdicts(inputs)


def test_keys_are_multiplied_with_their_twins_and_no_others():
    block = (7).to_bytes(8, "little") + np.array([5, 9], "<u8").tobytes()
    ((unit, *keys),) = [np.frombuffer(held, "<u8").tolist() for held in multiplied({0: [block]}, 6)[0]]
    assert unit == 7
    assert keys == sorted([5, 9, 15, 27, 25, 45])


def test_keys_enough_are_left_alone():
    block = bytes(8) + np.array([5, 9], "<u8").tobytes()
    assert multiplied({3: [block]}, 1) == {3: [block]}
