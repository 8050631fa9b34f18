import numpy as np
import pytest
import torch

from trainer.batches import check_stream, micro_batches
from trainer.errors import SettingsError, TrainingError

CPU = torch.device("cpu")


@pytest.mark.parametrize("micro, sizes", [(1, [1] * 6), (4, [4, 2]), (6, [6]), (50, [6])])
def test_a_batch_is_cut_into_micro_batches_in_the_streams_order(array_stream, tiny, micro, sizes):
    stream, config = array_stream(), tiny(batch_sequences=6, micro_batch_sequences=micro)
    pieces = list(micro_batches(stream, 12, config, CPU))
    assert [len(piece.tokens_BT) for piece in pieces] == sizes
    assert torch.equal(torch.cat([piece.tokens_BT for piece in pieces]), torch.from_numpy(stream.ids[12:18]))


def test_each_sequence_comes_with_the_name_of_its_source(array_stream, tiny):
    pieces = micro_batches(array_stream(), 3, tiny(batch_sequences=4, micro_batch_sequences=3), CPU)
    assert [piece.sources for piece in pieces] == [("books", "c4", "books"), ("c4",)]


def test_ids_are_whole_numbers_of_64_bits(array_stream, tiny):
    stream = array_stream()
    stream.ids = stream.ids.astype(np.uint16)
    assert next(micro_batches(stream, 0, tiny(), CPU)).tokens_BT.dtype == torch.int64


@pytest.mark.parametrize("sequences, refused", [(40, False), (39, True)])
def test_a_stream_shorter_than_the_run_is_refused(array_stream, tiny, sequences, refused):
    stream, config = array_stream(sequences=sequences), tiny(steps=10, batch_sequences=4)
    if not refused:
        check_stream(stream, config)
        return
    with pytest.raises(SettingsError, match=r"^steps \* batch_sequences must be at most 39, .* got 10 \* 4 = 40$"):
        check_stream(stream, config)


def test_sequences_of_one_token_teach_nothing(array_stream, tiny):
    with pytest.raises(SettingsError, match="sequence_tokens must be at least 2, got 1"):
        check_stream(array_stream(tokens=1), tiny())


@pytest.mark.parametrize("wrong", [32, -1])
def test_an_id_outside_the_vocabulary_is_named_with_its_place(array_stream, tiny, wrong):
    stream = array_stream()
    stream.ids[5, 3] = wrong
    pieces = micro_batches(stream, 2, tiny(batch_sequences=4, micro_batch_sequences=2), CPU)
    next(pieces)
    with pytest.raises(TrainingError, match=f"sequences 4 to 5 of the stream hold id {wrong}, the vocabulary has 32"):
        next(pieces)


def test_the_highest_id_is_taken(array_stream, tiny):
    stream = array_stream()
    stream.ids[:] = 31
    assert int(next(micro_batches(stream, 0, tiny(), CPU)).tokens_BT.max()) == 31
