"""The report's section on reference scores: how they are spread over both classes, all pages, and what is kept.

Read from the reports of the fits `train-reference` and `threshold`; a run without them has no such section to fill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report_charts import histogram_chart
from pipeline.report_html import Html, element, joined, table
from pipeline.storage import Folder

_CLASSES = (("pages that Wikipedia cites", "positive"), ("other pages", "negative"))
_PAGES = (
    ("all pages", "scores_of_all_pages"),
    ("pages that pass language and perplexity", "scores_of_pages_to_choose_from"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Counts of pages by score, lowest bin first, under what is counted; and what the threshold keeps."""

    classes: Mapping[str, Sequence[int]]
    deciles: Mapping[str, Sequence[float]]
    pages: Mapping[str, Sequence[int]]
    min_score: float | None
    kept: Mapping[str, float]
    budget_is_met: bool


def read_scores(output: Folder) -> Scores:
    """The spreads that the fits have reported; empty where they have not run."""
    reference = output.read_json("models/reference/report.json") or {}
    threshold = output.read_json("models/threshold/report.json") or {}
    figures = ("expected_documents", "expected_tokens", "available_documents", "available_tokens", "token_budget")
    return Scores(
        classes=_lists(reference, {name: f"{key}_scores" for name, key in _CLASSES}),
        deciles=_lists(reference, {name: f"{key}_deciles" for name, key in _CLASSES}),
        pages=_lists(threshold, dict(_PAGES)),
        min_score=threshold.get("min_score"),
        kept={name: threshold[name] for name in figures if name in threshold},
        budget_is_met=bool(threshold.get("budget_is_met", True)),
    )


def _lists(report: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, list[Any]]:
    return {name: list(report[key]) for name, key in keys.items() if report.get(key)}


def scores_section(scores: Scores) -> Html:
    """The section's content."""
    parts: list[Html] = []
    if scores.classes:
        label = "Reference scores of held-out pages, as shares of each class"
        parts.append(_figure(label, scores.classes, scores.min_score))
    if scores.deciles:
        rows = [(name, *(f"{value:.3f}" for value in values)) for name, values in scores.deciles.items()]
        headings = ("class", *(f"{tenth}0%" for tenth in range(1, 10)))
        parts.append(table("The score below which so many of the held-out pages lie", headings, rows, numbers=9))
    if scores.pages:
        label = "Reference scores of CommonCrawl pages, as shares of each group"
        parts.append(_figure(label, scores.pages, scores.min_score))
    if scores.min_score is not None:
        parts.append(_kept(scores))
    return joined(parts) if parts else element("p", "No page has been scored yet.", class_="soft")


def _figure(label: str, counts: Mapping[str, Sequence[int]], min_score: float | None) -> Html:
    shares = [(name, [count / max(1, sum(held)) for count in held]) for name, held in counts.items()]
    line = "" if min_score is None else f" The line is the threshold, {min_score:.4g}."
    caption = element("figcaption", f"{label}.{line}")
    return element("figure", histogram_chart(shares, label=label, mark=min_score), caption)


def _kept(scores: Scores) -> Html:
    rows = [(name.replace("_", " "), f"{value:,.0f}") for name, value in scores.kept.items()]
    whole = table(f"What scores of at least {scores.min_score:.4g} keep", ("figure", "value"), rows, numbers=1)
    if scores.budget_is_met:
        return whole
    return joined([element("p", "There is less than the token budget: all pages are taken.", class_="bad"), whole])
