"""Estimation of the n-gram model: ours against KenLM's lmplz."""

import itertools
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from benchmarks.claims import DisagreementError, Figures, SkippedError, megabytes_a_second, race
from benchmarks.inputs import Inputs
from benchmarks.models import language_model
from filters.ngram import Estimate, estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces

ORDER = 5
_TOLERANCE = 1e-4
_TOKENS = 10_000_000
_PERTURBED = 0.125
_MAX_BYTES_A_PIECE = 6


def train_lm(inputs: Inputs) -> Figures:
    """A 5-gram model of ten million pieces of web text, from a text file to an ARPA file."""
    lmplz = shutil.which("lmplz")
    if lmplz is None:
        raise SkippedError("lmplz is not on PATH; it is built from kenlm's source package with CMake and Boost")
    text = _write_text(inputs)
    ours_path, reference_path = inputs.work / "ours.arpa", inputs.work / "reference.arpa"
    command = [lmplz, "-o", str(ORDER), "--discount_fallback", "--vocab_estimate", "65536"]
    command += ["-S", "1G", "-T", str(inputs.work), "--text", str(text), "--arpa", str(reference_path)]

    def ours() -> Estimate:
        with text.open(encoding="utf-8") as lines:
            return estimate_language_model(lines, ours_path, order=ORDER)

    def reference() -> None:
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    def agree(_: Estimate, __: None) -> None:
        compare_arpa(ours_path, reference_path)

    seconds = race(ours, reference, seconds=inputs.seconds, agree=agree)
    size = text.stat().st_size
    return megabytes_a_second(size, seconds, "lmplz -o 5 --discount_fallback -S 1G")


def _write_text(inputs: Inputs) -> Path:
    """Ten million pieces: normalised lines of web text, then the same lines again with other words here and there."""
    pieces = load_pieces(str(language_model(inputs).pieces))
    chance = random.Random(0)
    path = inputs.work / "pieces.txt"
    wanted = max(1, int(_TOKENS * inputs.fraction))
    pages = inputs.pages(wanted / 1e6 * _MAX_BYTES_A_PIECE)
    paragraphs = (normalize_for_language_model(line) for page in pages for line in page.text.split("\n"))
    lines: list[list[str]] = [found for text in paragraphs if (found := pieces.encode(text, out_type=str))]
    vocabulary = [piece for line in lines for piece in line]
    with path.open("w", encoding="utf-8") as file:
        for number in itertools.count():
            if wanted <= 0:
                break
            line = lines[number % len(lines)]
            if number >= len(lines):
                # Repeated text has no n-gram of its own; another piece in eight makes most of the long ones new.
                line = [chance.choice(vocabulary) if chance.random() < _PERTURBED else piece for piece in line]
            file.write(" ".join(line) + "\n")
            wanted -= len(line)
    return path


def compare_arpa(ours: Path, reference: Path) -> None:
    """Raises DisagreementError where the two models differ in an n-gram or a logarithm."""
    for order, (mine, theirs) in enumerate(zip(_sections(ours), _sections(reference), strict=True), start=1):
        places = pc.index_in(theirs.column("words"), value_set=mine.column("words"))
        if mine.num_rows != theirs.num_rows or places.null_count:
            raise DisagreementError(f"the models hold different {order}-grams")
        worst = max(
            float(np.abs(mine.column(name).take(places).to_numpy() - theirs.column(name).to_numpy()).max(initial=0.0))
            for name in ("probability", "backoff")
        )
        if worst > _TOLERANCE:
            raise DisagreementError(f"a logarithm of the {order}-grams is {worst:.2g} off")


def _sections(path: Path) -> Iterator[pa.Table]:
    """The n-grams of each order with their two logarithms; where there is no backoff it is 0."""
    with path.open("rb") as file:
        head = itertools.takewhile(lambda line: line != b"\n", file)
        counts = [int(line.split(b"=")[1]) for line in head if line.startswith(b"ngram ")]
        for order, count in enumerate(counts, start=1):
            if file.readline() != b"\\%d-grams:\n" % order:
                raise DisagreementError(f"{path.name} does not hold the {order}-grams that its head names")
            yield _section(list(itertools.islice(file, count)))
            file.readline()


def _section(lines: list[bytes]) -> pa.Table:
    """Columns words, probability and backoff."""
    names = ("probability", "words", "backoff")[: 3 if not lines else 1 + lines[0].count(b"\t")]
    table = csv.read_csv(
        pa.BufferReader(b"".join(lines) or b"0\tx\t0\n"),
        read_options=csv.ReadOptions(column_names=names),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(column_types={"words": pa.string()}, strings_can_be_null=False),
    ).slice(0, len(lines))
    numbers = [table.column(name).cast(pa.float64()) for name in names if name != "words"]
    # Nothing predicts <s>: what a tool writes there is never read.
    numbers[0] = pc.if_else(pc.equal(table.column("words"), "<s>"), 0.0, numbers[0])
    backoffs = numbers[1] if len(numbers) > 1 else pa.array(np.zeros(len(lines)))
    return pa.table({"words": table.column("words"), "probability": numbers[0], "backoff": backoffs})
