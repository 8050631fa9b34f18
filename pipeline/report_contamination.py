"""The report's section on evaluation sets: how much of each is in the corpus, where, and by which words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report_html import Html, element, joined, table
from pipeline.stage_names import DECONTAMINATE
from pipeline.storage import Folder

FINDINGS = f"{DECONTAMINATE}/report.json"
"""Where the figures lie below the output folder."""
SHOWN = 10
"""N-grams and documents shown of a set; `decontaminate/report.json` has more."""


def sets_in_short(output: Folder) -> dict[str, Mapping[str, Any]]:
    """Of each evaluation set how much is in the corpus, in how many documents of which source; empty where unknown."""
    found = output.read_json(FINDINGS) or {"sets": {}}
    told = ("items", "searchable_items", "items_hit", "contaminated_fraction", "documents")
    return {name: {key: figures[key] for key in told} for name, figures in found["sets"].items()}


def contamination_section(found: Mapping[str, Any]) -> Html:
    """A row a set, then each set's frequent n-grams and documents to look at."""
    if not found.get("sets"):
        return element("p", "No evaluation sets have been looked for.", class_="soft")
    did = "were dropped" if found["action"] == "drop" else "are marked in the column contamination, and stay"
    bound = f"at least {found['min_fraction']:.0%} of the" if found["min_fraction"] else "one of the"
    said = element(
        "p",
        f"Documents that hold {bound} n-grams of {found['ngram_words']} words of an item's text {did}."
        " Shorter texts are matched whole.",
    )
    headings = ("set", "items", "searchable", "items hit", "of searchable", "documents", "broken", "by source")
    rows = [_row(name, figures) for name, figures in found["sets"].items()]
    whole = table("Evaluation sets in the corpus", headings, rows, numbers=6)
    return joined([said, whole, *(part for item in found["sets"].items() for part in _details(*item))])


def _row(name: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    documents = figures["documents"]
    return (
        name,
        *(f"{figures[key]:,}" for key in ("items", "searchable_items", "items_hit")),
        f"{figures['contaminated_fraction']:.2%}",
        f"{sum(documents.values()):,}",
        f"{sum(figures['faults'].values()):,}",
        ", ".join(f"{source} {count:,}" for source, count in documents.items()) or "–",
    )


def _details(name: str, figures: Mapping[str, Any]) -> Iterator[Html]:
    """What of a set there is to look at, folded away."""
    if figures["first_faults"]:
        faults = (element("p", element("code", fault)) for fault in figures["first_faults"])
        yield _folded(f"{name} · could not be read", list(faults))
    frequent: Sequence[Mapping[str, Any]] = figures["most_frequent_ngrams"][:SHOWN]
    if frequent:
        rows = [(held["ngram"], f"{held['documents']:,}") for held in frequent]
        caption = f"N-grams of {name} that the most documents hold"
        yield _folded(f"{name} · n-grams", [table(caption, ("words", "documents"), rows, numbers=1)])
    if figures["examples"]:
        yield _folded(f"{name} · documents", [_example(held) for held in figures["examples"][:SHOWN]])


def _folded(title: str, parts: Sequence[Html]) -> Html:
    return element("details", element("summary", title), *parts)


def _example(held: Mapping[str, Any]) -> Html:
    where = f"{held['item']} · {held['field']} · {held['found']:,} of {held['ngrams']:,} n-grams"
    place = element("p", element("code", held["origin"]), f" from character {held['place']:,} on", class_="soft")
    return element("blockquote", element("p", where), place, element("pre", held["text"], dir="auto"))
