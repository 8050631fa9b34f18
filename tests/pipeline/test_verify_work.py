"""The work is dealt by token shard, partition of documents and stream shard; each leaves what it found."""

import collections

import numpy as np
import pytest
from in_process import do_here

from mixtures.stream import shard_name
from pipeline.exchange import straight_to
from pipeline.progress import Reporter
from pipeline.verify import prove
from pipeline.verify_stream import SUMS


@pytest.fixture
def looked_at(finished_token_run):
    """`looked_at(look)`: what a look at the work of a run gives, while its scratch folder is there."""

    def ask(look):
        found = []

        def do(work):
            do_here(work)
            found.append(look(work))

        prove(finished_token_run.run(), do, Reporter(quiet=True))
        return found[0]

    return ask


def test_it_is_dealt_by_token_shard_and_stream_shard(looked_at, finished_token_run):
    files = sorted((finished_token_run.root / "tokens").glob("*/*.bin"), key=lambda path: path.stat().st_size)
    sizes = looked_at(lambda work: sorted(size for _, size in work.senders()))
    assert sizes == [path.stat().st_size for path in files]
    assert looked_at(lambda work: list(work.receivers())) == [0, 1, 2]
    assert looked_at(lambda work: (work.total_bytes(), work.bytes_done())) == (sum(sizes) + 8000, sum(sizes) + 8000)


def test_every_piece_of_the_stream_is_sent_its_sum_exactly_once(looked_at):
    def sent(work):
        found = collections.defaultdict(list)
        for index, _ in work.senders():
            for key, block in work.send(index):
                found[key].append(np.frombuffer(block, SUMS)["token"]) if key < 0 else None
        return {key: sorted(np.concatenate(tokens).tolist()) for key, tokens in found.items()}

    found = looked_at(sent)
    edges = [(0, 1600), (1600, 3200), (3200, 4000)]
    assert found == {straight_to(i): list(range(first, end, 16)) for i, (first, end) in enumerate(edges)}


def test_sums_are_sent_before_too_many_are_held(looked_at, monkeypatch):
    def packs(work):
        return sum(1 for index, _ in work.senders() for _ in work.send(index))

    few = looked_at(packs)
    monkeypatch.setattr("pipeline.verify_work.PACK_PIECES", 1)
    monkeypatch.setattr("pipeline.mix.CHUNK_BYTES", 64)
    assert looked_at(packs) > few


def test_documents_of_one_id_meet_whichever_partition_they_go_to(token_run, proven, monkeypatch):
    monkeypatch.setattr("pipeline.verify_work.PARTITION_DOCUMENTS", 20)
    assert proven(token_run.run()).faults == ()
    name = token_run.plan.shards["c4"][0][0]
    for suffix in (".bin", ".documents.parquet", ".csv.gz", ".idx", ".ds.index", ".ds.metadata", ".json"):
        path = token_run.root / "tokens/c4" / f"{name}{suffix}"
        path.with_name(f"unit9-00000{suffix}").write_bytes(path.read_bytes().replace(name.encode(), b"unit9-00000"))
    entry = token_run.root / "ledger/tokenize/c4/unit0.json"
    entry.with_name("unit9.json").write_text(entry.read_text().replace(name, "unit9-00000").replace("unit0", "unit9"))
    faults = [fault for fault in proven(token_run.run()).faults if fault.name == "document_twice"]
    assert faults
    assert {fault.where for fault in faults} == {"tokens/c4/unit9-00000.documents.parquet"}


def test_a_shard_behind_one_that_is_cut_short_is_still_looked_at(token_run, proven):
    second = token_run.plan.shards["c4"][1][0]
    path = token_run.root / f"tokens/c4/{second}.bin"
    path.write_bytes(path.read_bytes()[:10])
    faults = proven(token_run.run()).faults
    assert (faults[0].name, faults[0].where) == ("size_differs", f"tokens/c4/{second}.bin")
    assert all(fault.where.startswith(f"tokens/c4/{second}.") for fault in faults)


def test_a_shard_that_is_not_as_recorded_proves_nothing_of_the_stream(token_run, proven):
    name = token_run.plan.shards["books"][0][0]
    path = token_run.root / f"tokens/books/{name}.bin"
    ids = np.fromfile(path, "<u2")
    ids[5] ^= 1
    ids.tofile(path)
    proof = proven(token_run.run())
    assert not [fault for fault in proof.faults if fault.where.endswith(shard_name(0))]
    assert proof.table["sources"]["books"]["tokens"] < 992


def test_what_a_worker_did_not_leave_is_an_error(token_run):
    with pytest.raises(FileNotFoundError, match="verify left nothing of shards 0"):
        prove(token_run.run(), lambda work: None, Reporter(quiet=True))
