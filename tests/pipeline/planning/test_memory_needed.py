"""The most that a worker takes, by what it does."""

from dataclasses import replace

from pipeline.planning.estimate import Estimate
from pipeline.planning.hot_keys import HotKey
from pipeline.planning.memory_needed import largest, peak_memory
from tokenizer.train import BYTES_A_SAMPLE_BYTE


def test_units_take_at_least_what_was_seen(planned):
    peaks = peak_memory(planned.whole, planned.found, planned.measured)
    seen = planned.measured.peak_bytes
    assert max(peaks["units"].value, peaks["groups"].value, peaks["fits"].low) == seen
    assert peaks["units"].high >= peaks["units"].value


def test_a_hot_key_makes_a_group_as_large_as_its_blocks(planned):
    key = HotKey(stage="dedup", source="c4", shown="", documents=2, of_documents=3, key_bytes=1e12, even_bytes=0.0)
    peaks = peak_memory(planned.whole, replace(planned.found, hot_keys=[key]), planned.measured)
    assert peaks["groups"].value > 3e12
    assert largest(peaks) == peaks["groups"]


def test_the_tokenizers_training_takes_what_it_is_known_to_take(planned):
    peaks = peak_memory(planned.whole, replace(planned.found, tokenizer_bytes=3e9), planned.measured)
    assert peaks["fits"].value > BYTES_A_SAMPLE_BYTE * 3e9


def test_the_largest_is_found():
    assert largest({"a": Estimate(2, 1, 9), "b": Estimate(3, 3, 3)}) == Estimate(3, 3, 3)
