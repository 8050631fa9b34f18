"""Does memory stay as it is when a tokenizer is trained on a sample of the same size, from more and more text?"""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growth import Growing, peak_bytes
from benchmarks.inputs import Inputs
from filters.batch import DOCUMENT_SCHEMA, document_batch
from pipeline.fit_tokenizer import fit_tokenizer
from pipeline.map_stages import SAMPLE_TOKENIZER_STAGE
from pipeline.recipe import Recipe
from pipeline.run import Run, TextSize
from pipeline.storage import Folder, ParquetSink
from pipeline.units import Unit

SAMPLE_BYTES = 2_000_000
_UNIT_MEGABYTES = 4
_SOURCE = "stackexchange"
_DOCUMENTS = f"documents/clean/{_SOURCE}"


def write_units(inputs: Inputs, folder: Path, count: int) -> int:
    """So many units of documents that differ in their ids alone. Gives the bytes of text."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / _DOCUMENTS).mkdir(parents=True)
    texts = [page.text for page in inputs.pages(_UNIT_MEGABYTES)]
    for unit in range(count):
        sink = ParquetSink(folder / _DOCUMENTS / f"{unit:03d}.parquet", DOCUMENT_SCHEMA)
        for start in range(0, len(texts), 500):
            few = enumerate(texts[start : start + 500], start)
            sink.write(
                document_batch(
                    [{"doc_id": f"{unit}-{i}", "source": _SOURCE, "origin": str(i), "text": text} for i, text in few]
                )
            )
        sink.close()
    size = count * sum(len(text.encode()) for text in texts)
    (folder / "size.json").write_text(json.dumps([count * len(texts), size]))
    return size


TOKENIZER = Growing(
    work="the same",
    module="benchmarks.tokenizer_growth",
    write=lambda inputs, size: write_units(inputs, inputs.work / f"tokenizer-{size}", size),
    arguments=lambda inputs, size: [inputs.work / f"tokenizer-{size}"],
)
"""Stages `sample-tokenizer` and `train-tokenizer` of one source."""


def timed_fit(folder: Path) -> dict[str, float]:
    """Sampling all units below a folder and training on the sample: seconds and the process's peak memory."""
    tokenizer = {"sample_bytes": SAMPLE_BYTES, "vocabulary_size": 2000, "character_coverage": 0.99}
    settings = {"name": "growth", "tokenizer": tokenizer, "mixture": {"weights": {_SOURCE: 1.0}}}
    size = TextSize(*json.loads((folder / "size.json").read_text()))
    run = Run(Recipe.model_validate(settings), Folder(str(folder)))
    run = replace(run, known_sizes=((_SOURCE, size),))
    start = time.perf_counter()
    for path in sorted((folder / _DOCUMENTS).iterdir()):
        unit = Unit(source=_SOURCE, name=path.stem, input=path.name, size=path.stat().st_size)
        SAMPLE_TOKENIZER_STAGE.process(run, unit)
    with TemporaryDirectory() as model:
        fit_tokenizer(
            lambda source, columns=None: run.documents("sample-tokenizer", source, columns),
            run.recipe,
            Path(model),
            run.text_sizes(),
        )
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(timed_fit(*map(Path, sys.argv[1:]))))
