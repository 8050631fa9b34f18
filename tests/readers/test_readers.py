"""Other projects' own readers, from their packages, give the ids that we wrote; and the lines in the docs do it.

`make readers` builds the environment that they run in, once; without it these tests are skipped.
"""

import functools
import json
import operator
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mixtures.shards import ShardWriter
from mixtures.token_format import TokenFormat
from pipeline.export.formats import SOURCES, Order
from pipeline.export.job import Export
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder
from tests.readers import build

pytestmark = pytest.mark.readers
PAGE = Path(__file__).parents[2] / "docs/token-files.md"
MIXTURE = {"weights": {"c4": 1.0}, "sequence_tokens": 64, "total_tokens": 6400}
RECIPE = Recipe.model_validate({"name": "t", "mixture": MIXTURE})
SIZES = {"<u2": 32_000, "<u4": 70_000}
LENGTHS = [1, 700, 1, 0, 3, 9000, 14, 2, 1, 500, 63, 64, 65, 1]
"""Documents of one id and of none but BOS and EOS among long ones, for shards of 1,500 ids and a longer one."""
ASKED = """
import json
answers = []
for script, rows in {cases!r}:
    held = {{}}
    exec(script, held)
    answers.append([[int(token) for token in row] for row in eval(rows, held)])
print(json.dumps(answers))
"""


def documents(dtype):
    """What is written: each document with its BOS and EOS, ids up to the last of the vocabulary."""
    chance = np.random.default_rng(1)
    ids = [chance.integers(3, SIZES[dtype], length) for length in LENGTHS]
    ids[1][0] = SIZES[dtype] - 1
    return [[1, *some.tolist(), 2] for some in ids]


@dataclass(frozen=True)
class Output:
    """A run's folder with three shards of c4, how wide their ids are, and a folder for exports."""

    run: Path
    dtype: str
    target: Path

    @property
    def width(self):
        return np.dtype(self.dtype).itemsize

    @property
    def shards(self):
        """The ids of each shard."""
        return [np.fromfile(path, self.dtype).tolist() for path in sorted((self.run / "tokens/c4").glob("*.bin"))]

    def export(self, form, file_bytes=1 << 14):
        """Into out/FORMAT, where the page's lines look for it."""
        order = Order(form=form, of=SOURCES, file_bytes=file_bytes)
        target = Folder(str(self.target / "out" / form))
        Export(Run(RECIPE, Folder(str(self.run))), order, target, Reporter(quiet=True)).bring_up_to_date()


@pytest.fixture
def outputs(tmp_path):
    """One with ids of two bytes, one with ids of four."""
    return [written(tmp_path / name, dtype) for name, dtype in (("narrow", "<u2"), ("wide", "<u4"))]


def written(folder, dtype):
    form = TokenFormat(
        dtype=np.dtype(dtype), vocabulary_size=SIZES[dtype], tokenizer_digest="", bos_id=1, eos_id=2
    )  # fmt: skip
    texts = [document[1:-1] for document in documents(dtype)]
    offsets = np.cumsum([0, *(len(ids) for ids in texts)])
    names = pa.array([f"d{i}" for i in range(len(texts))]), pa.array([f"dump,{i}#\n" for i in range(len(texts))])
    with ShardWriter(folder / "run/tokens/c4", "unit.json.gz", 1500 * form.dtype.itemsize, form) as writer:
        writer.add(*names, np.concatenate(texts), offsets)
    assert len(writer.shards) == 3
    return Output(folder / "run", dtype, folder)


def lines(module):
    """The page's lines of Python that import this module."""
    found = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL) if module in block
    ]
    assert len(found) == 1
    return found[0]


def changed(script, **words):
    """The lines with other words, each of which has to be there."""
    for old, new in words.items():
        assert old in script
        script = script.replace(old, new)
    return script


def answers(project, *cases):
    """The rows that scripts give, each over its output, all in one process of the readers' environment."""
    said = build.state().get(project)
    if said != "ready":
        pytest.skip(f"{project}: {said}" if said else "no environment of readers: make readers")
    # Whole paths: file systems are remembered by the path that they were asked for.
    whole = [(changed(script, **{'"out/': f'"{output.target}/out/'}), rows) for output, script, rows in cases]
    script = ASKED.format(cases=whole)
    command = [str(build.python()), "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_megatron_reads_each_document_with_and_without_a_memory_map(outputs):
    for output in outputs:
        output.export("megatron")
    mapped = lines("megatron.core")
    read = changed(mapped, **{'with_suffix(""))': 'with_suffix("")), mmap=False'})
    cases = [(output, script, "documents") for output in outputs for script in (mapped, read)]
    assert answers("megatron", *cases) == [documents(output.dtype) for output in outputs for _ in range(2)]


def test_olmo_reads_each_document_by_its_list_and_by_eos(outputs):
    cases = []
    for output in outputs:
        output.export("olmo")
        dtype = f"np.dtype('{output.dtype}').type"
        listed = changed(lines("olmo_core"), **{"np.uint16": dtype})
        found = changed(listed, **{"use_array_if_local=False": f"eos_token_id=2, bos_token_id=1, dtype={dtype}"})
        cases += [(output, listed, "documents"), (output, found, "documents")]
    assert answers("olmo", *cases) == [documents(output.dtype) for output in outputs for _ in range(2)]


def windows(rows, size):
    """Non-overlapping windows of each file; what is over is dropped."""
    return [row[i : i + size] for row in rows for i in range(0, len(row) - size + 1, size)]


def positions(window):
    """Positions within documents; the first document of a window counts from where the window begins."""
    found = []
    for i, token in enumerate(window):
        begins = i == 0 or (token == 1 and window[i - 1] == 2)
        found.append(0 if begins else found[-1] + 1)
    return found


WHOLE = """
from pathlib import Path
from datatrove.utils.dataset import DatatroveFileDataset
rows = []
for path in sorted(Path("out/datatrove/c4").glob("*.ds")):
    size = path.stat().st_size // WIDTH
    shard = DatatroveFileDataset(str(path), size - 1, token_size=WIDTH, return_positions=True)
    starts = (shard[0]["positions"] == 0).nonzero().flatten().tolist()
    rows += [shard[0]["input_ids"][first:last] for first, last in zip(starts, [*starts[1:], size])]
"""


def test_datatrove_reads_windows_positions_and_documents(outputs):
    cases, expected = [], []
    for output in outputs:
        output.export("datatrove")
        page = changed(lines("datatrove"), **{"token_size=2": f"token_size={output.width}"})
        every = changed(page, **{'datatrove/c4"': 'datatrove", filename_pattern="**/*.ds"'})
        whole = changed(WHOLE, WIDTH=str(output.width))
        cases += [(output, script, f"[pair[{i}] for pair in rows]") for script in (page, every) for i in (0, 1)]
        cases.append((output, whole, "rows"))
        held = windows(output.shards, 16)
        expected += [held, [positions(window) for window in held]] * 2 + [documents(output.dtype)]
    assert answers("datatrove", *cases) == expected


def test_litdata_reads_the_blocks_of_each_chunk(outputs):
    cases, expected = [], []
    for output in outputs:
        output.export("litdata", file_bytes=4096)
        cases.append((output, changed(lines("litdata"), **{"2048": "64", "litdata/train": "litdata/c4"}), "rows"))
        expected.append(windows([functools.reduce(operator.iadd, output.shards, [])], 64))
    assert answers("litdata", *cases) == expected


def test_mosaicml_streaming_reads_each_row(outputs):
    cases, expected = [], []
    for output in outputs:
        output.export("mds", file_bytes=4096)
        cases.append((output, changed(lines("streaming import"), **{'split="train"': 'split="c4"'}), "rows"))
        expected.append(windows([functools.reduce(operator.iadd, output.shards, [])], 64))
    assert answers("mds", *cases) == expected


@pytest.mark.parametrize("number", [0, 1])
def test_llm_c_and_parquet_need_no_package_of_their_own(outputs, number, monkeypatch):
    output, held = outputs[number], {}
    monkeypatch.chdir(output.target)
    output.export("llm.c", file_bytes=1 << 20)
    output.export("parquet")
    exec(changed(lines("llm.c"), train_="c4_"), held)
    assert held["tokens"].tolist() == functools.reduce(operator.iadd, output.shards, [])
    exec(changed(lines("pyarrow.parquet"), **{"parquet/train": "parquet/c4", "position": "doc_id"}), held)
    assert held["rows"] == documents(output.dtype)
