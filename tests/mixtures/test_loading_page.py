"""The lines of docs/loading.md do what the page says, one after the other."""

import re
import uuid
from pathlib import Path

import fsspec
import pytest

from mixtures.stream import Stream

PAGE = Path(__file__).parents[2] / "docs/loading.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.fixture
def page(small_stream, tmp_path, monkeypatch):
    """`page(kind)`: what the lines up to the block with these words leave behind, over a stream of c4 and books."""
    run, address = small_stream(), f"memory://{uuid.uuid4().hex}"
    for folder in (run.stream, run.tokens):
        (tmp_path / "out/llama1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "out/llama1" / folder.name).symlink_to(folder)
    fsspec.filesystem("memory").put(str(run.stream), f"{address}/stream", recursive=True)
    monkeypatch.chdir(tmp_path)

    def upto(words):
        names = {}
        for block in BLOCKS:
            lines = block.replace("s3://bucket/llama1", address).replace('"c4"', '"a"').replace('"books"', '"b"')
            exec(lines, names)
            if words in block:
                return names
        raise AssertionError(words)

    return upto


def test_the_first_lines_read_the_stream(page, capsys):
    assert page("the source of each sequence")["batch"].consumed == 48
    assert capsys.readouterr().out.startswith("(8, 4) uint16\n['b'")


def test_the_lines_for_torch_give_inputs_and_targets(page):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    names = page("import torch")
    assert names["tokens"].dtype == torch.int64
    assert torch.equal(names["inputs"][:, 1:], names["targets"][:, :-1])


def test_the_lines_for_a_resume_go_on_behind_the_first_batch(page):
    pytest.importorskip("torch", reason="torch is not installed")
    names = page("consumed=state")
    assert (names["state"]["consumed"], next(names["loader"]).first) == (8, 8)


def test_all_lines_run_and_the_last_leave_a_record_alone(page):
    pytest.importorskip("torch", reason="torch is not installed")
    stream = page("stream.save")["stream"]
    assert [path.name for path in Path("out/halves").iterdir()] == ["stream.json"]
    assert (stream.sequences, stream.digest) != (48, Stream.open("out/llama1/stream").digest)
