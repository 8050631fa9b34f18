"""Stage `cutoffs`: the perplexities that part head, middle and tail.

The same documents and recipe give the same bytes and the same report.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from filters.ccnet_cutoffs import CCNET_CUTOFFS, HEAD_PERCENTILE, MIDDLE_PERCENTILE
from filters.perplexity import cutoffs
from pipeline.crawl_sample import CUTOFFS, purpose
from pipeline.document_rows import Read, language_rule
from pipeline.errors import FatalError
from pipeline.recipe import Recipe
from pipeline.samples import Draw


def fit_cutoffs(read: Read, recipe: Recipe, folder: Path, language_model: str) -> dict[str, Any]:
    """`cutoffs.json`: the perplexities that part head, middle and tail, from a sample, the recipe or CCNet's table.

    `language_model` is the digest of the model that has scored: its cut-offs say nothing about another's scores.
    """
    settings = recipe.perplexity
    found: dict[str, Any] = {"documents": 0, "candidates": 0, "percentiles": {}}
    if settings.cutoffs == "ccnet":
        head, middle = map(float, CCNET_CUTOFFS[recipe.language_model.language])
        found |= {"from": "ccnet", "at": [HEAD_PERCENTILE, MIDDLE_PERCENTILE]}
    elif settings.head_cutoff:
        head, middle = settings.head_cutoff, settings.middle_cutoff
        found |= {"from": "recipe", "at": []}
    else:
        draw = _draw(read, recipe)
        values = draw.values()
        head, middle = cutoffs(values, settings.head_percentile, settings.middle_percentile)
        found |= {"from": "percentiles", "at": [settings.head_percentile, settings.middle_percentile]}
        found |= {"documents": len(values), "candidates": draw.candidates}
        found["percentiles"] = {str(i): float(value) for i, value in enumerate(np.percentile(values, range(1, 100)), 1)}
    found |= {"head": head, "middle": middle, "seed": recipe.seed, "language_model": language_model}
    (folder / "cutoffs.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return found | {"percentiles": {i: value for i, value in found["percentiles"].items() if int(i) % 10 == 0}}


def _draw(read: Read, recipe: Recipe) -> Draw:
    """Perplexities of documents that are surely in a kept language, as in CCNet, which scores no others.

    The scraps of other languages that a model takes for English would else say what an English page should read like.
    """
    draw = Draw(purpose(CUTOFFS, recipe), recipe.perplexity.max_documents)
    rule = language_rule(recipe)
    for batch in read("commoncrawl", ("doc_id", "language", "language_score", "perplexity")):
        scored = batch.filter(pc.and_(rule.keeps(batch), pc.is_valid(batch.column("perplexity"))))
        for row in scored.select(("doc_id", "perplexity")).to_pylist():
            draw.add(*row.values())
    if not draw.candidates:
        raise FatalError(
            f"no CommonCrawl document in {recipe.language_model.language} has a perplexity to take percentiles of;"
            " set perplexity.head_cutoff and perplexity.middle_cutoff"
        )
    return draw


def read_cutoffs(path: Path, language_model: str) -> tuple[float, float]:
    """The head and middle cut-offs of a `cutoffs.json`, which must belong to the model with this digest."""
    report = json.loads(path.read_text(encoding="utf-8"))
    if report.get("language_model") != language_model:
        raise FatalError(
            f"the cut-offs belong to the language model {report.get('language_model')}, the perplexities to"
            f" {language_model}; run the stage cutoffs again"
        )
    return float(report["head"]), float(report["middle"])
