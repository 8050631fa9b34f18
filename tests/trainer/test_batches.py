from dataclasses import replace

import numpy as np
import pytest
import torch

from mixtures.loader import Batch
from mixtures.stream import Stretch
from trainer.batches import (
    batches_from,
    check_stream,
    count_predictions,
    lengths,
    micro_batches,
    next_batch,
    tokens_before,
)
from trainer.errors import SettingsError, TrainingError
from trainer.parallel import World, pretended

ALONE = World(device=torch.device("cpu"))


def pieces_from(consumed, stream, config):
    with batches_from(consumed, stream, config) as loader:
        return list(micro_batches(next_batch(loader, stream.vocabulary_size), config, ALONE))


@pytest.mark.parametrize("micro, sizes", [(1, [1] * 6), (4, [4, 2]), (6, [6]), (50, [6])])
def test_a_batch_is_cut_into_micro_batches_in_the_streams_order(array_stream, tiny, micro, sizes):
    stream, config = array_stream(), tiny(batch_sequences=6, micro_batch_sequences=micro)
    pieces = pieces_from(12, stream, config)
    assert [len(piece.tokens_BT) for piece in pieces] == sizes
    assert torch.equal(torch.cat([piece.tokens_BT for piece in pieces]), torch.from_numpy(stream.ids[12:18]))


def test_each_sequence_comes_with_the_number_of_its_source(array_stream, tiny):
    pieces = pieces_from(3, array_stream(), tiny(batch_sequences=4, micro_batch_sequences=3))
    assert [piece.sources_B.tolist() for piece in pieces] == [[1, 0, 1], [0]]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int64])
def test_ids_are_whole_numbers_of_64_bits(array_stream, tiny, dtype):
    stream = array_stream()
    stream.ids, stream.dtype = stream.ids.astype(dtype), np.dtype(dtype)
    assert pieces_from(0, stream, tiny())[0].tokens_BT.dtype == torch.int64


def test_the_batches_end_with_the_steps(array_stream, tiny):
    loader = batches_from(4, array_stream(), tiny(steps=3, batch_sequences=4))
    assert [batch.consumed for batch in loader] == [8, 12]


@pytest.mark.parametrize("sequences, refused", [(40, False), (39, True)])
def test_a_stream_shorter_than_the_run_is_refused(array_stream, tiny, sequences, refused):
    stream, config = array_stream(sequences=sequences), tiny(steps=10, batch_sequences=4)
    if not refused:
        check_stream(stream, config)
        return
    with pytest.raises(SettingsError, match=r"^steps \* batch_sequences must be at most 39, .* got 10 \* 4 = 40$"):
        check_stream(stream, config)


@pytest.mark.parametrize("tensor, refused", [(4, False), (8, True)])
def test_sequences_are_cut_evenly_between_those_that_share_products(array_stream, tiny, tensor, refused):
    stream, config = array_stream(tokens=12), tiny(tensor_parallel=tensor, heads=8)
    if not refused:
        check_stream(stream, config)
        return
    with pytest.raises(SettingsError, match=r"^tensor_parallel must divide the stream's sequence_tokens = 12, got 8$"):
        check_stream(stream, config)


def test_a_batch_is_dealt_to_those_who_share_no_products(array_stream, tiny):
    """Six processes, two of which share products each time: every sequence goes to one of three pairs."""
    config = tiny(batch_sequences=6, micro_batch_sequences=6, replicas=3, tensor_parallel=2)
    batch = next(batches_from(0, array_stream(), config))
    with pretended(config, "cpu", 6) as world:
        dealt = [next(micro_batches(batch, config, replace(world, rank=rank))).tokens_BT for rank in range(6)]
    assert all(torch.equal(own, other) for own, other in zip(dealt[::2], dealt[1::2], strict=True))
    of_pairs = torch.stack(dealt[::2], dim=1).flatten(0, 1)
    assert torch.equal(of_pairs, torch.from_numpy(batch.tokens))


def test_sequences_of_one_token_teach_nothing(array_stream, tiny):
    with pytest.raises(SettingsError, match="sequence_tokens must be at least 2, got 1"):
        check_stream(array_stream(tokens=1), tiny())


class TwoLengths:
    """A stream whose sequences have 16 tokens up to the eighth, and `then` behind it."""

    sequences, vocabulary_size, dtype = 64, 32, np.dtype("<u2")

    def __init__(self, then):
        self.then = then

    def stretches(self, start, count):
        cut = min(max(8 - start, 0), count)
        found = [Stretch(start, cut, 16), Stretch(start + cut, count - cut, self.then)]
        return [stretch for stretch in found if stretch.count]


def test_the_lengths_that_the_steps_read_are_told(tiny):
    assert lengths(TwoLengths(32), tiny(steps=2, batch_sequences=4)) == [16]
    assert lengths(TwoLengths(32), tiny(steps=3, batch_sequences=4)) == [16, 32]
    check_stream(TwoLengths(32), tiny(steps=4, batch_sequences=4))


@pytest.mark.parametrize("position, tokens", [(0, 0), (8, 128), (9, 160), (12, 256)])
def test_tokens_before_a_position_are_counted_by_length(position, tokens):
    assert tokens_before(position, TwoLengths(32)) == tokens


def test_a_later_length_that_teaches_nothing_is_refused(tiny):
    check_stream(TwoLengths(1), tiny(steps=2, batch_sequences=4))
    with pytest.raises(SettingsError, match="sequence_tokens must be at least 2, got 1"):
        check_stream(TwoLengths(1), tiny(steps=3, batch_sequences=4))


def test_a_step_that_would_mix_two_lengths_is_refused(tiny):
    check_stream(TwoLengths(32), tiny(steps=2, batch_sequences=3))
    with pytest.raises(SettingsError, match=r"^batch_sequences must divide 8, .* where their length changes, got 3$"):
        check_stream(TwoLengths(32), tiny(steps=4, batch_sequences=3))


@pytest.mark.parametrize("wrong", [32, -1])
def test_an_id_outside_the_vocabulary_is_named_with_its_place(array_stream, tiny, wrong):
    stream = array_stream()
    stream.ids[5, 3] = wrong
    with pytest.raises(TrainingError, match=f"^sequence 5 of the stream holds id {wrong}, the vocabulary has 32$"):
        pieces_from(2, stream, tiny(batch_sequences=4, micro_batch_sequences=2))


def test_the_highest_id_is_taken(array_stream, tiny):
    stream = array_stream()
    stream.ids[:] = 31
    assert int(pieces_from(0, stream, tiny())[0].tokens_BT.max()) == 31


def test_a_stream_that_is_not_as_it_says_stops_the_run(array_stream, tiny, monkeypatch):
    stream = array_stream()

    def read(*_):
        raise ValueError("stream-00000.bin must have 48 bytes, has 47")

    monkeypatch.setattr(stream, "read", read)
    with pytest.raises(TrainingError, match=r"^stream-00000\.bin must have 48 bytes, has 47$"):
        next_batch(batches_from(0, stream, tiny()), 32)


def test_the_target_of_a_token_is_the_next_and_of_the_last_none(array_stream, tiny):
    piece = pieces_from(0, array_stream(), tiny(batch_sequences=4, micro_batch_sequences=4))[0]
    following = torch.where(piece.tokens_BT[:, 1:] == 0, -100, piece.tokens_BT[:, 1:])
    assert torch.equal(piece.targets_BT[:, :-1], following)
    assert piece.targets_BT[:, -1].tolist() == [-100] * 4


def test_predictions_are_counted_by_source_without_what_is_masked():
    tokens = np.array([[1, 5, 0, 0, 6], [1, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    batch = Batch(first=0, tokens=tokens, sources=np.array([1, 1, 0]), consumed=3)
    assert count_predictions(batch, ("c4", "books", "arxiv")) == {"c4": 4, "books": 2, "arxiv": 0}


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_processes_shares_of_a_batch_are_the_batch(array_stream, tiny, ranks, monkeypatch):
    stream, config = array_stream(), tiny(batch_sequences=6, micro_batch_sequences=2)
    with batches_from(6, stream, config) as loader:
        batch = next_batch(loader, stream.vocabulary_size)
    monkeypatch.setattr(World, "tensor_ranks", 1)
    worlds = [World(device=torch.device("cpu"), rank=rank, size=ranks) for rank in range(ranks)]
    shares = [torch.cat([piece.tokens_BT for piece in micro_batches(batch, config, world)]) for world in worlds]
    assert [len(share) for share in shares] == [6 // ranks] * ranks
    assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), torch.from_numpy(stream.ids[6:12]))
