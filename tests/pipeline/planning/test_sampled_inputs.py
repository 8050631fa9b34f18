"""A sample's files are the run's own, and the head of one is a file that ends early."""

import gzip
import io

import pytest

from pipeline.planning.sampled_inputs import Head, Sample, SampledInputs
from pipeline.recipe_file import load_recipe
from pipeline.storage import Folder


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "c4").mkdir()
    for name in "abc":
        (tmp_path / f"c4/{name}.json.gz").write_bytes(gzip.compress(name.encode() * 5000, 0))
    sample = Sample(
        units=frozenset(),
        files=frozenset({("c4", "c4/a.json.gz"), ("c4", "c4/b.json.gz")}),
        heads={"c4/a.json.gz": 100},
    )
    return SampledInputs(Folder(str(tmp_path)), sample=sample)  # fmt: skip


def test_only_sampled_files_are_there(inputs):
    recipe = load_recipe("demo")
    assert inputs.names("c4", recipe) == ["c4/a.json.gz", "c4/b.json.gz"]
    assert (inputs.names("books", recipe), inputs.left_out("c4", recipe)) == ([], {})


def test_of_a_head_size_bytes_and_digest_are_its_own(inputs):
    head, whole = inputs.file("c4/a.json.gz"), inputs.file("c4/b.json.gz")
    assert (head.size, inputs.size("c4/a.json.gz")) == (100, 100)
    assert whole.size > 5000
    with head.open() as stream:
        assert len(stream.read()) == 100
    assert inputs.digest("c4/a.json.gz") != Folder(inputs.folder.url).digest("c4/a.json.gz")
    assert inputs.fingerprint("c4/a.json.gz") != Folder(inputs.folder.url).fingerprint("c4/a.json.gz")
    assert inputs.digest("c4/b.json.gz") == Folder(inputs.folder.url).digest("c4/b.json.gz")


def test_a_head_can_be_sought_in_and_ends_where_it_is_cut():
    head = Head(io.BytesIO(b"0123456789"), 6)
    assert head.seek(-2, io.SEEK_END) == 4
    assert (head.read(10), head.read(1), head.tell()) == (b"45", b"", 6)
    head.seek(1)
    assert head.read() == b"12345"
    assert head.readable() and head.seekable()


def test_what_is_closed_closes_the_stream_below():
    stream = io.BytesIO(b"0")
    Head(stream, 1).close()
    assert stream.closed
