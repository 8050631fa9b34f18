"""A stream is read the same from its own files and straight from its sources."""

import json

import numpy as np
import pytest

from mixtures.byte_ranges import LocalFiles
from mixtures.plan import Plan
from mixtures.stream import Stream, Stretch, VirtualStream, shard_name, stream_digest, token_dtype

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
        for i, part in enumerate(parts):
            part.tofile(tmp_path / f"{name}-{i}.bin")
        files[name] = [(f"{name}-{i}.bin", len(part)) for i, part in enumerate(parts)]
    return VirtualStream(record_of(), LocalFiles(tmp_path), files)


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


def test_a_shard_cut_short_is_refused_when_it_is_read(folder):
    with (folder / shard_name(1)).open("r+b") as shard:
        shard.truncate(47)
    stream = Stream.open(folder)
    assert len(stream.read(0, 6)) == 6
    for refused in (stream.check, lambda: stream.read(5, 2)):
        with pytest.raises(ValueError, match=r"stream-00001.bin must have 48 bytes, has 47"):
            refused()


def test_a_missing_shard_is_refused_when_it_is_read(folder):
    (folder / shard_name(2)).unlink()
    stream = Stream.open(folder)
    assert len(stream.read(0, 12)) == 12
    for refused in (stream.check, lambda: stream.read(12, 1)):
        with pytest.raises(FileNotFoundError, match=shard_name(2)):
            refused()


def test_a_stream_of_many_shards_is_opened_without_a_look_at_them(tmp_path, monkeypatch):
    """100,000 shards; not one of them is there."""
    sources = {"a": {"blocks": 7}}
    shards = [{"name": shard_name(i), "sequences": 6, "bytes": 6 * WIDTH * 2, "digest": "x"} for i in range(100_000)]
    phases = [{"sequence_tokens": WIDTH, "shares": {"a": 600_000}}]
    record = record_of() | {"sources": sources, "shards": shards, "phases": phases}
    (tmp_path / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    asked = []
    monkeypatch.setattr(LocalFiles, "size", lambda self, name: asked.append(name) or 6 * WIDTH * 2)
    stream = Stream.open(tmp_path)
    assert (stream.sequences, asked) == (600_000, [])
    with pytest.raises(FileNotFoundError, match=shard_name(77_777)):
        stream.read(77_777 * 6 + 2, 3)
    assert asked == [shard_name(77_777)]


def test_the_shards_must_be_as_long_as_the_plan(folder):
    record = record_of()
    record["shards"][0]["bytes"] += 8
    (folder / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    with pytest.raises(ValueError, match="the shards have 72 tokens, the plan 68"):
        Stream.open(folder)


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda text: text[:-9], "Unterminated string"),
        (lambda text: "[]", "version must be 2, got None"),
        (lambda text: "[" * 100_000, "recursion"),
        (lambda text: text.replace('"seed"', '"sead"'), "is not a stream's record: KeyError: 'seed'"),
        (lambda text: text.replace('"digest": "', '"digits": "'), "is not a stream's record: KeyError: 'digest'"),
    ],
)
def test_a_record_that_was_tampered_with_is_one_line(folder, damage, said):
    path = folder / "stream.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=said) as error:
        Stream.open(folder)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"shards": [{"digest": "x", "bytes": 136, "name": "../stream-00000.bin"}]}, "plain file name, got '../stream"),
        ({"shards": [{"digest": "x", "bytes": 136, "name": "/etc/passwd"}]}, "plain file name, got '/etc/passwd'"),
        ({"shards": [{"digest": "x", "bytes": None, "name": "a"}]}, "is not a stream's record: TypeError"),
        ({"shards": [{"digest": "x"}]}, "is not a stream's record: KeyError: 'name'"),
        ({"sources": {"a": 5}}, "is not a stream's record: TypeError"),
        ({"sources": []}, "is not a stream's record: AttributeError"),
        ({"vocabulary_size": None}, "is not a stream's record: TypeError"),
        ({"phases": [{"sequence_tokens": 10**400, "shares": {"a": 1}}]}, "the shards have 68 tokens, the plan 1000"),
    ],
)
def test_a_record_of_the_wrong_shape_is_one_line_though_its_digest_is_right(folder, change, said):
    record = record_of() | change
    (folder / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    with pytest.raises(ValueError, match=said):
        Stream.open(folder)


def test_a_source_with_the_name_of_another_folder_is_refused(folder):
    record = record_of() | {
        "sources": {"../a": {"blocks": 5}},
        "phases": [{"sequence_tokens": 4, "shares": {"../a": 17}}],
    }
    (folder / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    with pytest.raises(ValueError, match=r"must be a plain file name, got '\.\./a'"):
        VirtualStream.open(folder, folder)


def test_the_stream_of_another_digest_is_refused(folder):
    digest = Stream.open(folder).digest
    assert Stream.open(folder, digest=digest).digest == digest
    with pytest.raises(ValueError, match=f"is another stream: its digest is {digest}, not other$"):
        Stream.open(folder, digest="other")


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


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int32])
def test_ids_are_of_the_kind_asked_for(folder, virtual, dtype):
    for stream in (Stream.open(folder), virtual):
        assert stream.read(3, 2, dtype).dtype == dtype
        assert stream.read(3, 2, dtype).tolist() == stream.read(3, 2).tolist()


# Several phases: of one block, of two, of half a block.


def test_a_stretch_is_of_one_length(long_then_short):
    stream = long_then_short.open()
    assert stream.stretches(0, 84) == [Stretch(0, 24, 4), Stretch(24, 12, 8), Stretch(36, 48, 2)]
    assert stream.stretches(20, 10) == [Stretch(20, 4, 4), Stretch(24, 6, 8)]
    assert stream.stretches(5, 0) == []


def test_phases_of_one_length_are_one_stretch(small_stream):
    run = small_stream((4, {"a": 10, "b": 14}), (4, {"a": 6, "b": 6}), (2, {"a": 8, "b": 4}))
    for stream in (run.open(), run.virtual()):
        assert stream.stretches(1, 47) == [Stretch(1, 35, 4), Stretch(36, 12, 2)]
        assert stream.read(20, 10).tolist() == run.rows[20:30]


@pytest.mark.parametrize("start, count", [(0, 24), (24, 12), (36, 48), (30, 6), (40, 1), (83, 1)])
def test_sequences_of_every_phase_are_read_the_same_from_both(long_then_short, start, count):
    run = long_then_short
    assert run.open().read(start, count).tolist() == run.rows[start : start + count]
    assert run.virtual().read(start, count).tolist() == run.rows[start : start + count]


@pytest.mark.parametrize("start, count, widths", [(23, 2, "[4, 8]"), (20, 40, "[2, 4, 8]")])
def test_sequences_of_two_lengths_are_not_one_array(long_then_short, start, count, widths):
    for stream in (long_then_short.open(), long_then_short.virtual()):
        with pytest.raises(ValueError) as error:
            stream.read(start, count)
        assert str(error.value) == f"sequences {start} … {start + count} have {widths} tokens: read them apart"


def test_the_virtual_stream_is_the_stream_of_its_digest(small_stream):
    run = small_stream()
    assert run.virtual().digest == run.open().digest
    for shard in run.stream.glob("*.bin"):
        shard.unlink()
    assert run.virtual().read(3, 20).tolist() == run.rows[3:23]
    run.virtual().check()


def test_token_shards_that_the_plan_is_not_for_are_refused(small_stream):
    run = small_stream()
    np.zeros(5, "<u2").tofile(run.tokens / "b" / "unit-9.bin")
    with pytest.raises(ValueError, match="/b has 172 tokens, the plan is for 167"):
        run.virtual()


def test_a_token_shard_that_changes_is_refused(small_stream):
    run = small_stream()
    stream = run.virtual()
    (run.tokens / "a" / "unit-1.bin").write_bytes(b"12")
    for refused in (stream.check, lambda: stream.read(0, 20)):
        with pytest.raises(ValueError, match=r"a/unit-1.bin must have 22 bytes, has 2"):
            refused()


def test_a_source_whose_tokens_are_missing_is_named(small_stream):
    run = small_stream()
    for path in (run.tokens / "a").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="/a has 0 tokens, the plan is for 95"):
        run.virtual()
    (run.tokens / "a").rmdir()
    with pytest.raises(FileNotFoundError, match="/a"):
        run.virtual()


def test_a_source_that_gives_less_than_a_block_is_no_fault_of_the_plan(small_stream):
    run = small_stream()
    for path in (run.tokens / "a").iterdir():
        path.unlink()
    np.zeros(3, "<u2").tofile(run.tokens / "a" / "unit-0.bin")
    record = json.loads((run.stream / "stream.json").read_text())
    record["sources"]["a"] = {"blocks": 0, "available_tokens": 3}
    record["phases"] = [{"sequence_tokens": 4, "shares": {"a": 0, "b": 48}}]
    (run.stream / "stream.json").write_text(json.dumps(record | {"digest": stream_digest(record)}))
    assert run.virtual().read(0, 48).min() >= 2000


def test_a_record_that_does_not_say_what_shards_hold_has_one_digest(folder):
    stream = Stream.open(folder)
    assert {stream.digest_until(position) for position in (0, 5, 17)} == {stream.digest}
