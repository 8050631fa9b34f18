"""The report's section on the tokenizer, and its summary in lines: what it makes of which text, and what it is like."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report_html import Html, element, joined, table
from pipeline.storage import Folder

Report = Mapping[str, Any]


def read_tokenizer(output: Folder) -> Report:
    """The tokenizer's report; empty where none has been trained."""
    return output.read_json("models/tokenizer/report.json") or {}


def tokenizer_lines(report: Report) -> Iterator[str]:
    """The report in a few lines."""
    if "pieces" not in report:
        return
    origin = f"given as {report['given']}" if report.get("given") else "trained"
    pieces, junk = report["pieces"], report["junk"]
    yield (
        f"tokenizer: {report['vocabulary_size']:,} pieces, {origin}: {pieces['longer']:,} longer ones and"
        f" {pieces['characters']:,} characters; {_digits(report)}; {_round_trip(report)}"
    )
    for source, figures in report.get("sources", {}).items():
        yield f"tokenizer: {source}: {_use(figures)}"
    found = ", ".join(f"{held['pieces']:,} {_kind(kind)}" for kind, held in junk.items() if held and held["pieces"])
    yield f"tokenizer: pieces to look at: {found or 'none'}"
    if report.get("without_tokenizer_json"):
        yield f"tokenizer: {report['without_tokenizer_json']}"


def tokenizer_section(report: Report) -> Html:
    """Tables: tokens by source and language, the longest pieces, junk; and what round-trips, in a sentence."""
    if "pieces" not in report:
        return element("p", "No tokenizer has been trained yet.", class_="soft")
    sentence = f"{report['vocabulary_size']:,} pieces. {_digits(report).capitalize()}; {_round_trip(report)}."
    return joined([element("p", sentence), _tokens(report), _longest(report), _junk(report)])


def _tokens(report: Report) -> Html:
    headings = ("source · language", "bytes", "tokens", "bytes a token", "byte fallback", "measured on")
    rows = []
    for source, figures in report["sources"].items():
        rows.append((source, *_figures(figures), _measured_on(figures)))
        if len(figures["languages"]) > 1:
            rows += [(f"{source} · {name}", *_figures(held), "") for name, held in figures["languages"].items()]
    return table("Tokens by source and language", headings, rows, numbers=4)


def _figures(held: Mapping[str, Any]) -> tuple[str, ...]:
    rate = f"{held['byte_fallback_rate']:.3%}"
    return f"{held['bytes']:,}", f"{held['tokens']:,}", f"{held['bytes_per_token']:.3f}", rate


def _longest(report: Report) -> Html:
    rows = [
        (name, str(piece["id"]), "–" if piece["used"] is None else f"{piece['used']:,}", piece["piece"])
        for name, key in (("longest", "longest"), ("longest word", "longest_words"))
        for piece in report["pieces"][key]
    ]
    return table("The longest pieces", ("", "id", "used", "piece"), rows, numbers=2)


def _junk(report: Report) -> Html:
    rows = [
        (_kind(kind), f"{held['pieces']:,}", "  ".join(held["examples"]))
        for kind, held in report["junk"].items()
        if held is not None
    ]
    return table("Pieces that look like junk", ("kind", "pieces", "examples"), rows, numbers=1)


def _use(figures: Mapping[str, Any]) -> str:
    share, size = f"{figures['byte_fallback_rate']:.3%} byte fallback", f"{figures['bytes']:,} bytes"
    return f"{figures['bytes_per_token']:.3f} bytes a token, {share} ({size} of {_measured_on(figures)})"


def _measured_on(figures: Mapping[str, Any]) -> str:
    return {True: "documents held out", False: "its own sample", None: "documents given"}[figures["held_out"]]


def _digits(report: Report) -> str:
    digits = report["digits"]
    return "digits are single" if digits["single"] else f"digits are joined in {digits['joined']:,} pieces"


def _round_trip(report: Report) -> str:
    trip = report["round_trip"]
    lost = trip["code_points_lost"]
    named = ", ".join(trip["first_lost"]) + (", …" if lost > len(trip["first_lost"]) else "")
    points = f"all code points but {lost:,} come back ({named})" if lost else "all code points come back"
    strings = trip["byte_strings"] - trip["byte_strings_lost"]
    return f"{points}, and {strings:,} of {trip['byte_strings']:,} byte strings"


def _kind(kind: str) -> str:
    return kind.replace("_", " ")
