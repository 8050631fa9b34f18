"""What is said of a stream is what its plan has."""

import pytest

from pipeline.mix import plan_mix
from pipeline.mix_summary import mix_lines, said_epochs
from pipeline.recipe import Recipe


def record(**mixture):
    base = {"total_tokens": 8000, "sequence_tokens": 8, "weights": {"c4": 0.75, "books": 0.25}}
    recipe = Recipe.model_validate({"name": "t", "mixture": base | mixture, "trainer": {"batch_sequences": 10}})
    sizes = {"c4": [("s", 6003)], "books": [("s", 800)], "arxiv": [("s", 8000)]}
    return plan_mix(sizes, recipe, vocabulary_size=600, tokenizer_digest="").record


def test_a_stream_is_said_source_by_source():
    assert list(mix_lines(record())) == [
        "mix: 1,000 sequences, 8,000 tokens",
        "  c4: 750 sequences, 6,000 tokens, 75.000% (asked 75.000%, Table 1 15.0%), 1.00 epochs: 750 blocks once",
        "  books: 250 sequences, 2,000 tokens, 25.000% (asked 25.000%, Table 1 4.5%), 2.50 epochs: 50 blocks twice,"
        " 50 blocks 3 times",
    ]


CHANGE = {"from_step": 25, "weights": {"c4": 0.5, "arxiv": 0.5}, "sequence_tokens": 16}


def test_phases_are_said_where_there_are_several():
    lines = list(mix_lines(record(changes=(CHANGE,))))
    assert lines[0] == "mix: 625 sequences, 8,000 tokens"
    assert lines[-2] == "  from sequence 0: 250 of 8 tokens: c4 188, books 62"
    assert lines[-1] == "  from sequence 250: 375 of 16 tokens: c4 188, arxiv 187"
    assert len(lines) == 1 + 3 + 2


@pytest.mark.parametrize(
    "readings, said",
    [
        ({"0": 6, "1": 4}, "0.40 epochs: 6 blocks not at all, 4 blocks once"),
        ({"1": 1000, "2": 4}, "0.40 epochs: 1,000 blocks once, 4 blocks twice"),
        ({"9": 3}, "0.40 epochs: 3 blocks 9 times"),
    ],
)
def test_epochs_are_spelled_out(readings, said):
    assert said_epochs({"epochs": 0.4, "readings": readings}) == said
