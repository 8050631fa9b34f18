"""A stream is read the same from its own files and straight from its sources."""

import json

import numpy as np
import pytest

from mixtures.plan import Plan
from mixtures.stream import Stream, TokenFiles, VirtualStream, shard_name, stream_digest, token_dtype

WIDTH = 4
BUDGETS = {"a": (11, 5), "b": (6, 9)}  # source: (sequences in the stream, sequences it has)


def source_tokens(name):
    """The source's tokens: every one distinct, so that a sequence can be told by its first."""
    start = 100 * (1 + list(BUDGETS).index(name))
    return np.arange(start, start + BUDGETS[name][1] * WIDTH + 3, dtype="<u2")


def record_of(shard_sequences=6):
    sources = {n: {"blocks": blocks} for n, (_, blocks) in BUDGETS.items()}
    shares = {n: sequences for n, (sequences, _) in BUDGETS.items()}
    shards = [{"name": shard_name(i), "sequences": min(shard_sequences, 17 - 6 * i)} for i in range(3)]
    shards = [shard | {"bytes": shard["sequences"] * WIDTH * 2, "digest": "x"} for shard in shards]
    record = {
        "version": 2, "dtype": "uint16", "block_tokens": WIDTH, "vocabulary_size": 1000, "tokenizer_digest": "t",
        "seed": 3, "sources": sources, "phases": [{"sequence_tokens": WIDTH, "shares": shares}], "shards": shards,
    }  # fmt: skip
    return record | {"digest": stream_digest(record)}


@pytest.fixture
def folder(tmp_path):
    record = record_of()
    places = Plan.from_record(record).places(np.arange(17))
    tokens = [source_tokens(name) for name in BUDGETS]
    rows = [tokens[s][t : t + WIDTH] for s, t in zip(places.source, places.token[:, 0], strict=True)]
    for i, shard in enumerate(record["shards"]):
        np.concatenate(rows[6 * i : 6 * i + shard["sequences"]]).tofile(tmp_path / shard["name"])
    (tmp_path / "stream.json").write_text(json.dumps(record))
    return tmp_path


@pytest.fixture
def virtual(tmp_path):
    """The sources' tokens in shards of uneven sizes, one smaller than a sequence."""
    files = {}
    for name in BUDGETS:
        parts = np.split(source_tokens(name), [2, 13])
        paths = [tmp_path / f"{name}-{i}.bin" for i in range(3)]
        for part, path in zip(parts, paths, strict=True):
            part.tofile(path)
        files[name] = TokenFiles(paths, np.dtype("<u2"))
    return VirtualStream(record_of(), files)


def test_a_stream_tells_its_shape(folder):
    stream = Stream.open(folder)
    assert (stream.sequences, stream.sequence_tokens, stream.vocabulary_size) == (17, WIDTH, 1000)
    assert (stream.dtype, stream.digest, list(stream.sources)) == (np.dtype("<u2"), record_of()["digest"], ["a", "b"])


def test_sequences_come_as_rows_of_int64(folder):
    rows = Stream.open(str(folder)).read(3, 2)
    assert (rows.shape, rows.dtype) == ((2, WIDTH), np.int64)
    assert (np.diff(rows) == 1).all()


@pytest.mark.parametrize("start, count", [(0, 17), (5, 2), (6, 6), (11, 6), (16, 1), (4, 0), (17, 0)])
def test_any_range_is_a_part_of_the_whole(folder, start, count):
    stream = Stream.open(folder)
    assert stream.read(start, count).tolist() == stream.read(0, 17)[start : start + count].tolist()


def test_the_virtual_stream_gives_the_same_sequences(folder, virtual):
    assert virtual.read(0, 17).tolist() == Stream.open(folder).read(0, 17).tolist()
    assert virtual.read(5, 3).tolist() == Stream.open(folder).read(5, 3).tolist()
    assert virtual.source_of(0, 17).tolist() == Stream.open(folder).source_of(0, 17).tolist()


def test_the_source_of_a_sequence_is_where_its_tokens_are_from(folder):
    stream = Stream.open(folder)
    assert stream.source_of(2, 9).tolist() == (stream.read(2, 9)[:, 0] >= 200).astype(int).tolist()


def test_each_source_is_read_as_often_as_its_epochs_say(folder):
    first = Stream.open(folder).read(0, 17)[:, 0]
    times = np.unique(first[first < 200], return_counts=True)[1]
    assert sorted(times.tolist()) == [2, 2, 2, 2, 3]


@pytest.mark.parametrize("start, count", [(-1, 1), (0, 18), (17, 1), (3, -1)])
def test_a_range_outside_the_stream_is_refused(folder, start, count):
    stream = Stream.open(folder)
    for read in (stream.read, stream.source_of):
        with pytest.raises(ValueError, match=r"not within 0 … 17"):
            read(start, count)


def test_a_shard_cut_short_is_refused(folder):
    with (folder / shard_name(1)).open("r+b") as shard:
        shard.truncate(47)
    with pytest.raises(ValueError, match=r"stream-00001.bin must have 48 bytes, has 47"):
        Stream.open(folder)


def test_a_missing_shard_is_refused(folder):
    (folder / shard_name(2)).unlink()
    with pytest.raises(FileNotFoundError):
        Stream.open(folder)


def test_another_version_is_refused(folder):
    (folder / "stream.json").write_text(json.dumps(record_of() | {"version": 1}))
    with pytest.raises(ValueError, match="version must be 2, got 1"):
        Stream.open(folder)


def test_no_stream_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Stream.open(tmp_path)


@pytest.mark.parametrize("size, expected", [(300, "<u2"), (65_536, "<u2"), (65_537, "<u4")])
def test_ids_take_four_bytes_above_65536_pieces(size, expected):
    assert token_dtype(size) == np.dtype(expected)


@pytest.mark.parametrize("change", [{"seed": 4}, {"phases": []}, {"tokenizer_digest": "u"}, {"sources": {}}])
def test_the_digest_changes_with_the_plan(change):
    assert stream_digest(record_of() | change) != stream_digest(record_of())


def test_the_digest_changes_with_a_shard_but_not_with_the_order_of_keys():
    record = record_of()
    backwards = dict(reversed(record.items()))
    assert stream_digest(backwards) == stream_digest(record)
    record["shards"][0]["digest"] = "y"
    assert stream_digest(record) != stream_digest(backwards | {"shards": record_of()["shards"]})


def test_token_files_are_one_run_of_tokens(tmp_path):
    for i, part in enumerate(([1, 2, 3], [4], [5, 6])):
        np.array(part, "<u2").tofile(tmp_path / str(i))
    files = TokenFiles([tmp_path / str(i) for i in range(3)], np.dtype("<u2"))
    assert files.tokens == 6
    assert [files.read(0, count).tolist() for count in (0, 3, 6)] == [[], [1, 2, 3], [1, 2, 3, 4, 5, 6]]
    assert [files.read(2, count).tolist() for count in (1, 2, 3)] == [[3], [3, 4], [3, 4, 5]]
    assert [files.read(start, 1).tolist() for start in (3, 4, 5)] == [[4], [5], [6]]


@pytest.mark.parametrize("start, count", [(-1, 1), (0, 4), (3, 1), (1, -1)])
def test_tokens_that_are_not_there_are_refused(tmp_path, start, count):
    np.array([1, 2, 3], "<u2").tofile(tmp_path / "a")
    with pytest.raises(ValueError, match=r"are not within 0 … 3"):
        TokenFiles([tmp_path / "a"], np.dtype("<u2")).read(start, count)


def test_a_source_without_files_has_no_tokens():
    files = TokenFiles([], np.dtype("<u2"))
    assert files.tokens == 0
    with pytest.raises(ValueError, match=r"are not within 0 … 0"):
        files.read(0, 1)
