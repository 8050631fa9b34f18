"""Stage `cutoffs`: the perplexities that part head, middle and tail.

The same documents and recipe give the same bytes and the same report.
"""

import json
from pathlib import Path
from typing import Any

from filters.perplexity import cutoffs
from pipeline.document_rows import Read, is_kept, rows
from pipeline.errors import FatalError
from pipeline.recipe import Recipe
from pipeline.samples import Draw


def fit_cutoffs(read: Read, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`cutoffs.json`: the perplexities that part head, middle and tail, from a sample or from the recipe.

    The sample is of documents that are surely in a kept language, as in CCNet, which scores no others: the scraps of
    other languages that a model takes for English would else say what an English page should read like.
    """
    settings = recipe.perplexity
    draw = Draw(f"cutoffs {recipe.seed}", settings.max_documents)
    head, middle = settings.head_cutoff, settings.middle_cutoff
    if not head:
        columns = ("doc_id", "language", "language_score", "perplexity")
        for doc_id, language, score, value in rows(read, "commoncrawl", *columns):
            if value is not None and is_kept(recipe, language, score):
                draw.add(doc_id, value)
        if not draw.candidates:
            raise FatalError(
                f"no CommonCrawl document in {recipe.language_model.language} has a perplexity to take percentiles of;"
                " set perplexity.head_cutoff and perplexity.middle_cutoff"
            )
        head, middle = cutoffs(draw.values(), settings.head_percentile, settings.middle_percentile)
    report = {
        "head": head,
        "middle": middle,
        "from": "recipe" if settings.head_cutoff else "percentiles",
        "percentiles": [settings.head_percentile, settings.middle_percentile],
        "documents": len(draw.values()),
        "candidates": draw.candidates,
    }
    (folder / "cutoffs.json").write_text(json.dumps(report, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return report


def read_cutoffs(path: Path) -> tuple[float, float]:
    """The head and middle cut-offs of a `cutoffs.json`."""
    report = json.loads(path.read_text(encoding="utf-8"))
    return float(report["head"]), float(report["middle"])
