"""Stage `threshold`: from which reference score on pages are kept, by value or by a budget of tokens.

It reads what stage `scores` counted, never a page. The same counts and recipe give the same bytes and the same report.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.recipe import Recipe
from pipeline.score_counts import BINS, BYTES, COARSE_BINS, CRAWLED, PAGES, Counts, histogram

ReadCounts = Callable[[str], Mapping[str, int]]
"""`read(source)`: what the stage counted of all the source's units."""


def fit_threshold(read: ReadCounts, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """`threshold.json`: the recipe's score, or the highest whose pages hold the recipe's budget of tokens.

    What is kept is that which passes language and perplexity as well. Tokens are bytes over `bytes_per_token`. Where
    all pages together hold fewer than the budget, all are taken and the report says so.
    """
    counts, settings = read("commoncrawl"), recipe.reference
    pages, sizes = histogram(counts, PAGES), histogram(counts, BYTES)
    tokens = np.cumsum(sizes[::-1])[::-1] / settings.bytes_per_token  # Of the pages in this bin and above it.
    if settings.token_budget:
        enough = np.flatnonzero(tokens >= settings.token_budget)
        lowest = int(enough[-1]) if len(enough) else 0
        min_score = lowest / BINS
    else:
        min_score = settings.min_score
        lowest = min(int(min_score * BINS), BINS - 1)
    chosen = {
        "min_score": min_score,
        "from": "token_budget" if settings.token_budget else "recipe",
        "token_budget": settings.token_budget,
        "expected_tokens": round(float(tokens[lowest])),
        "expected_documents": int(pages[lowest:].sum()),
    }
    (folder / "threshold.json").write_text(json.dumps(chosen, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return chosen | {
        "available_tokens": round(float(tokens[0])),
        "available_documents": int(pages.sum()),
        "budget_is_met": bool(tokens[0] >= settings.token_budget),
        "scores_of_all_pages": histogram(counts, CRAWLED).tolist(),
        "scores_of_pages_to_choose_from": _coarse(pages).tolist(),
    }


def read_threshold(path: Path) -> float:
    """The lowest score that is kept, of a `threshold.json`."""
    return float(json.loads(path.read_text(encoding="utf-8"))["min_score"])


def _coarse(fine: Counts) -> Counts:
    coarse: Counts = fine.reshape(COARSE_BINS, -1).sum(axis=1)
    return coarse
