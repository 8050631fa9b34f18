"""The pieces of work that the engine deals: map stages, fits, and deduplication."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filters.models import load_once
from pipeline.context import Run
from pipeline.dedup import ExactRounds, ParagraphRounds, Rounds
from pipeline.exchange import Keyed
from pipeline.ledger import LedgerEntry
from pipeline.models import ALL_MODELS
from pipeline.overlap import OverlapRounds
from pipeline.stages import MAP_STAGES, ensure, filter_documents, kept_before
from pipeline.storage import Folder, digest_of, read_batches
from pipeline.units import Unit

DEDUP = "dedup"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A list too long for a job graph: a file that each worker reads once."""

    folder: Folder
    name: str

    def write(self, value: dict[str, Any]) -> "Manifest":
        """Write the list; gives the manifest itself."""
        self.folder.write_json(self.name, value)
        return self

    def read(self) -> dict[str, Any]:
        """The list, read once a process. A manifest's name is used once, so what was read stays true."""
        return load_once(_read_manifest, f"{self.folder.url}\n{self.name}")

    def mark(self, index: int) -> None:
        """Say that a piece is done, for whoever watches."""
        self.folder.write_json(f"{self.name}.done/{index}", {})

    def marked(self) -> set[int]:
        """The pieces that are done."""
        return {int(name) for name in self.folder.list(f"{self.name}.done") if name.isdigit()}


def _read_manifest(address: str) -> dict[str, Any]:
    url, _, name = address.partition("\n")
    value = Folder(url).read_json(name)
    if value is None:
        raise FileNotFoundError(f"no manifest {name} in {url}")
    return value


@dataclass(frozen=True, slots=True)
class MapWork:
    """Units, each through the map stages that the manifest lists for it."""

    run: Run
    manifest: Manifest

    def sizes(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each unit."""
        return [(index, item["unit"]["size"]) for index, item in enumerate(self.manifest.read()["items"])]

    def do(self, index: int) -> None:
        """One unit through its stages."""
        item = self.manifest.read()["items"][index]
        for stage in item["stages"]:
            ensure(MAP_STAGES[stage], self.run, Unit(**item["unit"]))
        self.manifest.mark(index)


@dataclass(frozen=True, slots=True)
class FitWork:
    """Models that are trained side by side."""

    run: Run
    names: tuple[str, ...]

    def sizes(self) -> Sequence[tuple[int, int]]:
        """One piece a model."""
        return [(index, 1) for index in range(len(self.names))]

    def do(self, index: int) -> None:
        """Train one model."""
        next(model for model in ALL_MODELS if model.name == self.names[index]).train(self.run)


@dataclass(frozen=True, slots=True)
class DedupWork:
    """Deduplication of one source, and the map stages that follow it without a barrier."""

    run: Run
    source: str
    manifest: Manifest

    @property
    def label(self) -> str:
        """The step's label, and the folder of its scratch files."""
        return f"{DEDUP}-{self.source}"

    def sketched(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of the units in every block that has a unit to do."""
        held = self.manifest.read()
        return [(index, held["units"][index]["size"]) for index in held["sketched"]]

    def applied(self) -> Sequence[int]:
        """The units to do."""
        return list(self.manifest.read()["applied"])

    def sketch(self, index: int) -> Iterator[Keyed]:
        """The unit's fingerprints."""
        name = kept_before(self.run, DEDUP, self._unit(index))[0]
        return dedup_rounds(self.run, self.source).sketch(index, read_batches(self.run.output, name))

    def rounds(self) -> int:
        """How many rounds the source's method takes."""
        return len(dedup_rounds(self.run, self.source).judges)

    def judge(self, round_index: int, partition: int, blocks: Iterator[bytes]) -> Iterator[Keyed]:
        """One partition's verdicts."""
        return dedup_rounds(self.run, self.source).judges[round_index](partition, blocks)

    def apply(self, index: int, blocks: Iterator[bytes]) -> None:
        """Write the unit's documents without the duplicates; then the stages that follow."""
        held, unit = self.manifest.read(), self._unit(index)
        if str(index) not in held["groups"]:
            return  # Judged with the units to do, but done itself.
        key, inputs = dedup_key(self.run, unit, held["groups"][str(index)])
        if self.run.current(DEDUP, unit.source, unit.name, key) is None:
            filters = dedup_rounds(self.run, self.source).filters(blocks)
            filter_documents(self.run, DEDUP, unit, filters, key, inputs)
        for stage in held["stages"]:
            ensure(MAP_STAGES[stage], self.run, unit)
        self.manifest.mark(index)

    def _unit(self, index: int) -> Unit:
        return Unit(**self.manifest.read()["units"][index])


def dedup_rounds(run: Run, source: str) -> Rounds:
    """How a source is deduplicated: CommonCrawl by paragraph, books by overlap, the others by document."""
    settings = run.recipe.dedup
    if source == "commoncrawl":
        return ParagraphRounds(
            block_files=settings.block_files, partitions=settings.partitions, min_chars_after=settings.min_chars_after
        )
    if source == "books":
        return OverlapRounds(
            max_overlap=settings.max_overlap,
            shingle_words=settings.shingle_words,
            shingle_sample=settings.shingle_sample,
            partitions=settings.partitions,
        )
    return ExactRounds(partitions=settings.partitions)


def dedup_key(run: Run, unit: Unit, group: str) -> tuple[str, dict[str, str]]:
    """The key of a unit's done record at stage dedup, and its inputs; `group` stands for all that it is judged with."""
    inputs = kept_before(run, DEDUP, unit)[1] | {"group": group}
    settings = run.recipe.dedup.model_dump(mode="json")
    return run.key(DEDUP, unit.source, unit.name, [run.recipe.rejected.keep, settings], inputs), inputs


def dedup_groups(run: Run, source: str, units: Sequence[Unit]) -> list[str]:
    """For each unit a digest of all documents that it is judged with: its block's, or the whole source's."""
    size = run.recipe.dedup.block_files if source == "commoncrawl" else len(units)
    digests = [list(kept_before(run, DEDUP, unit)[1].values()) for unit in units]
    blocks = [digest_of(digests[start : start + size]) for start in range(0, len(units), size)]
    return [blocks[index // size] for index in range(len(units))]


def dedup_work(
    run: Run, source: str, units: Sequence[Unit], stages: Sequence[str], manifest: Manifest
) -> DedupWork | None:
    """What is left to do of a source's deduplication and of the map stages behind it; None where all is done."""
    groups = dedup_groups(run, source, units)
    entries = [
        run.current(DEDUP, source, unit.name, dedup_key(run, unit, group)[0])
        for unit, group in zip(units, groups, strict=True)
    ]
    applied = [index for index, unit in enumerate(units) if not _is_done(run, unit, entries[index], stages)]
    if not applied:
        return None
    # Verdicts are the block's, so all units of a block with an undone dedup are sketched again.
    undone = {groups[index] for index in applied if entries[index] is None}
    manifest.write(
        {
            "units": [{name: getattr(unit, name) for name in Unit.__dataclass_fields__} for unit in units],
            "sketched": [index for index, group in enumerate(groups) if group in undone],
            "applied": applied,
            "groups": {str(index): groups[index] for index in applied},
            "stages": list(stages),
        }
    )
    return DedupWork(run, source, manifest)


def _is_done(run: Run, unit: Unit, entry: LedgerEntry | None, stages: Sequence[str]) -> bool:
    return entry is not None and all(
        run.current(stage, unit.source, unit.name, MAP_STAGES[stage].key(run, unit)) is not None for stage in stages
    )
