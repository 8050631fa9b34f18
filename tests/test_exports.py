"""The demo's tokens in the files of other trainers: what was written is what the run holds."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from mixtures.stream import Stream
from pipeline.cli import _exit_code
from pipeline.section import SOURCES


@pytest.fixture
def exported(small_run, tmp_path, capsys):
    """`exported("mds")`: the figures of an export to `tmp_path`."""

    def export(form, *options):
        where = ["--format", form, "--to", str(tmp_path), "--json", *options]
        assert _exit_code(["export", *small_run.arguments(), *where]) == 0
        return json.loads(capsys.readouterr().out)

    return export


def test_token_shards_of_all_sources_get_the_names_that_readers_look_for(exported, small_run, tmp_path):
    assert set(exported("olmo")["splits"]) == set(SOURCES)
    for form, suffix in (("megatron", ".bin"), ("datatrove", ".ds"), ("olmo", ".npy")):
        exported(form)
        for path in (small_run.output / "tokens").rglob("*.bin"):
            assert (tmp_path / path.parent.name / path.stem).with_name(path.stem + suffix).samefile(path)


def test_the_stream_is_the_same_in_every_format(exported, small_run, tmp_path):
    stream = Stream.open(small_run.output / "stream")
    ids = stream.read(0, stream.sequences)
    assert exported("nanogpt")["tokens"] == ids.size
    assert np.array_equal(np.fromfile(tmp_path / "train.bin", "<u2"), ids.reshape(-1))
    exported("parquet", "--split", "rows")
    table = pq.read_table(tmp_path / "rows")
    assert table.column("input_ids").to_pylist() == ids.tolist()


def test_each_document_keeps_its_name_and_origin(exported, small_run, tmp_path):
    exported("parquet", "--of", "sources")
    for path in (small_run.output / "tokens").rglob("*.documents.parquet"):
        name = path.name.removesuffix(".documents.parquet")
        rows, own = pq.read_table(tmp_path / path.parent.name / f"{name}.parquet"), pq.read_table(path)
        assert rows.select(["doc_id", "origin"]).equals(own.select(["doc_id", "origin"]))
        lengths = [len(ids) for ids in rows.column("input_ids").to_pylist()]
        assert np.cumsum(lengths).tolist() == own.column("end").to_pylist()
