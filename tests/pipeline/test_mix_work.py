"""The stream is written again exactly where its shards, its mixture or its tokens changed."""

import pickle

import pytest

from mixtures.stream import shard_name
from pipeline.errors import FatalError
from pipeline.ledger import read_entry
from pipeline.mix_work import mix_work, token_shards
from pipeline.stage_names import MIX
from pipeline.storage import Folder
from pipeline.work import WorkList


@pytest.fixture
def work_list(tmp_path):
    return WorkList(Folder(str(tmp_path / "scratch")), "mix.json")


def mixed(work):
    """The stream by hand: all token shards sketched, each stream shard written, then the record."""
    blocks = {}
    for index, _ in work.senders():
        for shard, block in work.send(index):
            blocks.setdefault(shard, []).append(block)
    for shard in work.receivers():
        work.receive(shard, iter(blocks[shard]))
    return work.finish()


def test_nothing_is_left_of_a_finished_stream(small_run, work_list):
    assert mix_work(small_run.run(), work_list) is None


def test_token_shards_are_those_of_the_ledger(copied_run):
    run = copied_run.run()
    (copied_run.output / "tokens/c4/stray.bin").write_bytes(b"12")
    found = token_shards(run)
    assert set(found) == set(run.recipe.sources)
    assert "stray" not in found["c4"]
    for source, shards in found.items():
        for name, (size, digest) in shards.items():
            held = run.output.digest(f"tokens/{source}/{name}.bin")
            assert (run.output.size(f"tokens/{source}/{name}.bin"), held) == (size, digest)


def test_a_stream_without_tokens_says_what_to_run(small_run, tmp_path, work_list):
    run = small_run.__class__(small_run.dumps, tmp_path / "none").run()
    with pytest.raises(FatalError, match="stage mix needs tokenize: run `tokenmill tokenize` first"):
        mix_work(run, work_list)


@pytest.mark.parametrize("name", [shard_name(0), "stream.json"])
def test_a_stream_with_a_file_missing_is_mixed_to_the_same_bytes(copied_run, work_list, name):
    run = copied_run.run()
    before = {file: run.output.digest(f"stream/{file}") for file in run.output.list("stream")}
    run.output.delete(f"stream/{name}")
    mixed(mix_work(run, work_list))
    assert {file: run.output.digest(f"stream/{file}") for file in run.output.list("stream")} == before
    assert mix_work(run, WorkList(work_list.folder, "again.json")) is None


def test_a_shorter_stream_leaves_no_shard_of_the_longer(copied_run, tmp_path):
    long = copied_run.run("mixture.shard_sequences=100")
    mixed(mix_work(long, WorkList(Folder(str(tmp_path / "a")), "mix.json")))
    assert len(long.output.list("stream")) == 7
    short = copied_run.run("mixture.total_tokens=12800", "mixture.shard_sequences=100")
    entry = mixed(mix_work(short, WorkList(Folder(str(tmp_path / "b")), "mix.json")))
    assert short.output.list("stream") == [shard_name(0), "stream.json"]
    assert short.output.list("ledger/mix/models") == [f"{shard_name(0)}.json", "stream.json"]
    assert entry.tokens == 12800


def test_progress_is_in_bytes_and_ends_at_their_sum(copied_run, work_list):
    run = copied_run.run()
    run.output.delete(f"stream/{shard_name(0)}")
    work = mix_work(run, work_list)
    assert work.bytes_done() == 0
    mixed(work)
    assert work.bytes_done() == work.total_bytes() == run.recipe.mixture.total_tokens * 2


def test_a_lost_record_is_written_without_a_shard(copied_run, work_list):
    run = copied_run.run()
    before = run.output.digest("stream/stream.json")
    run.output.delete("stream/stream.json")
    work = mix_work(run, work_list)
    assert (work.senders(), work.receivers(), work.total_bytes(), work.bytes_done()) == ([], [], 0, 0)
    work.finish()
    assert run.output.digest("stream/stream.json") == before


def test_a_stream_shard_that_no_worker_wrote_is_missed(copied_run, work_list):
    run = copied_run.run("mixture.shard_sequences=100")
    work = mix_work(run, work_list)
    with pytest.raises(FatalError, match="mix wrote 1 of 6 stream shards"):
        work.finish()


def test_nothing_is_judged_and_the_work_is_small(copied_run, work_list):
    run = copied_run.run("mixture.shard_sequences=100")
    work = mix_work(run, work_list)
    assert (work.rounds(), work.label, len(pickle.dumps(work)) < 20_000) == (0, MIX, True)
    assert read_entry(run.output, MIX, "models", "stream") is not None
    with pytest.raises(NotImplementedError):
        work.judge(0, 0, iter([]))
