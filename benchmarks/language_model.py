"""Estimation of the n-gram model: ours against KenLM's lmplz."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.claims import DisagreementError, Figures, SkippedError, megabytes_a_second, race
from benchmarks.inputs import Inputs
from benchmarks.models import language_model
from filters.ngram import Estimate, estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces

ORDER = 5
_TOLERANCE = 1e-4
_LAST_WORD = "▁tokenmill▁benchmarks"


def train_lm(inputs: Inputs) -> Figures:
    """A 5-gram model of pieces of web text, from a text file to an ARPA file."""
    lmplz = shutil.which("lmplz")
    if lmplz is None:
        raise SkippedError("lmplz is not on PATH; it is built from kenlm's source package with CMake and Boost")
    text = _write_text(inputs, 3)
    ours_path, reference_path = inputs.work / "ours.arpa", inputs.work / "reference.arpa"
    command = [lmplz, "-o", str(ORDER), "--discount_fallback", "--vocab_estimate", "65536", "--skip_symbols"]
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
    speed = megabytes_a_second(size, seconds)
    return Figures(
        ours=speed[0],
        reference=speed[1],
        reference_is="lmplz -o 5 --discount_fallback -S 1G",
        unit="MB/s",
        input_bytes=size,
    )


def _write_text(inputs: Inputs, megabytes: float) -> Path:
    """Normalised lines of web text as pieces with blanks between."""
    pieces = load_pieces(str(language_model(inputs).pieces))
    path = inputs.work / "pieces.txt"
    with path.open("w", encoding="utf-8") as file:
        for page in inputs.pages(megabytes):
            for line in page.text.split("\n"):
                found = pieces.encode(normalize_for_language_model(line), out_type=str)
                if found:
                    file.write(" ".join(found) + "\n")
        # lmplz 0.3.0 takes the last word's raw count for its adjusted one when it estimates discounts (the end of
        # adjust_counts.cc); of a word that stands once the two are equal.
        file.write(_LAST_WORD + "\n")
    return path


def compare_arpa(ours: Path, reference: Path) -> None:
    """Raises DisagreementError where the two models differ in an n-gram or a logarithm."""
    for order, (mine, theirs) in enumerate(zip(_sections(ours), _sections(reference), strict=True), start=1):
        if [words for words, _ in mine] != [words for words, _ in theirs]:
            raise DisagreementError(f"the models hold different {order}-grams")
        values, expected = (np.array([numbers for _, numbers in section]) for section in (mine, theirs))
        worst = float(np.abs(values - expected).max(initial=0.0))
        if worst > _TOLERANCE:
            raise DisagreementError(f"a logarithm of the {order}-grams is {worst:.2g} off")


def _sections(path: Path) -> Iterator[list[tuple[str, tuple[float, float]]]]:
    """The n-grams of each order, sorted, with their two logarithms; where there is no backoff it is 0."""
    section: list[tuple[str, tuple[float, float]]] | None = None
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            if line.startswith("\\") and line.rstrip("\n").endswith("-grams:"):
                section = []
            elif line == "\n" and section is not None:
                yield sorted(section)
                section = None
            elif section is not None:
                probability, words, *backoff = line.rstrip("\n").split("\t")
                # Nothing predicts <s>: what a tool writes there is never read.
                own = 0.0 if words == "<s>" else float(probability)
                section.append((words, (own, float(backoff[0]) if backoff else 0.0)))
