import numpy as np
import pytest

from benchmarks import loader
from benchmarks.claims import DisagreementError
from benchmarks.loader import load_sources, load_stream, written
from mixtures.stream import Stream


@pytest.mark.parametrize("measure", [load_stream, load_sources])
def test_loading_gives_figures(inputs, measure):
    figures = measure(inputs)
    assert (figures.unit, figures.input_bytes > 2_000_000) == ("M tokens/s", True)
    assert figures.ours > 0 < figures.reference


def test_the_stream_is_written_once_and_holds_all_sources(inputs):
    folder, batch = written(inputs)
    before = (folder / "stream" / "stream.json").stat().st_mtime_ns
    assert written(inputs) == (folder, batch)
    assert (folder / "stream" / "stream.json").stat().st_mtime_ns == before
    stream = Stream.open(folder / "stream")
    assert stream.sequences // batch >= 4
    assert len(np.unique(stream.source_of(0, stream.sequences))) == 7


@pytest.mark.parametrize("measure", [load_stream, load_sources])
def test_a_wrong_id_is_found_out(inputs, measure, monkeypatch):
    class Wrong(loader.Loader):
        def __next__(self):
            batch = super().__next__()
            batch.tokens[-1, -1] ^= 1
            return batch

    monkeypatch.setattr(loader, "Loader", Wrong)
    with pytest.raises(DisagreementError, match="other ids"):
        measure(inputs)


def test_a_lost_batch_is_found_out(inputs, monkeypatch):
    class Short(loader.Loader):
        def __init__(self, stream, **settings):
            super().__init__(stream, end=stream.sequences - settings["batch_sequences"], **settings)

    monkeypatch.setattr(loader, "Loader", Short)
    with pytest.raises(DisagreementError, match="other ids"):
        load_stream(inputs)
