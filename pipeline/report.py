"""The report: one HTML page that says what happened to every document, fetches nothing and trusts no text.

`tokenmill report RECIPE --output DIR` writes it; its bytes follow from the output folder alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from filters.language import is_language_count
from pipeline.mix_summary import said_readings
from pipeline.recipe import Recipe
from pipeline.report_charts import bar_chart
from pipeline.report_contamination import contamination_section
from pipeline.report_figures import Example, Figures, read_figures
from pipeline.report_html import LABEL_BYTES, Html, beginning, document, element, joined, quoted, table
from pipeline.report_languages import languages_section
from pipeline.report_near import near_section
from pipeline.report_scores import scores_section
from pipeline.report_script import SCRIPT
from pipeline.report_style import STYLE
from pipeline.report_thresholds import thresholds_section
from pipeline.report_tokenizer import tokenizer_section
from pipeline.report_training import training_section
from pipeline.stage_names import TOKENIZE
from pipeline.storage import Folder, Output
from pipeline.totals import StageTotals
from pipeline.version import VERSION

NAME = "report.html"
_SECTIONS = (
    ("balance", "Balance"),
    ("funnel", "Funnel"),
    ("rejected", "Rejected"),
    ("kept", "Kept"),
    ("quarantine", "Quarantine"),
    ("near-duplicates", "Near-duplicates"),
    ("contamination", "Evaluation sets"),
    ("languages", "Languages"),
    ("models", "Models"),
    ("tokenizer", "Tokenizer"),
    ("scores", "Reference scores"),
    ("thresholds", "Thresholds"),
    ("mixture", "Mixture"),
    ("training", "Training"),
)


def write_report(output: Folder, recipe: Recipe, chains: Mapping[str, tuple[str, ...]]) -> Output:
    """Writes `report.html` into the output folder. `chains` are the stages of each source."""
    return output.write_text(NAME, render(read_figures(output, chains), recipe))


def render(figures: Figures, recipe: Recipe) -> str:
    """The page."""
    contents = {
        "balance": _balance(figures),
        "funnel": _funnel(figures),
        "rejected": _examples(figures.rejected, "No document has been rejected."),
        "kept": _examples(figures.kept, "No document has been kept."),
        "quarantine": _quarantine(figures),
        "near-duplicates": near_section(figures.audits),
        "contamination": contamination_section(figures.contamination),
        "languages": languages_section(figures.stages),
        "models": _models(figures),
        "tokenizer": tokenizer_section(figures.tokenizer),
        "scores": scores_section(figures.scores),
        "thresholds": thresholds_section(
            figures.thresholds, figures.stages, figures.tokenizer, recipe.reference.bytes_per_token
        ),
        "mixture": _mixture(figures, recipe),
        "training": training_section(figures.training),
    }
    links = element("ul", *(element("li", element("a", name, href=f"#{key}")) for key, name in _SECTIONS))
    sections = [element("section", element("h2", name, id=key), contents[key]) for key, name in _SECTIONS]
    header = element(
        "header",
        element("h1", f"Tokenmill report: {recipe.name}"),
        element("p", f"Tokenmill {VERSION}, seed {recipe.seed}. What happened to every document.", class_="soft"),
        element("nav", links, aria_label="Sections"),
        _tiles(figures),
    )
    body = joined([header, element("main", joined(sections))])
    script = SCRIPT if figures.thresholds.grid else ""
    return document(f"Tokenmill report: {recipe.name}", STYLE, body, script)


def _tiles(figures: Figures) -> Html:
    ends = list(_first_and_last(figures.stages))
    tiles = [
        (f"{sum(first.documents_in for first, _ in ends):,}", "documents read"),
        (f"{sum(last.documents_kept for _, last in ends):,}", "documents kept"),
        (_bytes(sum(last.bytes_kept for _, last in ends)), "of text kept"),
        (f"{sum(item.tokens for item in figures.stages):,}", "tokens"),
    ]
    if figures.training.points:
        first, last = figures.training.first["loss"], figures.training.last["loss"]
        tiles.append((f"{first:.2f} → {last:.2f}", "loss, in nats"))
    return element("ul", *(element("li", element("strong", value), name) for value, name in tiles), class_="tiles")


def _balance(figures: Figures) -> Html:
    """The statement that nothing vanished, source by source and stage by stage."""
    if not figures.stages:
        return _missing("The ledger has no entry yet.")
    if figures.faults:
        faults = element("ul", *(element("li", fault) for fault in figures.faults))
        verdict = joined([element("p", "The ledger does not balance.", class_="bad"), faults])
    else:
        verdict = element(
            "p", "The ledger balances: in = kept + rejected + failed, for each unit, stage and source.", class_="good"
        )
    rows = [
        (
            f"{item.source} · {item.stage}",
            *(f"{value:,}" for value in _documents(item)),
            *(f"{value:,}" for value in _held_bytes(item)),
            "balances" if item.balances else "DOES NOT BALANCE",
        )
        for item in figures.stages
    ]
    documents = ("documents in", "kept", "rejected", "failed")
    headings = ("source · stage", *documents, "bytes in", *documents[1:], "trimmed", "verdict")
    return joined([verdict, table("Documents and bytes of text by source and stage", headings, rows, numbers=9)])


def _documents(item: StageTotals) -> tuple[int, ...]:
    return item.documents_in, item.documents_kept, item.rejected.total(), item.documents_failed


def _held_bytes(item: StageTotals) -> tuple[int, ...]:
    return item.bytes_in, item.bytes_kept, item.rejected_bytes.total(), item.bytes_failed, item.bytes_trimmed


def _funnel(figures: Figures) -> Html:
    """How much of each source is left at its end, and what took the rest."""
    if not figures.stages:
        return _missing("No document has been read yet.")
    ends = list(_first_and_last(figures.stages))
    bars = [(first.source, last.bytes_kept, first.bytes_in) for first, last in ends]
    label = "Bytes of text kept out of bytes read, by source"
    caption = element("figcaption", f"{label}; the rest was rejected, failed or trimmed away.")
    parts = [element("figure", bar_chart(bars, label=label), caption)]
    for source, items in groupby(figures.stages, key=lambda item: item.source):
        rows = [row for place, item in enumerate(items) for row in _losses(item, first=place == 0)]
        headings = ("stage", "documents", "of those in", "bytes", "what happened")
        parts += [element("h3", source), table(f"What each stage did to {source}", headings, rows, numbers=3)]
    return joined(parts)


def _losses(item: StageTotals, *, first: bool) -> Iterable[tuple[str, ...]]:
    """What came in, where it is the source's first stage; what was taken; what is kept and so goes into the next."""
    if first:
        yield item.stage, f"{item.documents_in:,}", "", _bytes(item.bytes_in), "came in"
    for kind, documents in sorted(item.rejected.items()):
        share, size = _share(documents, item.documents_in), _bytes(item.rejected_bytes[kind])
        yield item.stage, f"{documents:,}", share, size, f"rejected by {kind}"
    for reason, documents in sorted(item.failed.items()):
        yield item.stage, f"{documents:,}", _share(documents, item.documents_in), "", f"quarantined: {reason}"
    if item.bytes_trimmed:
        yield item.stage, "", "", _bytes(item.bytes_trimmed), "trimmed away inside documents"
    for name, count in sorted(item.counts.items()):
        if is_language_count(name):  # Hundreds of them: they have a section of their own.
            continue
        yield item.stage, f"{count:,}", "", "", f"counted: {name}"
    kept = _share(item.documents_kept, item.documents_in)
    yield item.stage, f"{item.documents_kept:,}", kept, _bytes(item.bytes_kept), "kept"


def _examples(examples: Sequence[Example], nothing: str) -> Html:
    if not examples:
        return _missing(nothing)
    parts = []
    for (source, stage, kind), shown in groupby(examples, key=lambda item: (item.source, item.stage, item.kind)):
        title = source if kind == "kept" else f"{source} · {stage} · {kind}"
        parts.append(element("details", element("summary", title), *(_example(item) for item in shown)))
    return joined(parts)


def _example(item: Example) -> Html:
    said = element("code", beginning(item.origin, LABEL_BYTES)), f" · {_bytes(item.size)}"
    return quoted(item.title, element("p", *said, class_="soft"), item.excerpt)


def _quarantine(figures: Figures) -> Html:
    rows = [
        (f"{item.source} · {item.stage}", f"{count:,}", reason)
        for item in figures.stages
        for reason, count in sorted(item.failed.items())
    ]
    if not rows:
        return _missing("Nothing has been quarantined.")
    counts = table("Records that could not be read", ("source · stage", "records", "reason"), rows, numbers=1)
    return joined([counts, _examples(figures.quarantined, "No raw bytes were kept.")])


def _models(figures: Figures) -> Html:
    if not figures.models:
        return _missing("No model has been trained yet.")
    headings = ("figure", "value")
    return joined(table(f"Model {name}", headings, list(report.items())) for name, report in figures.models.items())


def _mixture(figures: Figures, recipe: Recipe) -> Html:
    """What the recipe asks for beside what the stream holds."""
    tokens = {item.source: item.tokens for item in figures.stages if item.stage == TOKENIZE}
    sources = _sources_of_stream(figures.stream)
    total = sum(_number(got, "tokens") for got in sources.values())
    rows = []
    asked = recipe.asked_shares
    for source in recipe.sources:
        got = sources.get(source, {})
        share = f"{_number(got, 'tokens') / total:.3%}" if total else "–"
        used = (f"{_number(got, key):,.0f}" if got else "–" for key in ("sequences", "blocks", "tokens"))
        epochs = f"{_number(got, 'epochs'):.2f}" if got else "–"
        readings = got.get("readings")
        read = said_readings(readings) if isinstance(readings, Mapping) else "–"
        rows.append((source, f"{asked[source]:.3%}", share, *used, epochs, f"{tokens.get(source, 0):,}", read))
    headings = (
        "source",
        "asked",
        "got",
        "sequences",
        "blocks",
        "tokens in the stream",
        "epochs",
        "tokens made",
        "read",
    )
    whole = table("The mixture asked for and the mixture in the stream", headings, rows, numbers=7)
    return whole if total else joined([_missing("The stream has not been mixed yet."), whole])


def _sources_of_stream(stream: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    sources = stream.get("sources")
    if not isinstance(sources, Mapping):
        return {}
    return {str(name): value for name, value in sources.items() if isinstance(value, Mapping)}


def _number(values: Mapping[str, object], key: str) -> float:
    value = values.get(key, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _first_and_last(stages: Sequence[StageTotals]) -> Iterable[tuple[StageTotals, StageTotals]]:
    """Where each source's documents come in, and where they leave for the tokens."""
    for _, items in groupby(stages, key=lambda item: item.source):
        held = list(items)
        yield held[0], next((item for item in reversed(held) if item.stage != TOKENIZE), held[-1])


def _missing(text: str) -> Html:
    return element("p", text, class_="soft")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "–"


def _bytes(size: float) -> str:
    if abs(size) < 1000:
        return f"{size:,.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if abs(size) < 1000:
            return f"{size:,.1f} {unit}"
    return f"{size / 1000:,.1f} TB"
