import dataclasses

import numpy as np
import pytest

from benchmarks import mix as benchmark
from benchmarks.claims import DisagreementError
from benchmarks.mix import MIXING, gather_index, gathered, memory_maps, mixed, timed_mix, write_sources
from mixtures.llama1 import TABLE
from pipeline.storage import Folder


@pytest.fixture
def written(inputs, tmp_path):
    return dataclasses.replace(inputs, work=tmp_path)


def test_both_sides_write_the_same_stream(tmp_path):
    plan = write_sources(tmp_path, 0)
    ours = mixed(plan, tmp_path)
    output = Folder(str(tmp_path / "gathered"))
    assert gathered(plan, gather_index(plan), memory_maps(plan, tmp_path), output) == ours
    sizes = [output.size(name) for name in output.list()]
    assert sum(sizes) == plan.stream_bytes == 400 * 2048 * 2


def test_sources_are_read_as_often_as_in_table_1(tmp_path):
    plan = write_sources(tmp_path, 40_000_000)
    for row in TABLE:
        assert plan.record["sources"][row.source]["epochs"] == pytest.approx(row.epochs, rel=0.02)


def test_a_stream_with_other_bytes_gives_no_figure(written, monkeypatch):
    monkeypatch.setattr(benchmark, "gathered", lambda *_: ["other"])
    with pytest.raises(DisagreementError, match="the two streams have other bytes"):
        benchmark.mix(written)


def test_the_claim_is_in_bytes_of_the_stream(written):
    figures = benchmark.mix(written)
    assert (figures.unit, figures.input_bytes) == (
        "MB/s",
        sum(f.stat().st_size for f in (written.work / "mix/stream").iterdir()),
    )
    assert figures.ours > 0


def test_a_larger_stream_has_more_token_shards_of_the_same_size(written, monkeypatch):
    monkeypatch.setattr(benchmark, "_TOKEN_SHARD_TOKENS", 1 << 17)
    sizes = [MIXING.write(written, size) for size in (4, 16)]
    assert np.isclose(sizes[1] / sizes[0], 4, rtol=0.35)
    shards = sorted((written.work / "mix-16/tokens/commoncrawl").iterdir())
    assert {path.stat().st_size for path in shards[:-1]} == {1 << 18}


def test_each_size_is_mixed_in_a_process_of_its_own(tmp_path):
    found = timed_mix(tmp_path, 0)
    assert found["seconds"] > 0
    assert found["peak_bytes"] > 30e6
