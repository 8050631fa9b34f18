"""The report's section on near-duplicates: what each source lost, and where to look at pairs of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.near_audit import FIGURES, PAGE
from pipeline.report_html import Html, element, joined, table
from pipeline.stage_names import NEAR_DEDUP
from pipeline.storage import Folder


def read_audits(output: Folder) -> list[Mapping[str, Any]]:
    """The figures of each source's audit; none where no near-duplicates were looked for."""
    found = (output.read_json(f"{NEAR_DEDUP}/{source}/{FIGURES}") for source in output.list(NEAR_DEDUP))
    return [figures for figures in found if figures is not None]


def near_section(audits: Sequence[Mapping[str, Any]]) -> Html:
    """A row a source, and a link to its page of pairs."""
    if not audits:
        return element("p", "No near-duplicates have been looked for.", class_="soft")
    headings = ("source", "documents", "lost", "of bytes", "clusters", "largest", "precision at least", "goes above")
    links = (
        element(
            "li",
            element("a", f"{figures['source']}: pairs to look at", href=f"{NEAR_DEDUP}/{figures['source']}/{PAGE}"),
        )
        for figures in audits
    )
    rows = [_row(figures) for figures in audits]
    whole = table("Documents that overlap one that stays, by source", headings, rows, numbers=6)
    return joined([whole, element("ul", *links)])


def _row(figures: Mapping[str, Any]) -> tuple[str, ...]:
    clusters = figures["clusters"]
    return (
        str(figures["source"]),
        f"{figures['documents']:,}",
        f"{figures['documents_lost']:,}",
        f"{figures['bytes_lost'] / max(figures['bytes'], 1):.2%}",
        f"{sum(clusters.values()):,}",
        f"{max(map(int, clusters), default=1):,}",
        f"{figures['precision'][0]:.1%}",
        f"{figures['measure']} {figures['max_overlap']:g}",
    )
