"""One run: its recipe, where it reads and writes, and the keys that say whether a unit is done."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa

from pipeline.corpora.registry import CORPORA, document_stages
from pipeline.errors import SettingError
from pipeline.inputs import Inputs
from pipeline.ledger import LedgerEntry, entry_name, read_entry
from pipeline.listed import listed
from pipeline.planning.sampled_inputs import Sample, SampledInputs
from pipeline.recipe import Recipe
from pipeline.remote import check_reach
from pipeline.stage_names import SAMPLE, SAMPLE_TOKENIZER
from pipeline.storage import Folder, digest_of, digest_of_stream, read_batches
from pipeline.units import Unit, unit_name
from pipeline.version import RULES, VERSION, code_digest

MANIFEST = "manifest.json"
"""What the run was made of, and digests of all that it made: `pipeline/manifest.py`."""


@dataclass(frozen=True, slots=True)
class TextSize:
    """How much text: documents, and their bytes as UTF-8."""

    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a worker needs to know; small, and pickled into every worker."""

    recipe: Recipe
    output: Folder
    remembers: bool = True
    """Whether digests of raw files are written down; a dry run writes nothing."""
    unit_counts: tuple[tuple[str, int], ...] = ()
    """How many units each source has, where they have been listed already: no worker lists a dump for each unit."""
    known_sizes: tuple[tuple[str, TextSize], ...] = ()
    """What `text_sizes` gives, where the ledger has been summed already."""
    sample: Sample | None = None
    """What is read of the raw dumps, where a plan reads no more than a sample."""

    @property
    def inputs(self) -> Inputs:
        """The raw dumps. What is slow to find out of them is remembered once the run has written anything."""
        root = Folder(self.recipe.inputs.root)
        return (
            Inputs(root, self.output) if self.sample is None else SampledInputs(root, self.output, sample=self.sample)
        )

    def listed(self) -> "Run":
        """The run for one look at very many of its files, before any of them is written (`pipeline/listed.py`)."""
        return replace(self, output=listed(self.output))

    def units(self, source: str) -> list[Unit]:
        """The source's input files, in name order, and of each its parts. Raises SettingError where there is none."""
        inputs = replace(self.inputs, folder=listed(self.inputs.folder))
        names = inputs.names(source, self.recipe)
        if not names:
            raise SettingError(self._missing(source, inputs.folder))
        units = [unit for name in names for unit in self.units_of(source, name, inputs.size(name))]
        return (
            units if self.sample is None else [unit for unit in units if f"{source}/{unit.name}" in self.sample.units]
        )

    def _missing(self, source: str, root: Folder) -> str:
        """What to say where a source has no input."""
        if root.is_local and not root.local_path().is_dir():
            return f"inputs.root = {root.url}: no such folder: name the one that the raw dumps lie in"
        if root.is_local and not any(root.local_path().iterdir()):
            return f"inputs.root = {root.url}: the folder is empty: `tokenmill fetch` brings raw dumps there"
        patterns = ", ".join(self.recipe.patterns(source)) or "an empty list"
        mend = f"bring its dumps there, or take {source} out of mixture.weights (`tokenmill init` does)"
        return f"inputs.{source}: no file below {root.url} matches {patterns}: {mend}"

    def units_of(self, source: str, name: str, size: int) -> list[Unit]:
        """One file as a unit, or as one for each of its parts."""
        parts = CORPORA[source].parts(name, size, getattr(self.recipe, source))
        ends = [size * part // parts for part in range(parts + 1)]
        return [
            Unit(
                source=source,
                name=unit_name(source, name, part, parts),
                input=name,
                size=ends[part] - ends[part - 1],
                part=part,
                parts=parts,
            )
            for part in range(1, parts + 1)
        ]

    def unit_count(self, source: str) -> int:
        """How many units the source has."""
        known = dict(self.unit_counts)
        return known[source] if source in known else len(self.units(source))

    def text_sizes(self) -> dict[str, TextSize]:
        """How much text of each source goes into its tokens, as the ledger says."""
        return dict(self.known_sizes) or {source: self._text_size(source) for source in self.recipe.sources}

    def _text_size(self, source: str) -> TextSize:
        stage, output = document_stages(self.recipe, source)[-1], listed(self.output)
        names = output.list(f"ledger/{stage}/{source}")
        found = [read_entry(output, stage, source, name.removesuffix(".json")) for name in names]
        entries = [entry for entry in found if entry is not None]
        kept = sum(entry.documents_kept for entry in entries), sum(entry.bytes_kept for entry in entries)
        return TextSize(*kept)

    def key(self, stage: str, source: str, unit: str, settings: Any, inputs: Mapping[str, str]) -> str:
        """What a unit's outputs follow from, as a digest: inputs, settings, code."""
        return digest_of([VERSION, code_digest(RULES), stage, source, unit, settings, dict(inputs)])

    def current(self, stage: str, source: str, unit: str, key: str) -> LedgerEntry | None:
        """The done record with this key, if all its outputs are there with their sizes."""
        entry = read_entry(self.output, stage, source, unit)
        if entry is None or entry.key != key:
            return None
        whole = all(self.output.size(name) == output["bytes"] for name, output in entry.outputs.items())
        return entry if whole else None

    def record(self, entry: LedgerEntry) -> LedgerEntry:
        """Write the done record; what the one before it names and this one does not is removed.

        The manifest goes first: it is true where it lies, and written again when the command ends.
        """
        with suppress(FileNotFoundError):  # Another worker was faster.
            self.output.delete(MANIFEST)
        before = read_entry(self.output, entry.stage, entry.source, entry.unit)
        self.output.write_json(entry.name, entry.to_json())
        for name in set(before.outputs if before else ()) - set(entry.outputs):
            self.output.delete(name)
        return entry

    def forget(self, stage: str, source: str, unit: str) -> None:
        """Remove a done record, if it is there, and what it names; the manifest goes first here too."""
        if not self.output.exists(entry_name(stage, source, unit)):
            return
        with suppress(FileNotFoundError):
            self.output.delete(MANIFEST)
        entry = read_entry(self.output, stage, source, unit)
        for name in entry.outputs if entry else ():
            self.output.delete(name)
        self.output.delete(entry_name(stage, source, unit))

    def open_token_shard(self, source: str, name: str) -> BinaryIO:
        """The ids of a source's token shard, from the first byte on."""
        return self.output.open(f"tokens/{source}/{name}.bin")

    def documents(self, stage: str, source: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All documents that the stage kept of the source, or sampled of it, in unit order; all columns or these."""
        folder = documents_folder(stage, source)
        for name in self.output.list(folder):
            if name.endswith(".parquet"):
                yield from read_batches(self.output, f"{folder}/{name}", columns=columns)

    def counts(self, stage: str, source: str) -> Counter[str]:
        """What the stage counted of all the source's units."""
        found: Counter[str] = Counter()
        output = listed(self.output)
        for name in output.list(f"ledger/{stage}/{source}"):
            entry = read_entry(output, stage, source, name.removesuffix(".json"))
            found.update(entry.counts if entry else {})
        return found

    def input_digests(self, unit: Unit) -> dict[str, str]:
        """Digests of the raw file, and of what is read along with it, by name."""
        along = self.inputs.companions(unit.source, unit.input)
        return {name: self._input_digest(unit.source, name) for name in (unit.input, *along)}

    def _input_digest(self, source: str, name: str) -> str:
        """The digest is remembered beside what the file system says of the file, so that no rerun reads it."""
        remembered = f"logs/inputs/{source}/{unit_name(source, name)}.json"
        inputs = self.inputs
        fingerprint = inputs.fingerprint(name)
        held = self.output.read_json(remembered)
        if held is not None and held.get("fingerprint") == fingerprint:
            return str(held["digest"])
        digest = inputs.digest(name)
        if self.remembers:
            self.output.write_json(remembered, {"fingerprint": fingerprint, "digest": digest})
        return digest


_SAMPLES = {SAMPLE: "samples", SAMPLE_TOKENIZER: "samples/tokenizer"}


def documents_folder(stage: str, source: str) -> str:
    """Where documents lie that a stage kept of a source, or sampled of it."""
    return f"{_SAMPLES.get(stage, f'documents/{stage}')}/{source}"


def check_addresses(run: Run) -> None:
    """Raise SettingError for an address that cannot be reached, before any work."""
    for key, folder in (("--output", run.output), ("inputs.root", Folder(run.recipe.inputs.root))):
        if not folder.is_local:
            check_reach(key, folder.url)


def external_digest(path: str) -> str:
    """Digest of a file that the recipe names outside the run, such as a model."""
    with fsspec.open(path, "rb") as stream:
        return digest_of_stream(stream)


def on_this_machine(folder: Folder, name: str) -> str:
    """A path to the file for libraries that read none but local paths; fetched once a process where it is remote."""
    if folder.is_local:
        return str(folder.local_path(name))
    fetched = Path(tempfile.gettempdir()) / "tokenmill-models" / digest_of(folder.address(name))
    target = fetched / folder.fingerprint(name) / name.rsplit("/", 1)[-1]
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with folder.local_copy(name) as copy:
            Folder(str(target.parent)).put(copy, target.name)
    return str(target)
