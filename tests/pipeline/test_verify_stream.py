"""A stream's record is compared value by value, its shards piece by piece; of what is wrong it is told what it is."""

import json

import numpy as np
import pytest
from spot import Spot

from mixtures.stream import stream_digest
from pipeline.verify_stream import SUMS, checksums, position, prove_stream_shard, record_faults


def test_a_sum_changes_with_each_bit_and_with_the_order():
    data = bytes(range(64))
    other = bytearray(data)
    other[17] ^= 1
    swapped = data[1::-1] + data[2:]
    sums = checksums(data, 16)
    assert len(set(sums.tolist())) == 4
    assert (checksums(bytes(other), 16) != sums).tolist() == [False, True, False, False]
    assert (checksums(swapped, 16) != sums).tolist() == [True, False, False, False]
    assert checksums(b"", 16).tolist() == []


def stream_faults(run, proven):
    return [(fault.name, fault.where, fault.detail) for fault in proven(run).faults]


def signed(token_run, change, index=1):
    spot = Spot(token_run.run())
    spot.rows(index, change)
    spot.sign()
    return spot.run


def test_an_altered_sequence_is_told_with_what_belongs_there(token_run, proven):
    def change(rows):
        rows[7, 3] ^= 1

    run = signed(token_run, change)
    places = token_run.plan.plan.places(np.array([107]))
    name = token_run.plan.plan.names[places.source[0]]
    start, epoch = int(places.token[0, 0]), int(places.epoch[0, 0])
    detail = f"position 107 is not of {name} from token {start} (epoch {epoch})"
    assert stream_faults(run, proven) == [("sequence_altered", "stream/stream-00001.bin", detail)]


@pytest.mark.parametrize(
    "places, told",
    [
        ([3, 4], "position 103 holds that of position 104 (2 in all)"),
        ([0, 99], "position 100 holds that of position 199 (2 in all)"),
    ],
)
def test_sequences_that_were_exchanged_are_told_with_where_they_belong(token_run, proven, places, told):
    def change(rows):
        rows[places] = rows[places[::-1]]

    run = signed(token_run, change)
    assert stream_faults(run, proven) == [("sequence_moved", "stream/stream-00001.bin", told)]


def test_sequences_exchanged_across_shards_are_told_in_both(token_run, proven):
    spot = Spot(token_run.run())
    held = {}
    spot.rows(0, lambda rows: held.update(row=rows[2].copy()))
    spot.rows(1, lambda rows: held.update(other=rows[6].copy()))
    spot.rows(0, lambda rows: rows.__setitem__(2, held["other"]))
    spot.rows(1, lambda rows: rows.__setitem__(6, held["row"]))
    spot.sign()
    assert stream_faults(spot.run, proven) == [
        ("sequence_moved", "stream/stream-00000.bin", "position 2 holds that of position 106"),
        ("sequence_moved", "stream/stream-00001.bin", "position 106 holds that of position 2"),
    ]


def test_a_sequence_that_stands_for_another_is_told_with_where_it_lies_too(token_run, proven):
    run = signed(token_run, lambda rows: rows.__setitem__(5, rows[9]))
    ((name, where, detail),) = stream_faults(run, proven)
    assert (name, where) == ("sequence_doubled", "stream/stream-00001.bin")
    assert detail.startswith("position 105 holds that of position 1")


@pytest.mark.parametrize(
    "change, name",
    [
        (lambda rows: np.delete(rows, 5, axis=0), "sequence_missing"),
        (lambda rows: np.insert(rows, 5, rows[0], axis=0), "sequence_doubled"),
    ],
)
def test_where_a_shard_of_another_size_slips_is_told(token_run, proven, change, name):
    (_, _, size), slip = stream_faults(signed(token_run, change), proven)
    assert "its sequences take 3200" in size
    assert slip == (name, "stream/stream-00001.bin", "from position 105 on, the rest is in order")


def test_more_wrong_pieces_than_are_looked_into_are_counted(token_run, proven, monkeypatch):
    monkeypatch.setattr("pipeline.verify_stream.LOCATED", 2)

    def change(rows):
        rows[:, 0] ^= 1

    *_, (name, _, detail) = stream_faults(signed(token_run, change), proven)
    assert (name, detail) == ("sequence_altered", "98 pieces more are not those of the plan")


def test_the_chunks_in_which_a_shard_is_read_do_not_show(token_run, proven, monkeypatch):
    monkeypatch.setattr("pipeline.verify_stream.CHUNK_BYTES", 100)
    monkeypatch.setattr("pipeline.mix.CHUNK_BYTES", 100)
    assert proven(token_run.run()).faults == ()


def test_a_piece_that_was_sent_twice_or_not_at_all_is_counted(finished_token_run):
    told = np.zeros(2, SUMS)
    told["token"] = 3 * 16
    proof = prove_stream_shard(finished_token_run.plan, 0, finished_token_run.run().output, [told.tobytes()])
    assert (proof.twice, proof.unknown) == (1, 99)


@pytest.mark.parametrize(
    "key, value, fault",
    [
        ("seed", 1, "plan_differs"),
        ("sequences", 249, "plan_differs"),
        ("tokenizer_digest", "x", "plan_differs"),
        ("vocabulary_size", 601, "plan_differs"),
        ("dtype", None, "plan_differs"),
        ("block_tokens", 8, "plan_differs"),
        ("shards", "x", "plan_differs"),
        ("shards", [1, 2, 3], "stream_record_differs"),
        ("sources", 7, "tokens_differ"),
        ("digest", "x", "stream_record_differs"),
    ],
)
def test_each_value_of_the_record_is_compared(finished_token_run, key, value, fault):
    record = json.loads((finished_token_run.root / "stream/stream.json").read_text())
    shards = record["shards"]
    assert list(record_faults(record, finished_token_run.plan, shards)) == []
    found = {told.name for told in record_faults(record | {key: value}, finished_token_run.plan, shards)}
    assert fault in found
    assert found <= {fault, "stream_record_differs"}


def test_a_source_of_other_tokens_and_one_of_other_sequences_are_told_apart(finished_token_run):
    record = json.loads((finished_token_run.root / "stream/stream.json").read_text())
    record["sources"]["c4"]["available_tokens"] += 1
    record["sources"]["books"]["sequences"] += 1
    record["digest"] = stream_digest(record)
    found = record_faults(record, finished_token_run.plan, record["shards"])
    assert [(fault.name, fault.detail.split()[0]) for fault in found] == [
        ("plan_differs", "books:"),
        ("tokens_differ", "c4"),
    ]


def test_a_shard_that_was_masked_since_is_still_the_one_that_was_made(finished_token_run):
    record = json.loads((finished_token_run.root / "stream/stream.json").read_text())
    shards = [dict(shard) for shard in record["shards"]]
    record["shards"][0]["made"] = record["shards"][0]["digest"]
    assert list(record_faults(record, finished_token_run.plan, shards)) == []


@pytest.mark.parametrize("content, fault", [("[]", "stream_unreadable"), ("[" * 9000, "stream_unreadable")])
def test_a_stream_record_that_is_no_object_is_told(token_run, proven, content, fault):
    (token_run.root / "stream/stream.json").write_text(content)
    assert fault in [told.name for told in proven(token_run.run()).faults]


def test_a_place_is_told_by_position_and_piece(phased_token_run):
    mix = phased_token_run.plan
    assert [position(mix, token) for token in (0, 15, 16, 50 * 16, 50 * 16 + 30 * 32 + 32)] == [
        "position 0",
        "position 0",
        "position 1",
        "position 50",
        "position 80, piece 1",
    ]
