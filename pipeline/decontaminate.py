"""Stage `decontaminate`: documents that hold text of evaluation sets are dropped or marked, with evidence.

What was found in a unit lies in `decontaminate/SOURCE/UNIT.json`, all of it together in `decontaminate/report.json`:
of each set how many items are in the corpus, in which sources, by which n-grams, with examples to look at.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import DOCUMENT_SCHEMA, Filter, FilterResult, reasons
from filters.contamination import CONTAMINATION, DropContaminated, FindContamination
from filters.contamination_index import ContaminationIndex, load_index
from filters.contamination_scan import Tallies
from filters.load_once import load_once
from pipeline.fit_contamination import PASSAGES
from pipeline.ledger import WHOLE_RUN, LedgerEntry, Tally, as_made, read_entry
from pipeline.models import CONTAMINATION_INDEX, Model
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.report_contamination import FINDINGS
from pipeline.run import Run
from pipeline.stage_names import DECONTAMINATE
from pipeline.stages import kept_before, stage_inputs
from pipeline.storage import digest_of, read_batches
from pipeline.units import Unit, UnitOutputs, process_batches

FINDINGS_ENTRY = "findings"
"""The name of the done record of what was found in all units."""
SHOWN_NGRAMS = 20
SHOWN_EXAMPLES = 10
_EXCERPT_CHARS = 200
_SCHEMA = DOCUMENT_SCHEMA.append(CONTAMINATION)


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """The last documents of a source, put to the evaluation sets that the recipe names."""

    name: str = DECONTAMINATE

    def models(self, recipe: Recipe) -> tuple[Model, ...]:
        """The index of the sets' n-grams."""
        return (CONTAMINATION_INDEX,)

    def key(self, run: Run, unit: Unit) -> str:
        """Follows from the documents, the sets and the settings."""
        return self._key(run, unit, stage_inputs(run, self, unit))

    def process(self, run: Run, unit: Unit) -> LedgerEntry:
        """Look for the sets' n-grams in the unit's documents."""
        inputs, tally = stage_inputs(run, self, unit), Tally()
        path = CONTAMINATION_INDEX.path(run, PASSAGES)
        index = load_once(load_index, path)
        tallies, examples = index.tallies(), Examples()
        finds = FindContamination(index_path=path, min_fraction=run.recipe.decontaminate.min_fraction, tallies=tallies)
        drops: tuple[Filter, ...] = (DropContaminated(),) if run.recipe.decontaminate.action == "drop" else ()
        with UnitOutputs(
            run.output, self.name, unit.source, unit.name, keep_rejected=run.recipe.rejected.keep, schema=_SCHEMA
        ) as outputs:
            documents = read_batches(run.output, kept_before(run, self.name, unit)[0])
            process_batches(documents, (finds, examples, *drops), outputs, tally)
        written = dict(outputs.written)
        if tallies.documents_of_ngram.any():
            name = f"{DECONTAMINATE}/{unit.source}/{unit.name}.json"
            written[name] = run.output.write_json(name, _found(index, tallies, examples))
        return run.record(tally.entry(self.name, unit.source, unit.name, self._key(run, unit, inputs), inputs, written))

    def _key(self, run: Run, unit: Unit, inputs: dict[str, str]) -> str:
        settings = run.recipe.decontaminate
        said = [run.recipe.rejected.keep, settings.min_fraction, settings.action]
        return run.key(self.name, unit.source, unit.name, said, inputs)


@dataclass(slots=True)
class Examples:
    """Stands among the filters and keeps of each set the contaminated documents with the smallest ids, with evidence.

    Ids are hashes: what is kept is a sample without favour, the same in whatever order documents come.
    """

    name: ClassVar[str] = "contamination_examples"
    reasons: ClassVar[tuple[str, ...]] = ()
    held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """The batch as it came."""
        found = batch.filter(pc.is_valid(batch.column(CONTAMINATION.name)))
        for row in found.select(["doc_id", "origin", "text", CONTAMINATION.name]).to_pylist():
            for evidence in row[CONTAMINATION.name]:
                document = {"doc_id": row["doc_id"], "origin": row["origin"]}
                excerpt = row["text"][evidence["place"] :][:_EXCERPT_CHARS]
                self.add(evidence["set"], document | {"text": excerpt} | evidence)
        return FilterResult(batch, reasons([None] * batch.num_rows), {})

    def add(self, name: str, example: dict[str, Any]) -> None:
        """One more document of a set; of a document the evidence that comes first."""
        held = self.held.setdefault(name, [])
        if all(other["doc_id"] != example["doc_id"] for other in held):
            self.held[name] = heapq.nsmallest(SHOWN_EXAMPLES, [*held, example], key=lambda row: str(row["doc_id"]))


def _found(index: ContaminationIndex, tallies: Tallies, examples: Examples) -> dict[str, Any]:
    """What the unit's documents hold, by number of passage and n-gram."""
    return {
        "documents": dict(zip(index.sets, tallies.documents_of_set.tolist(), strict=True)),
        "passages": _counted(tallies.documents_of_passage),
        "ngrams": _counted(tallies.documents_of_ngram),
        "examples": examples.held,
    }


def _counted(counts: Any) -> dict[str, int]:
    places = np.flatnonzero(counts)
    return dict(zip(map(str, places.tolist()), counts[places].tolist(), strict=True))


def write_findings(run: Run, reporter: Reporter) -> bool:
    """Bring `decontaminate/report.json` up to date and say what is in it; whether there was anything to do."""
    if not run.recipe.decontaminate.sets:
        return False
    units = dict(_unit_files(run))
    inputs = {name: digest_of(digest) for name, digest in units.items()} | {
        f"models/{CONTAMINATION_INDEX.name}": CONTAMINATION_INDEX.digest(run)
    }
    settings = [run.recipe.decontaminate.min_fraction, run.recipe.decontaminate.action, run.recipe.sources]
    key = run.key(DECONTAMINATE, WHOLE_RUN, FINDINGS_ENTRY, settings, inputs)
    if run.current(DECONTAMINATE, WHOLE_RUN, FINDINGS_ENTRY, key):
        return False
    findings = _findings(run, units)
    written = run.output.write_json(FINDINGS, findings)
    run.record(Tally().entry(DECONTAMINATE, WHOLE_RUN, FINDINGS_ENTRY, key, inputs, {FINDINGS: written}))
    for name, figures in findings["sets"].items():
        reporter.say(f"  {name}: {said_of(figures)}")
    return True


def said_of(figures: Mapping[str, Any]) -> str:
    """A line about a set, for people."""
    faults = sum(figures["faults"].values())
    searchable, documents = f"{figures['searchable_items']:,} searchable", sum(figures["documents"].values())
    said = f"{figures['items_hit']:,} of {figures['items']:,} items ({searchable}) in {documents:,} documents"
    return said + (f"; {faults:,} broken lines or files" if faults else "")


def _unit_files(run: Run) -> Iterator[tuple[str, Any]]:
    """What was found, file by file, with each file's digest; a unit in which nothing was found has none."""
    for source in run.recipe.sources:
        for name in run.output.list(f"ledger/{DECONTAMINATE}/{source}"):
            entry = read_entry(run.output, DECONTAMINATE, source, name.removesuffix(".json"))
            for output, told in as_made(entry.outputs if entry else {}).items():
                if output.startswith(f"{DECONTAMINATE}/"):
                    yield output, told["digest"]


def _findings(run: Run, units: Iterable[str]) -> dict[str, Any]:
    """All units together, set by set."""
    index = load_index(CONTAMINATION_INDEX.path(run, PASSAGES))
    said = run.output.read_json(f"models/{CONTAMINATION_INDEX.name}/report.json") or {}
    documents: dict[str, Counter[str]] = {name: Counter() for name in index.sets}
    passages, ngrams, examples = Counter[int](), Counter[int](), Examples()
    for unit in units:
        found = run.output.read_json(unit) or {}
        for name, count in found["documents"].items():
            documents[name][unit.split("/")[1]] += count
        passages.update({int(number): count for number, count in found["passages"].items()})
        ngrams.update({int(number): count for number, count in found["ngrams"].items()})
        for name, held in found["examples"].items():
            for example in held:
                examples.add(name, example)
    sets = {
        name: {
            **figures,
            **_hit(index, name, passages, figures["searchable_items"]),
            "documents": dict(sorted((+documents.get(name, Counter())).items())),
            "most_frequent_ngrams": _most_frequent(index, name, ngrams),
            "examples": examples.held.get(name, []),
        }
        for name, figures in said["sets"].items()
    }
    settings = run.recipe.decontaminate
    return {
        "ngram_words": settings.ngram_words,
        "min_fraction": settings.min_fraction,
        "action": settings.action,
        "sets": sets,
    }


def _hit(index: ContaminationIndex, name: str, passages: Mapping[int, int], searchable: int) -> dict[str, Any]:
    """Which share of a set's items is in the corpus."""
    numbers = [number for number in passages if index.sets[index.ngrams.passage_sets[number]] == name]
    owners = index.passages.column("items").take(pa.array(numbers, pa.int64())).to_pylist()
    items = {item for held in owners for item in held}
    return {"items_hit": len(items), "contaminated_fraction": len(items) / max(1, searchable)}


def _most_frequent(index: ContaminationIndex, name: str, ngrams: Mapping[int, int]) -> list[dict[str, Any]]:
    """The set's n-grams that the most documents have, enough of a passage or not."""
    places = index.ngrams.places
    of_set = {
        number: count
        for number, count in ngrams.items()
        for passage in index.ngrams.passages[places[number] : places[number + 1]].tolist()
        if index.sets[index.ngrams.passage_sets[passage]] == name
    }
    first = heapq.nsmallest(SHOWN_NGRAMS, of_set, key=lambda number: (-of_set[number], number))
    return [{"ngram": index.ngram(number), "documents": of_set[number]} for number in first]
