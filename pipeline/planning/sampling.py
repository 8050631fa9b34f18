"""Which pieces of a run's input a plan reads: by source and size, so that small files do not speak for large ones."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.planning.estimate import Stratum
from pipeline.planning.sampled_inputs import Sample
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import digest_of
from pipeline.units import Unit, unit_name

MIN_PIECES = 3
"""So many pieces of each source and size at least: from one alone no spread can be told."""
MIN_BYTES = 512 << 10
"""And so many bytes of them where there are: less is all fixed costs."""
MIN_HEAD_BYTES = 192 << 10
PART_BYTES = 8 << 20
"""Parts of a Wikipedia dump that a sample is made of; the recipe's own are a minute's work each."""
TOO_MUCH = 4
"""Files are read whole up to so many times the bytes that were asked for; above, their heads are."""
MOST_BYTES = 1 << 30
"""What cannot be cut is left out where one file of it is larger than this, and than what was asked for."""

_CUT_AT_WILL = {
    "commoncrawl": (".gz", ".wet"),
    "c4": (".gz", ".wet"),
    "github": (".tar.gz", ".tgz", ".jsonl.gz", ".json.gz"),
    "arxiv": (".tar",),
    "stackexchange": (".xml",),
}
"""Files that are read from front to back: their first bytes are a file too, but for the record that is cut."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    units: tuple[int, ...]
    """Sizes of the units that a run makes of it."""


def draw(run: Run, fraction: float, seed: int) -> tuple[Sample, list[Stratum]]:
    """The sample of a run's units, and the strata that it stands for. `run` has no sample yet."""
    units: set[str] = set()
    files: set[tuple[str, str]] = set()
    heads: dict[str, int] = {}
    strata: list[Stratum] = []
    fine = replace(run, recipe=in_fine_parts(run.recipe))
    for source in run.recipe.sources:
        for members in _by_size(run.units(source)):
            pieces: dict[str, int] = {}
            ranked = sorted(members, key=lambda file: (not _needed(run.recipe, file.name), _rank(seed, file.name)))
            for file, unit, size, is_head in _pieces(fine, source, ranked, fraction, seed):
                pieces[unit] = size
                units.add(f"{source}/{unit}")
                files.add((source, file))
                if is_head:
                    heads[file] = min(size, heads.get(file, size))
            sizes = tuple(size for file in members for size in file.units)
            strata.append(Stratum(source=source, unit_bytes=sizes, pieces=pieces))
    return Sample(units=frozenset(units), files=frozenset(files), heads=heads), strata


def in_fine_parts(recipe: Recipe) -> Recipe:
    """The recipe with Wikipedia dumps in smaller parts, none of them larger than the recipe's own."""
    wikipedia = recipe.wikipedia.model_copy(update={"part_bytes": min(recipe.wikipedia.part_bytes, PART_BYTES)})
    return recipe.model_copy(update={"wikipedia": wikipedia})


def _by_size(units: Iterable[Unit]) -> Iterator[list[_File]]:
    """Files whose sizes are within a factor of four, the smallest first."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for unit in units:
        sizes[unit.input].append(unit.size)
    classes: dict[int, list[_File]] = defaultdict(list)
    for name, found in sizes.items():
        size = sum(found)
        classes[size.bit_length() // 2].append(_File(name, size, tuple(found)))
    for _, members in sorted(classes.items()):
        yield members


def _pieces(
    fine: Run, source: str, ranked: Sequence[_File], fraction: float, seed: int
) -> Iterator[tuple[str, str, int, bool]]:
    """(file, unit, bytes, whether it is the file's head) of what is read of a source's files of one size."""
    target = max(MIN_BYTES, fraction * sum(file.size for file in ranked))
    if source == "wikipedia":
        parts = [(file.name, unit) for file in ranked for unit in _parts(fine, source, file)]
        parts.sort(key=lambda part: (not _needed(fine.recipe, part[0]), _rank(seed, part[1].name)))
        for name, unit in parts[: _count(len(parts), fraction)]:
            yield name, unit.name, unit.size, False
        return
    chosen = ranked[: _count(len(ranked), fraction)]
    whole = sum(file.size for file in chosen)
    if whole > TOO_MUCH * target and all(file.name.endswith(_CUT_AT_WILL.get(source, ())) for file in chosen):
        for file in chosen:
            size = min(file.size, max(MIN_HEAD_BYTES, int(target / len(chosen))))
            yield file.name, unit_name(source, file.name), size, size < file.size
        return
    read = 0
    for file in chosen:
        if file.size > max(MOST_BYTES, TOO_MUCH * target) or (
            read and read + file.size > TOO_MUCH * target + whole / 2
        ):
            continue
        read += file.size
        for unit in _parts(fine, source, file):
            yield file.name, unit.name, unit.size, False


def _parts(fine: Run, source: str, file: _File) -> Sequence[Unit]:
    return fine.units_of(source, file.name, file.size)


def _count(files: int, fraction: float) -> int:
    return min(files, max(MIN_PIECES, math.ceil(fraction * files)))


def _rank(seed: int, name: str) -> float:
    return random.Random(digest_of([seed, name])).random()


def _needed(recipe: Recipe, name: str) -> bool:
    """Whether models are fitted on the file: a language that is kept has to be in the sample."""
    wanted = {*recipe.language.keep, recipe.language_model.language}
    return any(f"{language}wiki" in name for language in wanted)
