"""Warnings before a disk or the memory is too small."""

import shutil
from collections import namedtuple

import pytest

from pipeline.planning import room
from pipeline.planning.estimate import Estimate
from pipeline.planning.hot_keys import HotKey
from pipeline.planning.prediction import Prediction
from pipeline.storage import Folder

Disk = namedtuple("Disk", "total used free")


def prediction(written=0.0, sent=0.0):
    sizes = {("dedup", "c4"): Estimate.exactly(sent), ("mix", ""): Estimate.exactly(sent / 2)}
    return Prediction(output_bytes={"documents": Estimate.exactly(written)}, shuffle_bytes=sizes)


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(0, 0, 1000))


@pytest.mark.parametrize("written, sent, warned", [(600, 400, False), (601, 400, True), (0, 1001, True)])
def test_output_and_scratch_share_a_disk(disk, tmp_path, written, sent, warned):
    found = list(room.disk_warnings(Folder(str(tmp_path / "out")), prediction(written, sent)))
    assert bool(found) == warned
    assert not found or f"the disk of {tmp_path} has 1 kB left, and" in found[0]


def test_what_is_written_already_needs_no_more_room(disk, tmp_path):
    (tmp_path / "documents").write_bytes(b"0" * 500)
    assert list(room.disk_warnings(Folder(str(tmp_path)), prediction(1400))) == []


def test_of_an_output_elsewhere_only_the_scratch_folder_is_here(disk):
    (found,) = room.disk_warnings(Folder("memory://bucket/run"), prediction(1e9, 2000))
    assert "and TMPDIR (2 kB) may need 2 kB" in found


@pytest.mark.parametrize("workers, warned", [((4,), 0), ((5,), 1), ((5, 6), 2), ((64,), 0)])
def test_workers_of_this_machine_have_to_fit_its_memory(monkeypatch, workers, warned):
    monkeypatch.setattr(room, "memory_bytes", lambda: 400)
    peaks = {"units": Estimate.exactly(100), "groups": Estimate.exactly(90), "fits": Estimate.exactly(50)}
    found = list(room.memory_warnings(peaks, workers, cores=8))
    assert len(found) == warned
    assert all(line.endswith("use --workers 4") for line in found)


def test_a_fit_that_does_not_fit_is_told_of(monkeypatch):
    monkeypatch.setattr(room, "memory_bytes", lambda: 400)
    peaks = {"units": Estimate.exactly(1), "groups": Estimate.exactly(1), "fits": Estimate.exactly(500)}
    assert list(room.memory_warnings(peaks, (1,), 1)) == [
        "a fit needs 500 B, and this machine has 400 B: see tokenizer.sample_bytes"
    ]


def test_a_hot_key_is_told_of():
    keys = [
        HotKey(stage="dedup", source="c4", shown="menu", documents=9, of_documents=10, key_bytes=size, even_bytes=10.0)
        for size in (5.0, 30.0)
    ]
    assert list(room.hot_warnings(keys)) == [
        "dedup of c4: 'menu' is in 9 of 10 sampled documents; its group would be 40 B, 4.0 times another"
    ]
