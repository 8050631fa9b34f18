"""The map stages: what each reads, which settings and models it depends on, and what it does to one unit."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from filters.batch import Filter
from filters.load_once import load_once
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile, Record, document_batches
from pipeline.corpora.registry import CORPORA, stage_before
from pipeline.faults import writing
from pipeline.held_out import SCHEMA, HeldOutFile, HoldOut
from pipeline.ledger import LedgerEntry, Tally, as_made, read_entry
from pipeline.models import (
    TOKENIZER,
    Model,
)
from pipeline.quarantine import is_web_page
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.stage_names import CLEAN, TOKENIZE
from pipeline.storage import Folder, Output, read_batches
from pipeline.takedown_order import in_force
from pipeline.token_shards import write_token_shards
from pipeline.units import Unit, UnitOutputs, kept_batches, process_batches, readable
from pipeline.usage import COLD, UNIT, is_first, measured
from tokenizer.vocabulary import Vocabulary

UNREADABLE = "unreadable_file"
"""The reason of a raw file that the file system, or its container, does not give up."""


class Stage(Protocol):
    """A stage that turns one unit at a time into its outputs and a ledger entry."""

    @property
    def name(self) -> str:
        """The stage's name: its verb, its folder, its column in the ledger."""
        ...

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """The models that it uses."""
        ...

    def key(self, run: Run, unit: Unit) -> str:
        """The key that the unit's done record has when nothing has changed."""
        ...

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Do the unit and write its done record."""
        ...


def ensure(stage: Stage, run: Run, unit: Unit) -> LedgerEntry:
    """The unit's done record, from now or from before."""
    if (entry := done(stage, run, unit)) is not None:
        return entry
    if run.sample is not None and is_first(UNIT, stage.name, unit.source):
        with measured(run.output, COLD + UNIT, stage.name, unit.source, unit.name):
            stage.process(run, unit)
    with measured(run.output, UNIT, stage.name, unit.source, unit.name):
        return stage.process(run, unit)


def done(stage: Stage, run: Run, unit: Unit) -> LedgerEntry | None:
    """The unit's done record, if it is done and nothing that it follows from has changed."""
    return run.current(stage.name, unit.source, unit.name, stage.key(run, unit))


def kept_before(run: Run, stage: str, unit: Unit) -> tuple[str, dict[str, str]]:
    """The documents that the stage before this one kept of the unit, and their digest by name."""
    return kept_by(run, stage_before(run.recipe, unit.source, stage), unit)


def kept_by(run: Run, stage: str, unit: Unit) -> tuple[str, dict[str, str]]:
    """The documents that a stage kept of the unit, and their digest by name."""
    name = f"documents/{stage}/{unit.source}/{unit.name}.parquet"
    entry = read_entry(run.output, stage, unit.source, unit.name)
    return name, {name: str(as_made(entry.outputs)[name]["digest"])} if entry else {}


@dataclass(frozen=True, slots=True)
class Clean:
    """Raw dump to documents: the corpus's reader and its rules."""

    name: str = CLEAN

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """None: what is read and cleaned hangs on the dump alone."""
        return ()

    def key(self, run: Run, unit: Unit) -> str:
        """Follows from the raw file and the corpus's settings."""
        return self._key(run, unit, self._inputs(run, unit))

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Read and clean one raw file, or a part of one."""
        file = run.inputs.file(unit.input, unit.part, unit.parts)
        return self.write(run, unit, file, _records(CORPORA[unit.source], file, getattr(run.recipe, unit.source)))

    def write(self, run: Run, unit: Unit, file: RawFile, records: Iterator[Record]) -> LedgerEntry:
        """Clean the unit's records, which were read of the file, and write its done record."""
        inputs, tally = self._inputs(run, unit), Tally()
        key = self._key(run, unit, inputs)
        filters = CORPORA[unit.source].filters(getattr(run.recipe, unit.source))
        taken_down = in_force(run.output)
        with UnitOutputs(
            run.output, self.name, unit.source, unit.name, keep_rejected=run.recipe.rejected.keep
        ) as outputs:
            good = readable(records, outputs, tally, unit.input)
            batches = document_batches(unit.source, file, good)
            if taken_down.lines:  # They must not come back with a dump that is read again.
                batches, filters = taken_down.blanked(batches), (taken_down, *filters)
            process_batches(batches, filters, outputs, tally)
        return run.record(tally.entry(self.name, unit.source, unit.name, key, inputs, outputs.written))

    def _key(self, run: Run, unit: Unit, inputs: dict[str, str]) -> str:
        return run.key(self.name, unit.source, unit.name, self._settings(run, unit), inputs)

    def _inputs(self, run: Run, unit: Unit) -> dict[str, str]:
        return run.input_digests(unit)

    def _settings(self, run: Run, unit: Unit) -> Any:
        return [run.recipe.rejected.keep, getattr(run.recipe, unit.source).model_dump(mode="json")]


def _records(corpus: Corpus, file: RawFile, settings: Any) -> Iterator[Record]:
    """The file's records; where it cannot be read on, one more that says so. What came before it stays."""
    try:
        records = iter(corpus.read(file, settings))
        yield from (_with_page(record, file) for record in itertools.islice(records, 1))
        yield from records
    except OSError as error:
        yield BadRecord(key="0", reason=UNREADABLE, detail=str(error), size=file.size)


def _with_page(first: Record, file: RawFile) -> Record:
    """A file's first record, with the file's first bytes where it is bad and they are a web page's: they tell why."""
    if isinstance(first, RawDocument) or first.raw or file.git_folder is not None:
        return first
    with file.open() as stream:
        head = stream.read(QUARANTINED_BYTES)
    return replace(first, raw=head) if is_web_page(head) else first


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterStage:
    """Documents through filters that depend on settings and models of the run.

    `leaves` writes files about the unit, of what its filters have seen.
    """

    name: str
    filters: Callable[[Run], tuple[Filter, ...]]
    settings: Callable[[Run], list[Any]]
    uses: Callable[[Recipe], tuple[Model, ...]] = lambda _: ()
    leaves: Callable[[Folder, Unit, tuple[Filter, ...]], Mapping[str, Output]] = lambda *_: {}

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """The models that the filters ask."""
        return self.uses(recipe)

    def key(self, run: Run, unit: Unit) -> str:
        """Follows from the documents, the models and the settings."""
        return self._key(run, unit, stage_inputs(run, self, unit))

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Put the unit's documents through the filters."""
        inputs, filters = stage_inputs(run, self, unit), self.filters(run)
        key = self._key(run, unit, inputs)
        return filter_documents(
            run, self.name, unit, filters, key, inputs, lambda: self.leaves(run.output, unit, filters)
        )

    def _key(self, run: Run, unit: Unit, inputs: dict[str, str]) -> str:
        return run.key(self.name, unit.source, unit.name, [run.recipe.rejected.keep, self.settings(run)], inputs)


def filter_documents(
    run: Run,
    stage: str,
    unit: Unit,
    filters: tuple[Filter, ...],
    key: str,
    inputs: dict[str, str],
    leave: Callable[[], Mapping[str, Output]] = lambda: {},
) -> LedgerEntry:
    """What the stage before kept of the unit, through the filters; then `leave` writes what else the record names."""
    tally = Tally()
    with UnitOutputs(run.output, stage, unit.source, unit.name, keep_rejected=run.recipe.rejected.keep) as outputs:
        process_batches(read_batches(run.output, kept_before(run, stage, unit)[0]), filters, outputs, tally)
    return run.record(tally.entry(stage, unit.source, unit.name, key, inputs, outputs.written | dict(leave())))


@dataclass(frozen=True, slots=True, kw_only=True)
class SideStage:
    """Looks at documents that stay as they are: its outcome is counts, and files of its own.

    `counts` says what each of its counters counts.
    """

    name: str
    counts: Mapping[str, str]
    look: Callable[[Run, Unit, str], tuple[Counter[str], dict[str, Output]]]
    settings: Callable[[Run, Unit], list[Any]]
    uses: Callable[[Recipe], tuple[Model, ...]] = lambda _: ()

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """The models that it asks."""
        return self.uses(recipe)

    def key(self, run: Run, unit: Unit) -> str:
        """Follows from the documents, the models and the settings."""
        return self._key(run, unit, stage_inputs(run, self, unit))

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Look at one unit's documents."""
        inputs, tally = stage_inputs(run, self, unit), Tally()
        key = self._key(run, unit, inputs)
        tally.counts, outputs = self.look(run, unit, kept_before(run, self.name, unit)[0])
        return run.record(tally.entry(self.name, unit.source, unit.name, key, inputs, outputs))

    def _key(self, run: Run, unit: Unit, inputs: dict[str, str]) -> str:
        return run.key(self.name, unit.source, unit.name, self.settings(run, unit), inputs)


def stage_inputs(run: Run, stage: Stage, unit: Unit) -> dict[str, str]:
    """Digests of the documents and of the models that a stage works with."""
    models = {f"models/{model.name}": model.digest(run) for model in stage.models(run.recipe)}
    return kept_before(run, stage.name, unit)[1] | models


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Documents to token shards and their sidecars, but for those that are held out of training."""

    name: str = TOKENIZE

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """The tokenizer."""
        return (TOKENIZER,)

    def key(self, run: Run, unit: Unit) -> str:
        """Follows from the documents, the tokenizer, the shard size and what is held out."""
        return self._key(run, unit, stage_inputs(run, self, unit))

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Tokenize one unit's documents."""
        inputs = stage_inputs(run, self, unit)
        key = self._key(run, unit, inputs)
        vocabulary = load_once(load_vocabulary, TOKENIZER.path(run, "tokenizer.model"))
        tally, outputs = Tally(), {}
        rule = HoldOut(fraction=run.recipe.tokens.held_out_fraction, seed=run.recipe.seed)
        with (
            TemporaryDirectory(prefix="tokenmill-") as name,
            writing(Path(name)),
            HeldOutFile(run.output, unit.source, unit.name) as held_out,
        ):
            documents = read_batches(run.output, kept_before(run, self.name, unit)[0], columns=SCHEMA.names)
            batches = kept_batches(documents, (rule,), held_out, tally)
            shards = write_token_shards(batches, vocabulary, Path(name), unit.name, run.recipe.tokens.shard_bytes)
            tally.tokens = sum(shard.tokens for shard in shards)
            for path in sorted(Path(name).iterdir()):
                target = f"tokens/{unit.source}/{path.name}"
                outputs[target] = run.output.put(path, target)
        return run.record(tally.entry(self.name, unit.source, unit.name, key, inputs, outputs | held_out.written))

    def _key(self, run: Run, unit: Unit, inputs: dict[str, str]) -> str:
        tokens = run.recipe.tokens
        seeds = [run.recipe.seed] if tokens.held_out_fraction else []
        return run.key(self.name, unit.source, unit.name, [tokens.model_dump(mode="json"), *seeds], inputs)


def load_vocabulary(path: str) -> Vocabulary:
    """The vocabulary of a model file; a function of this module so that it is loaded once a process."""
    return Vocabulary(path)
