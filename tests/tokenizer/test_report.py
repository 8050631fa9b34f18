"""A tokenizer's figures are counted from what it makes of text, and from its pieces."""

import json

import pyarrow as pa
import pytest

from tokenizer import report as module
from tokenizer.report import Measure, Tokenizer, tokenizer_report, use_figures
from tokenizer.sentencepiece_model import Kind

TEXTS = ["abc 12\n", "é", ""]


@pytest.fixture(scope="module")
def tokenizer(vocabulary_path):
    return Tokenizer(vocabulary_path)


@pytest.fixture(autouse=True)
def _no_round_trip(monkeypatch):
    monkeypatch.setattr(module, "round_trip", lambda *_: {"code_points_lost": 1})


def measured(tokenizer, languages, texts=TEXTS, source="c4"):
    measure = Measure(tokenizer)
    measure.add(source, pa.array(languages, pa.string()), pa.array(texts, pa.large_string()))
    return measure


def test_ids_are_known_by_their_kind(tokenizer):
    assert (tokenizer.byte_ids[0], tokenizer.byte_ids[255], len(tokenizer.byte_ids)) == (3, 258, 256)
    assert tokenizer.normal == tuple(range(259, 600))


def test_bytes_that_are_no_line_ends_are_fallback(tokenizer):
    figures = measured(tokenizer, ["en"] * 3).figures("c4")
    tokens = len(tokenizer.vocabulary.encode(pa.array(TEXTS)).ids)
    assert {name: figures[name] for name in ("bytes", "tokens", "line_tokens")} == {
        "bytes": 9,
        "tokens": tokens,
        "line_tokens": 1,
    }
    assert figures["bytes_per_token"] == round(9 / tokens, 4)
    assert figures["byte_fallback_rate"] == round(2 / tokens, 6)


def test_languages_are_counted_apart_and_sum_to_the_source(tokenizer):
    figures = measured(tokenizer, ["en", None, "de"]).figures("c4")
    assert list(figures["languages"]) == ["en", "unknown", "de"]  # The most text first.
    for name in ("bytes", "tokens", "line_tokens"):
        assert sum(held[name] for held in figures["languages"].values()) == figures[name]


def test_batches_add_up(tokenizer):
    twice = measured(tokenizer, ["en"] * 3)
    twice.add("c4", pa.array(["en"] * 3), pa.array(TEXTS))
    once = measured(tokenizer, ["en"] * 6, TEXTS * 2)
    assert twice.figures("c4") == once.figures("c4")
    assert twice.used.tolist() == once.used.tolist()


def test_sources_are_counted_apart(tokenizer):
    measure = measured(tokenizer, ["en"] * 3)
    before = measure.figures("c4")
    measure.add("books", pa.array(["en"]), pa.array(["abc"]))
    assert measure.figures("c4") == before
    assert measure.figures("books")["bytes"] == 3


def test_text_that_only_shows_use_is_in_no_figure(tokenizer):
    measure = measured(tokenizer, ["en"] * 3)
    before, used = measure.figures("c4"), int(measure.used.sum())
    counts = measure.use(pa.array(["abc abc"]))
    assert measure.figures("c4") == before
    assert int(measure.used.sum()) == used + counts.sum() > used


def test_a_source_without_text_has_figures_of_nothing(tokenizer):
    nothing = {"bytes": 0, "tokens": 0, "bytes_per_token": 0.0, "byte_fallback_rate": 0.0, "line_tokens": 0}
    assert Measure(tokenizer).figures("c4") == nothing | {"languages": {}}
    assert use_figures(tokenizer, []) == nothing


@pytest.mark.parametrize("count, listed", [(40, 40), (41, 41), (100, 41), (1000, 41)])
def test_few_languages_are_listed_and_the_rest_is_one_line(tokenizer, count, listed):
    figures = measured(tokenizer, [f"l{i}" for i in range(count)], ["abc"] * count).figures("c4")
    assert len(figures["languages"]) == listed
    assert ("others" in figures["languages"]) == (count > 40)
    assert sum(held["bytes"] for held in figures["languages"].values()) == figures["bytes"] == 3 * count


def test_no_more_languages_are_counted_apart_than_memory_allows(tokenizer):
    measure = measured(tokenizer, [f"l{i}" for i in range(1000)], ["abc"] * 1000)
    assert len(measure._uses["c4"]) == 4 * 40 + 1


def test_the_longest_pieces_are_named_with_their_use(tokenizer):
    measure = measured(tokenizer, ["en"], ["abcdefgh" * 50])
    found = tokenizer_report(tokenizer, measure.used)["pieces"]
    lengths = [len(piece["piece"]) for piece in found["longest"]]
    assert lengths == sorted(lengths, reverse=True) and len(lengths) == 20
    assert all(piece["used"] == measure.used[piece["id"]] for piece in found["longest"])
    assert all(piece["piece"].removeprefix("▁").isalpha() for piece in found["longest_words"])


def test_pieces_are_counted_by_kind(tokenizer):
    found = tokenizer_report(tokenizer, None)["pieces"]
    assert found["characters"] + found["longer"] + found["bytes"] + 3 == 600
    assert found["blanks"] == sum(set(tokenizer.texts[i]) == {"▁"} for i in tokenizer.normal)
    assert found["scripts"]["LATIN"] > 300
    assert found["longest"][0]["used"] is None


def test_digits_are_single(tokenizer):
    assert tokenizer_report(tokenizer, None)["digits"] == {"single": True, "joined": 0, "examples": []}


def test_joined_digits_are_named(trained):
    joined = Tokenizer(trained(split_by_number=False))
    found = tokenizer_report(joined, None)["digits"]
    assert not found["single"]
    assert "22" in found["examples"] and found["joined"] >= len(found["examples"])


def test_a_report_says_what_the_model_is(tokenizer, vocabulary_path):
    found = tokenizer_report(tokenizer, None)
    assert (found["vocabulary_size"], found["algorithm"], found["faults"]) == (600, "bpe", [])
    assert found["digest"] == tokenizer.vocabulary.digest
    assert found["junk"]["never_used"] is None
    assert json.loads(json.dumps(found)) == found


def test_what_no_text_used_is_counted(tokenizer):
    measure = measured(tokenizer, ["en"], ["abc"])
    unused = tokenizer_report(tokenizer, measure.used)["junk"]["never_used"]["pieces"]
    assert unused == sum(measure.used[i] == 0 for i in tokenizer.normal) > 300


def test_any_model_can_be_looked_at(trained):
    found = tokenizer_report(Tokenizer(trained("unigram", byte_fallback=False, vocab_size=60)), None)
    assert (found["algorithm"], found["pieces"]["bytes"]) == ("unigram", 0)
    assert found["faults"][0] == "it has 0 byte pieces, not 256"


def test_a_byte_piece_of_another_name_is_no_byte(tokenizer, monkeypatch, vocabulary_path):
    spoiled = vocabulary_path.read_bytes().replace(b"<0x41>", b"<0xZZ>")
    other = Tokenizer.__new__(Tokenizer)
    monkeypatch.setattr(module, "Vocabulary", lambda _: tokenizer.vocabulary)
    path = vocabulary_path.with_name("spoiled.model")
    path.write_bytes(spoiled)
    other.__init__(path)
    assert 0x41 not in other.byte_ids and len(other.model.ids_of(Kind.BYTE)) == 256


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(ValueError, match="is not a SentencePiece model"):
        Tokenizer(tmp_path / "x")
