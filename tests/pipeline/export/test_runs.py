"""Runs of ids: the stream, and a source's token shards end to end."""

import io
import json

import numpy as np
import pytest

from mixtures.stream import Stretch
from pipeline.errors import FatalError, SettingError
from pipeline.export import runs
from pipeline.export.runs import SourceRun, StreamRun, digest_of_ids, source_shards, stream_run
from pipeline.storage import Folder, digest_of_stream


def own_ids(run, source):
    """All ids of a source, straight from its files."""
    return np.concatenate([np.fromfile(path, "<u2") for path in sorted((run.root / "tokens" / source).glob("*.bin"))])


def source_run(run, source="c4"):
    shards = source_shards(run.tokens, [source])
    return SourceRun(split=source, sequence_tokens=16, folder=run.tokens, shards=shards)


def joined(run, start, stop):
    return np.concatenate([*run.chunks(start, stop), np.empty(0)]).tolist()


def test_a_source_is_its_shards_end_to_end(finished_token_run):
    run, expected = source_run(finished_token_run), own_ids(finished_token_run, "c4")
    assert len(run.shards) > 3
    assert (run.tokens, run.dtype) == (len(expected), np.dtype("<u2"))
    assert joined(run, 0, run.tokens) == expected.tolist()


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_any_part_is_read_in_chunks_of_any_size(finished_token_run, monkeypatch, chunk):
    monkeypatch.setattr(runs, "CHUNK_TOKENS", chunk)
    run, expected = source_run(finished_token_run), own_ids(finished_token_run, "c4")
    edge = run.shards[0].tokens
    for start, stop in ((0, 1), (edge - 1, edge + 1), (edge, edge), (5, len(expected)), (edge - 40, edge + 40)):
        assert joined(run, start, stop) == expected[start:stop].tolist()
    assert max(len(piece) for piece in run.chunks(0, run.tokens)) <= chunk


def test_the_digest_follows_from_every_file_of_every_shard(token_run):
    before = source_run(token_run).digest
    assert source_run(token_run).digest == before
    path = next((token_run.root / "tokens/c4").glob("*.json"))
    record = json.loads(path.read_text())
    record["files"][f"{path.stem}.idx"]["digest"] = "other"
    path.write_text(json.dumps(record))
    assert source_run(token_run).digest != before


def test_no_shard_at_all_names_the_command_that_is_missing(tmp_path):
    with pytest.raises(FatalError, match="export needs token shards: run `tokenmill tokenize` first"):
        source_shards(Folder(str(tmp_path)), ["c4"])


@pytest.mark.parametrize("suffix", [".bin", ".csv.gz"])
def test_a_file_that_is_cut_short_is_told(token_run, suffix):
    path = next((token_run.root / "tokens/c4").glob(f"*{suffix}"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FatalError, match=f"{path.name} does not have the \\d+ bytes it had"):
        source_shards(token_run.tokens, ["c4"])


@pytest.mark.parametrize("content", ["", "[]", '{"version": 0}'])
def test_a_shard_without_a_record_is_told(token_run, content):
    path = next((token_run.root / "tokens/c4").glob("*.json"))
    path.write_text(content)
    with pytest.raises(FatalError, match="is no record of version 1"):
        source_shards(token_run.tokens, ["c4"])


def test_a_shard_that_ends_while_it_is_read_is_told(token_run):
    run = source_run(token_run)
    path = next((token_run.root / "tokens/c4").glob("*.bin"))
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(FatalError, match="is shorter than its record says"):
        joined(run, 0, run.tokens)


def stream_ids(run):
    return np.concatenate([np.fromfile(path, "<u2") for path in sorted((run.root / "stream").glob("*.bin"))])


@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
def test_the_stream_is_its_sequences_in_order(finished_token_run, monkeypatch, chunk):
    monkeypatch.setattr(runs, "CHUNK_TOKENS", chunk)
    run, expected = stream_run(Folder(str(finished_token_run.root)), "train"), stream_ids(finished_token_run)
    assert (run.tokens, run.sequence_tokens, run.dtype) == (len(expected), 16, np.dtype("<u2"))
    assert joined(run, 0, run.tokens) == expected.tolist()
    assert joined(run, 16, 64) == expected[16:64].tolist()
    assert {piece.dtype for piece in run.chunks(0, run.tokens)} == {np.dtype("<u2")}


@pytest.mark.parametrize("positions, first, last", [((None, 3), 0, 3), ((5, 7), 5, 7), ((2, None), 2, 250)])
def test_some_positions_are_a_run_of_their_own(finished_token_run, positions, first, last):
    run, expected = stream_run(Folder(str(finished_token_run.root)), "val", positions), stream_ids(finished_token_run)
    assert joined(run, 0, run.tokens) == expected[first * 16 : last * 16].tolist()
    assert run.digest != stream_run(Folder(str(finished_token_run.root)), "val").digest


@pytest.mark.parametrize("positions", [(0, 251), (250, None), (3, 3), (9, 2)])
def test_positions_past_the_stream_are_refused(finished_token_run, positions):
    with pytest.raises(SettingError, match=r"--positions must lie within 0:250, got"):
        stream_run(Folder(str(finished_token_run.root)), "train", positions)


def test_no_stream_names_the_command_that_is_missing(tmp_path):
    with pytest.raises(FatalError, match="export needs the stream: run `tokenmill mix` first, or export --of sources"):
        stream_run(Folder(str(tmp_path)), "train")


@pytest.mark.parametrize("path, content", [("stream.json", b"{}"), ("stream-00000.bin", b"12")])
def test_a_stream_that_is_not_whole_is_told(token_run, path, content):
    (token_run.root / "stream" / path).write_bytes(content)
    with pytest.raises(FatalError, match="the stream cannot be read: "):
        stream_run(Folder(str(token_run.root)), "train")


def test_a_stream_that_is_cut_short_while_it_is_read_is_told(token_run):
    run = stream_run(Folder(str(token_run.root)), "train")
    (token_run.root / "stream/stream-00000.bin").write_bytes(b"12")
    with pytest.raises(FatalError, match="the stream cannot be read: "):
        joined(run, 0, 64)


class Phases:
    """A stream of the numbers 0, 1, 2, …: four sequences of two ids, three of four, two of two."""

    dtype, digest, begins = np.dtype("<u2"), "d", [0, 2, 4, 6, 8, 12, 16, 20, 22]

    def stretches(self, start, count):
        bounds = [(max(a, start), min(b, start + count), width) for a, b, width in ((0, 4, 2), (4, 7, 4), (7, 9, 2))]
        return [Stretch(low, high - low, width) for low, high, width in bounds if low < high]

    def read(self, start, count, dtype):
        (stretch,) = self.stretches(start, count)
        rows = [
            np.arange(self.begins[i], self.begins[i] + stretch.sequence_tokens) for i in range(start, start + count)
        ]
        return np.array(rows, dtype)


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("start, stop", [(0, 24), (1, 2), (7, 9), (5, 23), (8, 20), (3, 3)])
def test_a_stream_whose_sequences_grow_is_one_run_of_ids(monkeypatch, chunk, start, stop):
    monkeypatch.setattr(runs, "CHUNK_TOKENS", chunk)
    run = StreamRun(split="train", stream=Phases(), first=0, last=9)
    assert (run.tokens, run.sequence_tokens) == (24, 4)
    assert joined(run, start, stop) == list(range(start, stop))


def test_a_format_of_sequences_takes_one_length_at_a_time():
    run = StreamRun(split="train", stream=Phases(), first=2, last=9)
    said = "--format mds needs sequences of one length: export --positions 2:4, --positions 4:7, --positions 7:9"
    with pytest.raises(SettingError, match=said):
        run.check_one_length("mds")
    StreamRun(split="train", stream=Phases(), first=4, last=7).check_one_length("mds")


def test_a_stream_is_read_from_any_file_system(finished_token_run):
    far = Folder("memory://far")
    for path in (finished_token_run.root / "stream").iterdir():
        far.put(path, f"stream/{path.name}")
    run = stream_run(far, "train")
    assert joined(run, 0, run.tokens) == stream_ids(finished_token_run).tolist()


def test_the_digest_of_ids_is_that_of_their_bytes_whatever_the_chunks():
    whole = digest_of_ids([np.arange(9, dtype="<u2")], np.dtype("<u2"))
    assert whole == digest_of_stream(io.BytesIO(np.arange(9, dtype="<u2").tobytes()))
    parts = [np.arange(4, dtype="<i4"), np.arange(18, dtype="<u4")[8::2] // 2]
    assert digest_of_ids(parts, np.dtype("<u2")) == whole
    for other in (np.arange(1, 10), np.arange(8)):
        assert digest_of_ids([other], np.dtype("<u2")) != whole
