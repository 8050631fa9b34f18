"""A run is cut into files at whole sequences, and what is written is what is read back."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FatalError, SettingError
from pipeline.export import pieces
from pipeline.export.litdata import Litdata
from pipeline.export.llmc import LlmC, NanoGpt
from pipeline.export.mds import Mds
from pipeline.export.pieces import layout_plan, tokens_of_a_file


class Numbers:
    """A run of the ids 0, 1, 2, …"""

    split, sequence_tokens, digest = "train", 4, "d"

    def __init__(self, tokens, dtype="<u2"):
        self.tokens, self.dtype = tokens, np.dtype(dtype)

    def chunks(self, start, stop):
        for first in range(start, stop, 3):
            yield np.arange(first, min(first + 3, stop), dtype=self.dtype)


def litdata(run):
    return Litdata(dtype=run.dtype)


def mds(run):
    return Mds(sequence_tokens=run.sequence_tokens)


@pytest.mark.parametrize(
    "layout, tokens, file_bytes, held, left_out",
    [
        (litdata, 10, 100, [10], 0),
        (litdata, 10, 8, [4, 4, 2], 0),
        (litdata, 8, 15, [4, 4], 0),
        (litdata, 9, 16, [8, 1], 0),
        (mds, 10, 16, [4, 4], 2),
        (mds, 10, 100, [8], 2),
        (lambda run: NanoGpt(dtype=run.dtype), 1000, 8, [1000], 0),
        (lambda run: LlmC(dtype=run.dtype), 9, 8, [4, 4, 1], 0),
    ],
)
def test_a_run_is_cut_at_whole_sequences(layout, tokens, file_bytes, held, left_out):
    plan = layout_plan([Numbers(tokens)], layout, file_bytes)
    assert [piece.tokens for piece in plan.pieces] == held
    assert plan.left_out == {"train": left_out}


@pytest.mark.parametrize("layout", [litdata, mds])
def test_what_goes_in_is_what_comes_out(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(pieces, "CHUNK_TOKENS", 5)
    told = []
    first, second = layout_plan([Numbers(16, "<u4")], layout, 32).pieces
    assert second.write(tmp_path / "file", told.append) == second.read(tmp_path / "file")
    assert first.write(tmp_path / "other", told.append) != second.read(tmp_path / "file")
    assert sum(told) == first.bytes + second.bytes == 64


def test_a_file_that_was_spoilt_reads_back_as_others(tmp_path):
    (piece,) = layout_plan([Numbers(8)], litdata, 32).pieces
    given = piece.write(tmp_path / "file", lambda _: None)
    raw = bytearray((tmp_path / "file").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "file").write_bytes(raw)
    assert piece.read(tmp_path / "file") != given


def test_a_file_that_is_none_is_told(tmp_path):
    (piece,) = layout_plan([Numbers(8)], litdata, 32).pieces
    Path(tmp_path / "file").write_bytes(bytes(30))
    with pytest.raises(FatalError, match="what was written cannot be read back: file: it is no litdata chunk"):
        piece.read(tmp_path / "file")


@pytest.mark.parametrize("layout", [litdata, mds])
def test_an_index_belongs_to_each_split(layout):
    one, two = Numbers(8), Numbers(8)
    two.split = "val"
    plan = layout_plan([one, two], layout, 1000)
    assert plan.names[2:] == ["train/index.json", "val/index.json"]
    assert [name.split("/")[0] for name in plan.names[:2]] == ["train", "val"]


def test_a_run_that_is_shorter_than_a_row_is_told():
    with pytest.raises(FatalError, match="train has 3 tokens, which is less than a sequence"):
        layout_plan([Numbers(3)], mds, 1000)


def test_a_layout_that_cannot_hold_the_ids_is_a_wrong_setting():
    with pytest.raises(SettingError, match="--format: nanogpt reads uint16 alone"):
        layout_plan([Numbers(8, "<u4")], lambda run: NanoGpt(dtype=run.dtype), 1000)


@pytest.mark.parametrize("file_bytes, tokens", [(8, 4), (15, 4), (16, 8), (1000, 12)])
def test_a_file_holds_whole_sequences(file_bytes, tokens):
    assert tokens_of_a_file(Numbers(100), np.dtype("<u2"), 15, file_bytes) == tokens


def test_a_file_that_would_hold_no_sequence_is_refused():
    with pytest.raises(SettingError, match="--file-bytes must hold a sequence of 4 tokens: at least 8, got 7"):
        tokens_of_a_file(Numbers(100), np.dtype("<u2"), 15, 7)
