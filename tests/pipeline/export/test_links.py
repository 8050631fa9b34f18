"""Token shards under the names that their readers look for."""

from pathlib import Path

import pytest

from pipeline.errors import FatalError
from pipeline.export.links import NAMES, link_plan
from pipeline.export.runs import source_shards
from pipeline.storage import Folder

WANTED = {
    "megatron": {".bin", ".idx"},
    "datatrove": {".ds", ".ds.index", ".ds.metadata"},
    "olmo": {".npy", ".csv.gz"},
}


def plan_of(run, form):
    return link_plan(run.tokens, source_shards(run.tokens, ["c4", "books"]), form)


@pytest.mark.parametrize("form", NAMES)
def test_each_reader_gets_the_files_that_it_reads(finished_token_run, form):
    plan = plan_of(finished_token_run, form)
    shards = source_shards(finished_token_run.tokens, ["c4", "books"])
    assert set(plan.names) == {shard.address(suffix) for shard in shards for suffix in WANTED[form]}
    assert plan.left_out == {"c4": 0, "books": 0}


@pytest.mark.parametrize("form", NAMES)
def test_tokens_are_counted_once(finished_token_run, form):
    plan = plan_of(finished_token_run, form)
    shards = source_shards(finished_token_run.tokens, ["c4", "books"])
    assert sum(piece.tokens for piece in plan.pieces) == sum(shard.tokens for shard in shards)


def test_a_link_takes_no_room(finished_token_run, tmp_path):
    told = []
    piece = plan_of(finished_token_run, "olmo").pieces[0]
    given = piece.write(tmp_path / "file", told.append)
    own = finished_token_run.root / "tokens" / piece.name.replace(".npy", ".bin")
    assert (tmp_path / "file").samefile(own)
    assert (piece.read(tmp_path / "file"), told) == (given, [own.stat().st_size])


def test_where_no_link_can_be_the_file_is_copied(finished_token_run, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    piece = plan_of(finished_token_run, "megatron").pieces[0]
    given = piece.write(tmp_path / "file", lambda _: None)
    assert piece.read(tmp_path / "file") == given
    assert not (tmp_path / "file").samefile(finished_token_run.root / "tokens" / piece.name)


def test_shards_that_lie_elsewhere_are_copied(finished_token_run, tmp_path):
    far = Folder("memory://links")
    for path in (finished_token_run.root / "tokens/c4").iterdir():
        far.put(path, f"c4/{path.name}")
    piece = link_plan(far, source_shards(far, ["c4"]), "datatrove").pieces[0]
    assert piece.write(tmp_path / "file", lambda _: None) == piece.read(tmp_path / "file")


def test_a_spoilt_shard_does_not_pass_for_what_its_record_says(token_run, tmp_path):
    piece = plan_of(token_run, "megatron").pieces[0]
    path = token_run.root / "tokens" / piece.name
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert piece.write(tmp_path / "file", lambda _: None) != piece.read(tmp_path / "file")


def test_a_file_that_is_gone_is_told(token_run, tmp_path):
    piece = plan_of(token_run, "megatron").pieces[0]
    (token_run.root / "tokens" / piece.name).unlink()
    with pytest.raises(FatalError, match=r"\.bin is gone"):
        piece.write(tmp_path / "file", lambda _: None)
