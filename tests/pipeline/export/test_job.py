"""An export is whole or goes on, writes nothing twice, and nothing outside or over what is not its own."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import FatalError, SettingError
from pipeline.export import job
from pipeline.export.choices import FORMATS, SOURCES, STREAM
from pipeline.export.links import NAMES
from pipeline.export.pieces import Piece
from pipeline.storage import Folder


def files(folder):
    """Digests of all files, but for locks and records."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_export" not in str(path.relative_to(folder))
    }


def stop_at(monkeypatch, export, number):
    """Makes an export fail while it writes this file."""
    pieces = list(export._plan.pieces)

    def write(path, advance):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    pieces[number] = replace(pieces[number], write=write)
    monkeypatch.setattr(export, "_plan", replace(export._plan, pieces=pieces))


def count_writes(monkeypatch):
    written = []
    own = job.Export._written
    monkeypatch.setattr(job.Export, "_written", lambda self, piece: written.append(piece.name) or own(self, piece))
    return written


@pytest.mark.parametrize("of", [STREAM, SOURCES])
@pytest.mark.parametrize("form", FORMATS)
def test_a_rerun_does_nothing(exporter, tmp_path, monkeypatch, form, of):
    of = SOURCES if form in NAMES else of
    assert exporter(form, of=of, file_bytes=4000).bring_up_to_date()
    before, written = files(tmp_path / "to"), count_writes(monkeypatch)
    assert not exporter(form, of=of, file_bytes=4000).bring_up_to_date()
    assert (files(tmp_path / "to"), written) == (before, [])
    assert not (tmp_path / "to" / f"_export-{form}-{'train' if of == STREAM else SOURCES}").exists()


def test_a_killed_export_goes_on(exporter, tmp_path, monkeypatch):
    exporter("mds", file_bytes=4000, to="whole").bring_up_to_date()
    killed = exporter("mds", file_bytes=4000)
    stop_at(monkeypatch, killed, 2)
    with pytest.raises(KeyboardInterrupt):
        killed.bring_up_to_date()
    assert set(files(tmp_path / "to")) == {"train/shard.00000.mds", "train/shard.00001.mds"}
    written = count_writes(monkeypatch)
    assert exporter("mds", file_bytes=4000).bring_up_to_date()
    assert written == [f"train/shard.0000{i}.mds" for i in range(2, 5)]
    assert files(tmp_path / "to") == files(tmp_path / "whole")


def test_what_a_kill_left_half_written_is_swept_away(exporter, tmp_path):
    (tmp_path / "to/train").mkdir(parents=True)
    (tmp_path / "to/train/.shard.00000.mds.0.part").write_bytes(b"half")
    exporter("mds").bring_up_to_date()
    assert set(files(tmp_path / "to")) == {"train/shard.00000.mds", "train/index.json"}


@pytest.mark.parametrize("spoil", ["unlink", "shorten"])
def test_a_missing_or_shorter_file_alone_is_written_again(exporter, tmp_path, monkeypatch, spoil):
    exporter("llm.c", file_bytes=4000).bring_up_to_date()
    before, path = files(tmp_path / "to"), tmp_path / "to/train_000001.bin"
    path.unlink() if spoil == "unlink" else path.write_bytes(path.read_bytes()[:-1])
    written = count_writes(monkeypatch)
    assert exporter("llm.c", file_bytes=4000).bring_up_to_date()
    assert written == ["train_000001.bin"]
    assert files(tmp_path / "to") == before


def test_another_order_takes_the_place_of_the_one_before(exporter, tmp_path):
    exporter("mds", file_bytes=2000).bring_up_to_date()
    exporter("mds", file_bytes=9000).bring_up_to_date()
    exporter("mds", file_bytes=9000, to="fresh").bring_up_to_date()
    assert files(tmp_path / "to") == files(tmp_path / "fresh")


def test_several_exports_lie_side_by_side(exporter, tmp_path):
    for form in NAMES:
        exporter(form).bring_up_to_date()
    exporter("nanogpt", positions=(0, 200)).bring_up_to_date()
    exporter("nanogpt", positions=(200, 250), split="val").bring_up_to_date()
    found = set(files(tmp_path / "to"))
    assert {"train.bin", "val.bin", "c4/unit0-00000.npy", "c4/unit0-00000.ds", "c4/unit0-00000.idx"} <= found
    assert not exporter("olmo").bring_up_to_date()


@pytest.mark.parametrize("name", ["train/index.json", "train/shard.00000.mds"])
def test_a_file_of_others_is_not_written_over(exporter, tmp_path, name):
    (tmp_path / "to/train").mkdir(parents=True)
    (tmp_path / "to" / name).write_text("mine")
    with pytest.raises(SettingError, match=f"{name} lies there, which this export did not write"):
        exporter("mds").bring_up_to_date()
    assert files(tmp_path / "to") == {name: b"mine"}


def test_two_formats_do_not_share_an_index(exporter):
    exporter("mds").bring_up_to_date()
    with pytest.raises(SettingError, match=r"train/index\.json lies there"):
        exporter("litdata").bring_up_to_date()


@pytest.mark.parametrize("name", ["../mine", "/tmp/mine", "a/../../mine", "..\\mine"])
def test_a_record_cannot_have_files_outside_removed(exporter, tmp_path, name):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "to").mkdir()
    (tmp_path / "to/_export-mds-train.json").write_text(json.dumps({"key": "other", "files": {name: {}}}))
    exporter("mds").bring_up_to_date()
    assert (tmp_path / "mine").read_text() == "mine"
    assert not job._is_within(name)


def test_what_reads_back_as_other_ids_is_no_export(exporter, tmp_path, monkeypatch):
    export = exporter("llm.c")
    (piece,) = export._plan.pieces
    spoilt = Piece(
        **{name: getattr(piece, name) for name in ("name", "split", "tokens", "bytes", "write")}, read=lambda _: "other"
    )
    monkeypatch.setattr(export, "_plan", replace(export._plan, pieces=[spoilt]))
    with pytest.raises(FatalError, match=r"train_000000\.bin: what was written does not read back as the ids"):
        export.bring_up_to_date()
    assert files(tmp_path / "to") == {}


def test_a_spoilt_token_shard_is_not_exported(exporter, token_run, tmp_path):
    path = token_run.root / "tokens/c4/unit0-00000.bin"
    path.write_bytes(path.read_bytes()[:-2] + b"\7\7")
    with pytest.raises(FatalError, match=r"unit0-00000\.npy: what was written does not read back"):
        exporter("olmo", root=token_run.root).bring_up_to_date()
    assert "c4/unit0-00000.npy" not in files(tmp_path / "to")


def test_a_run_that_changes_meanwhile_is_told(exporter, token_run, monkeypatch):
    export = exporter("olmo", root=token_run.root)
    path = token_run.root / "tokens/c4/unit0-00000.json"
    record = json.loads(path.read_text())
    record["files"]["unit0-00000.idx"]["digest"] = "other"
    path.write_text(json.dumps(record))
    with pytest.raises(FatalError, match="what is exported changed meanwhile: run the same command again"):
        export.bring_up_to_date()


def test_an_export_goes_to_any_file_system(exporter):
    target = Folder("memory://exported")
    assert exporter("litdata", to=target.url).bring_up_to_date()
    assert not exporter("litdata", to=target.url).bring_up_to_date()
    assert target.list("train") == ["chunk-0-0.bin", "index.json"]


def test_what_does_not_arrive_as_it_was_sent_is_told(exporter, monkeypatch):
    monkeypatch.setattr(Folder, "digest", lambda self, name: "other")
    with pytest.raises(FatalError, match=r"memory://lost/train_000000\.bin did not arrive as it was sent"):
        exporter("llm.c", to="memory://lost").bring_up_to_date()


def test_token_shards_that_lie_elsewhere_are_read_from_there(exporter, finished_token_run, tmp_path):
    far = Folder("memory://tokens-elsewhere")
    for path in (finished_token_run.root / "tokens").rglob("*.*"):
        far.put(path, f"tokens/{path.parent.name}/{path.name}")
    for form in ("olmo", "nanogpt", "parquet"):
        assert exporter(form, of=SOURCES, root=far.url, to="far").bring_up_to_date()
        exporter(form, of=SOURCES, to="near").bring_up_to_date()
    assert files(tmp_path / "far") == files(tmp_path / "near")


def test_the_figures_say_what_lies_there(exporter, finished_token_run):
    made = exporter("mds", of=SOURCES)
    made.bring_up_to_date()
    figures = made.figures()
    tokens = {name: sum(size for _, size in shards) for name, shards in finished_token_run.plan.shards.items()}
    assert figures["splits"]["c4"] == {
        "files": 1,
        "tokens": tokens["c4"] // 16 * 16,
        "left_out_tokens": tokens["c4"] % 16,
    }
    assert figures["tokens"] == sum(count // 16 * 16 for count in tokens.values())
    assert (figures["format"], figures["of"], figures["files"]) == ("mds", SOURCES, 6)
    assert figures["bytes"] == sum(len(raw) for raw in files(made._target.local_path()).values())


def test_the_stream_arrives_id_for_id(exporter, tmp_path, finished_token_run):
    exporter("nanogpt").bring_up_to_date()
    shards = sorted((finished_token_run.root / "stream").glob("*.bin"))
    stream = np.concatenate([np.fromfile(path, "<u2") for path in shards])
    assert np.fromfile(tmp_path / "to/train.bin", "<u2").tolist() == stream.tolist()


def test_what_a_takedown_changed_takes_the_place_of_what_was_exported(exporter, token_run, tmp_path):
    exporter("olmo", root=token_run.root).bring_up_to_date()
    path = token_run.root / "tokens/c4/unit0-00000.bin"
    masked, record = np.fromfile(path, "<u2"), json.loads(path.with_suffix(".json").read_text())
    masked[1:4] = 0
    path.unlink()  # As a file that is written anew and renamed: the link keeps what it had.
    masked.tofile(path)
    record["files"][path.name]["digest"] = Folder(str(path.parent)).digest(path.name)
    path.with_suffix(".json").write_text(json.dumps(record))
    assert np.fromfile(tmp_path / "to/c4/unit0-00000.npy", "<u2")[1:4].any()
    assert exporter("olmo", root=token_run.root).bring_up_to_date()
    assert np.fromfile(tmp_path / "to/c4/unit0-00000.npy", "<u2").tolist() == masked.tolist()
