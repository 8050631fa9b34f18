"""The report's section on thresholds: what others than the run's would keep, by sliders, with documents at the border.

Counted in cells of the three scores (`pipeline/score_grid.py`), so that the figures at the run's own thresholds are
those of its ledger. Without a script the section is a table of these.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipeline.report_border import AtBorder, read_border
from pipeline.report_html import LABEL_BYTES, Html, beginning, element, joined, quoted, table
from pipeline.score_grid import CRITERIA, JUDGES, Cuts, ScoreGrid, read_grid
from pipeline.stage_names import SELECT
from pipeline.storage import Folder
from pipeline.totals import StageTotals

SOURCE = "commoncrawl"
"""The one source whose documents are scored."""

_LABELS = ("Language score of at least", "Perplexity below", "Reference score of at least")
_ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The grid of scores, where stage `select` has counted one, and documents at its borders."""

    grid: ScoreGrid | None = None
    border: Sequence[AtBorder] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What the run keeps of a source, and what the thresholds shown do."""

    source: str
    documents: int
    shown_documents: int
    tokens: float
    shown_tokens: float

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        tokens, shown = (int(number + 0.5) for number in (self.tokens, self.shown_tokens))
        change = shown / tokens - 1 if tokens else 0.0
        counts = (self.documents, self.shown_documents, tokens, shown)
        return self.source, *(f"{count:,}" for count in counts), f"{change:+.1%}"


def read_thresholds(output: Folder) -> Thresholds:
    """What stage `select` has counted below an output folder."""
    grid = read_grid(output, SOURCE)
    if grid is None:
        return Thresholds()
    return Thresholds(grid=grid, border=read_border(output, f"documents/reference/{SOURCE}", grid.cuts))


def thresholds_section(
    thresholds: Thresholds, stages: Sequence[StageTotals], tokenizer: Mapping[str, Any], bytes_per_token: float
) -> Html:
    """The section. `bytes_per_token` is of sources that the tokenizer's report does not tell of."""
    grid = thresholds.grid
    if grid is None or all(item.source != SOURCE for item in stages):
        return element("p", "No documents have been selected by their scores yet.", class_="soft")
    rates = _bytes_per_token(stages, tokenizer, bytes_per_token)
    rows = list(_rows(stages, grid, rates))
    others = [row for row in rows if row.source != SOURCE]
    data = {
        "source": SOURCE,
        "row": next(place for place, row in enumerate(rows) if row.source == SOURCE),
        "shape": grid.cuts.shape,
        "cells": grid.occupied(),
        "bytes_per_token": rates[SOURCE],
        "others": {"documents": sum(row.documents for row in others), "tokens": sum(row.tokens for row in others)},
        "names": [_names(grid.cuts, criterion) for criterion in range(len(CRITERIA))],
        "settings": _settings(grid.cuts),
    }
    headings = ("source", "documents, run", "at these cuts", "tokens, run", "at these cuts", "change")
    total = _Row(
        source="all",
        documents=sum(row.documents for row in rows),
        shown_documents=sum(row.shown_documents for row in rows),
        tokens=sum(row.tokens for row in rows),
        shown_tokens=sum(row.shown_tokens for row in rows),
    )
    whole = table(
        "What the run keeps, and what these thresholds keep", headings, [r.cells() for r in (*rows, total)], numbers=5
    )
    parts = [*_said(rates[SOURCE]), _controls(grid.cuts), whole, *_border(grid.cuts, thresholds.border)]
    return element("div", joined(parts), id="explorer", data_grid=json.dumps(data, separators=(",", ":")))


def _said(rate: float) -> Iterator[Html]:
    yield element(
        "p",
        f"What other thresholds would keep of {SOURCE}, counted from the scores of all its documents. Tokens are"
        f" estimated: bytes of text over the bytes a token of the source, {rate:.3f} for {SOURCE}. What later stages"
        " take is not counted, nor what rules on quality do. Other sources have no such scores and stay as they are.",
    )
    said = "The sliders need a script, which this browser does not run: the table shows the run's own thresholds."
    yield element("noscript", element("p", said))


def _controls(cuts: Cuts) -> Html:
    sliders = []
    for place, label in enumerate(_LABELS):
        names, at = _names(cuts, place), cuts.at[place]
        slider = element(
            "input", type="range", id=f"cut-{place}", min=0, max=len(names) - 1, step=1, value=at,
            aria_valuetext=names[at],
        )  # fmt: skip
        value = element("span", names[at], aria_hidden="true")
        sliders.append(element("div", element("label", label, for_=f"cut-{place}"), slider, value, class_="slider"))
    button = element("button", "Back to the run's thresholds", type="reset")
    taken = element("p", "To take these: ", element("code"))
    return element("form", *sliders, button, element("p", role="status"), taken, hidden="", aria_label="Thresholds")


def _names(cuts: Cuts, criterion: int) -> list[str]:
    """What each place of a slider is called."""
    return [f"{edge:.4g}" for edge in cuts.edges[criterion]] + [_ANY] * (criterion == 1)


def _settings(cuts: Cuts) -> list[list[list[str]]]:
    """For each place of each slider what the command line says to take it; nothing at the run's own."""
    language, perplexity, reference = cuts.edges
    below = ("head_cutoff={0!r}", "middle_cutoff={0!r}", """keep='["head"]'""")  # One cut, so the head alone.
    found = [
        [[f"--set language.min_score={edge!r}"] for edge in language],
        [
            *([f"--set perplexity.{setting.format(edge)}" for setting in below] for edge in perplexity),
            ["""--set perplexity.keep='["head","middle","tail"]'"""],
        ],
        [[f"--set reference.min_score={edge!r}", "--set reference.token_budget=0"] for edge in reference],
    ]
    for settings, at in zip(found, cuts.at, strict=True):
        settings[at] = []
    return found


def _bytes_per_token(stages: Sequence[StageTotals], tokenizer: Mapping[str, Any], default: float) -> dict[str, float]:
    measured = tokenizer.get("sources", {})
    sources = {item.source for item in stages} | {SOURCE}
    return {source: measured.get(source, {}).get("bytes_per_token") or default for source in sources}


def _rows(stages: Sequence[StageTotals], grid: ScoreGrid, rates: Mapping[str, float]) -> Iterator[_Row]:
    """A row a source: what it has when its documents leave for the tokens; the scored one, what passes its scores."""
    shown, shown_bytes = grid.kept()
    for source, items in groupby(stages, key=lambda item: item.source):
        held = [item for item in items if item.stage != "tokenize"]
        if not held:
            continue
        last, rate = held[-1], rates[source]
        documents, size = last.documents_kept, last.bytes_kept
        now = documents, size
        if source == SOURCE:
            select = next(item for item in held if item.stage == SELECT)
            gone = [kind for kind in select.rejected if kind.partition(":")[0] in JUDGES]
            documents = select.documents_in - sum(select.rejected[kind] for kind in gone)
            size = select.bytes_in - sum(select.rejected_bytes[kind] for kind in gone)
            now = shown, shown_bytes
        yield _Row(
            source=source, documents=documents, shown_documents=now[0], tokens=size / rate, shown_tokens=now[1] / rate
        )


def _border(cuts: Cuts, border: Sequence[AtBorder]) -> Iterator[Html]:
    """For each criterion the documents around its cut, folded away: a group a place of the slider, one shown."""
    if not border:
        return
    yield element("h3", "Documents at the border")
    yield element(
        "p",
        "Nearest to each cut, of documents that pass the other two at the run's own thresholds.",
        class_="soft",
    )
    for criterion, held in groupby(border, key=lambda item: item.criterion):
        groups = []
        for cut, items in groupby(held, key=lambda item: item.cut):
            place = {"data_criterion": str(criterion), "data_cut": f"{criterion}-{cut}"}
            hidden = {} if cut == cuts.at[criterion] else {"hidden": ""}
            groups.append(element("div", *map(_document, items), **place, **hidden))
        summary = element("summary", f"{CRITERIA[criterion].capitalize()}: the last to stay and the first to go")
        yield element("details", summary, *groups)


def _document(item: AtBorder) -> Html:
    verdict = "stays" if item.stays else "goes"
    score = f"{item.score:.4f}" if item.criterion != 1 else f"{item.score:,.1f}"
    place = element(
        "p",
        element("strong", verdict, class_="good" if item.stays else "bad"),
        f" · {CRITERIA[item.criterion]} {score} · ",
        element("code", beginning(item.origin, LABEL_BYTES)),
        class_="soft",
    )
    return quoted(item.title, place, item.excerpt)
