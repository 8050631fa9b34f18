"""How many times what a fit took on a sample it takes on all documents: fits read samples whose size is bounded."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from filters.language import PIECE_CHARS
from pipeline import fit_language, fit_reference
from pipeline.ledger import read_entry
from pipeline.models import LANGUAGE, LANGUAGE_MODEL, REFERENCE, TOKENIZER
from pipeline.planning.estimate import Stratum, expand
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.stage_names import CLEAN

WIKIPEDIA, CRAWL = "wikipedia", "commoncrawl"


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes of text of a source that stage `clean` keeps: of the sample, and of all."""

    sampled: float
    whole: float

    def bounded(self, most: float, share: float = 1.0) -> tuple[float, float]:
        """What of it a fit reads that takes a share of it, and no more than so much."""
        return min(most, share * self.sampled), min(most, share * self.whole)


def fit_times(recipe: Recipe, run: Run, strata: Mapping[str, Sequence[Stratum]]) -> tuple[dict[str, float], float]:
    """For each fit that reads documents, what it takes of the whole as a multiple of what it took of the sample.

    And how many bytes the tokenizer is trained on. `run` is of the sample. A fit that is not named takes the same: it
    reads counts, or files that the recipe names.
    """
    texts = {source: _text(run, source, parts) for source, parts in strata.items()}
    found = {}
    languages = _languages(run) if WIKIPEDIA in texts else Counter[str]()
    if languages:
        # Of each language so much at most; what is little is gone through more often.
        read = texts[WIKIPEDIA].bounded(recipe.language.max_text_bytes * len(languages))
        few = float(fit_language.MIN_EXAMPLES * PIECE_CHARS)
        ours, theirs = (max(5 * size, min(fit_language.MAX_EPOCHS * size, few)) for size in read)
        found[LANGUAGE.name] = theirs / max(1.0, ours)
        share = languages[recipe.language_model.language] / languages.total()
        ours, theirs = texts[WIKIPEDIA].bounded(recipe.language_model.max_text_bytes, share)
        found[LANGUAGE_MODEL.name] = theirs / max(1.0, ours)
    report = run.output.read_json(f"models/{REFERENCE.name}/report.json")
    if report and CRAWL in texts:
        pages = float(min(report["positive_candidates"], report["negative_candidates"]))
        more = texts[CRAWL].whole / max(1.0, texts[CRAWL].sampled)
        read = min(recipe.reference.max_documents, pages), min(recipe.reference.max_documents, pages * more)
        few = fit_reference.MIN_EXAMPLES / 2
        ours, theirs = (max(recipe.reference.epochs * size, min(fit_reference.MAX_EPOCHS * size, few)) for size in read)
        found[REFERENCE.name] = theirs / max(1.0, ours)
    everything = Text(*(sum(getattr(text, name) for text in texts.values()) for name in ("sampled", "whole")))
    ours, theirs = everything.bounded(recipe.tokenizer.sample_bytes)
    found[TOKENIZER.name] = theirs / max(1.0, ours)
    return found, theirs


def _text(run: Run, source: str, strata: Sequence[Stratum]) -> Text:
    entries = [read_entry(run.output, CLEAN, source, unit.name) for unit in run.units(source)]
    kept = {entry.unit: float(entry.bytes_kept) for entry in entries if entry}
    return Text(sum(kept.values()), expand(strata, kept).value)


def _languages(run: Run) -> Counter[str]:
    """Bytes of text of each language in the sample of Wikipedia."""
    found: Counter[str] = Counter()
    for batch in run.documents(CLEAN, WIKIPEDIA, ("language", "text")):
        sizes = pc.binary_length(batch.column("text")).to_pylist()
        for language, size in zip(batch.column("language").to_pylist(), sizes, strict=True):
            found[language or ""] += size
    return found
