"""The report of a finished run in a real browser: it runs, says what the ledger says, and can be read and steered."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from browser import Page, find_browser, open_browser
from test_report import HOSTILE as HOSTILE_TEXT
from test_report import RECIPE, example, figures, stage
from test_report_thresholds import GRID, STAGES, item

from pipeline.report import render
from pipeline.report_thresholds import Thresholds

HOSTILE = f"</pre></script><script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>{HOSTILE_TEXT}"
INTERACTIVE = "a[href], summary, input, button, [tabindex='0']"


@pytest.fixture(scope="module")
def browser():
    binary = find_browser()
    if binary is None:
        pytest.skip("no Chromium or Chrome is installed")
    with open_browser(binary) as opened:
        yield opened


@pytest.fixture
def opened(browser, small_run):
    """`opened(width=390)`: the small run's report."""
    pages = []

    def open_page(path=small_run.output / "report.html", **options):
        pages.append(Page(browser, Path(path).as_uri(), **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def complaints(page):
    """All that the browser has to complain about, what the page's policy refuses included."""
    console = [said for said in page.said("Runtime.consoleAPICalled") if said["type"] in ("error", "assert", "warning")]
    return [*page.said("Runtime.exceptionThrown"), *page.said("Log.entryAdded"), *console]


def ledger(run, stage="*", source="*"):
    """The ledger's files, read as files."""
    return [json.loads(path.read_text()) for path in sorted(run.output.glob(f"ledger/{stage}/{source}/*.json"))]


def cells(page, selector):
    """The texts of each row of the tables that a selector finds."""
    rows = f"[...document.querySelectorAll({json.dumps(selector + ' tbody tr')})]"
    return page.run(f"{rows}.map(row => [...row.cells].map(cell => cell.textContent))")


def section(name):
    return f"section:has(> h2#{name})"


def test_it_runs_without_a_complaint_and_asks_for_nothing_but_itself(opened, small_run):
    page = opened()
    page.run("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert complaints(page) == []
    asked = {said["request"]["url"] for said in page.said("Network.requestWillBeSent")}
    assert asked == {(small_run.output / "report.html").as_uri()}


def test_the_balance_is_the_ledgers(opened, small_run):
    keys = ("documents_in", "documents_kept", "rejected", "documents_failed", "bytes_in", "bytes_kept")
    sums: dict[str, Counter[str]] = {}
    for entry in ledger(small_run):
        rejected = sum(held["documents"] for held in entry["rejected"].values())
        sums.setdefault(f"{entry['source']} · {entry['stage']}", Counter()).update(
            {key: rejected if key == "rejected" else entry[key] for key in keys}
        )
    shown = cells(opened(), section("balance"))
    assert len(shown) == len({row[0] for row in shown}) > 20
    assert {row[0]: row[1:7] for row in shown} == {row[0]: [f"{sums[row[0]][key]:,}" for key in keys] for row in shown}


def test_the_funnel_is_the_ledgers(opened, small_run):
    """Of each source: what came in, what each reason took, what is kept at each stage."""
    shown = cells(opened(), section("funnel"))
    told = Counter(
        (row[0], row[4], int(row[1].replace(",", ""))) for row in shown if row[1] and "counted" not in row[4]
    )
    entries = [entry for entry in ledger(small_run) if entry["source"] != "models"]
    expected: Counter[tuple[str, str, int]] = Counter()
    for source in {entry["source"] for entry in entries}:
        for name in {entry["stage"] for entry in entries if entry["source"] == source}:
            held = [entry for entry in entries if (entry["source"], entry["stage"]) == (source, name)]
            if name in ("sample", "scores", "sample-tokenizer"):  # They take no document.
                continue
            took: Counter[str] = Counter(kept=sum(entry["documents_kept"] for entry in held))
            for entry in held:
                took.update({f"rejected by {kind}": value["documents"] for kind, value in entry["rejected"].items()})
                took.update({f"quarantined: {reason}": count for reason, count in entry["failed"].items()})
            took.update({"came in": sum(entry["documents_in"] for entry in held)} if name == "clean" else {})
            expected.update((name, what, count) for what, count in took.items())
    assert told == expected
    assert told.total() > 60


def test_the_mixture_asked_for_and_got_is_the_streams(opened, small_run):
    stream = json.loads((small_run.output / "stream/stream.json").read_text())["sources"]
    total = sum(held["tokens"] for held in stream.values())
    shown = {row[0]: row for row in cells(opened(), section("mixture"))}
    assert {name: (row[2], row[5], row[6]) for name, row in shown.items()} == {
        name: (f"{held['tokens'] / total:.3%}", f"{held['tokens']:,}", f"{held['epochs']:.2f}")
        for name, held in stream.items()
    }
    assert shown["commoncrawl"][1] == "67.000%"


def test_the_loss_of_each_source_is_drawn_and_told(opened, small_run):
    lines = [json.loads(line) for line in (small_run.output / "training/evaluation.jsonl").read_text().splitlines()]
    page = opened()
    told = [row for row in cells(page, section("training")) if row[0] in lines[0]["sources"]]
    assert [row[:3] for row in told] == [
        [name, *(f"{line['sources'][name]['bits_per_byte']:.4f}" for line in (lines[0], lines[-1]))]
        for name in sorted(lines[0]["sources"])
    ]
    drawn = page.run(
        f"document.querySelectorAll('{section('training')} svg[aria-label*=\"by source\"] polyline').length"
    )
    assert drawn == len(told) * (len(lines) > 1)


def at(page):
    """(documents, tokens) that the explorer shows of CommonCrawl."""
    row = next(row for row in cells(page, "#explorer") if row[0] == "commoncrawl")
    return row[2], row[4]


def scored(run):
    """The documents that select has judged, with their scores and sizes."""
    names = ["language", "language_score", "perplexity", "reference_score", "text"]
    files = sorted(run.output.glob("documents/reference/commoncrawl/*.parquet"))
    return [row for file in files for row in pq.read_table(file, columns=names).to_pylist()]


def passing(rows, language=0.5, perplexity=float("inf"), reference=0.25):
    return [
        row
        for row in rows
        if row["language"] == "en"
        and row["language_score"] >= language
        and (row["perplexity"] or float("inf")) < perplexity
        and row["reference_score"] >= reference
    ]


def test_a_slider_moves_by_arrow_keys_and_shows_what_its_cut_would_keep(opened, small_run):
    page, rows = opened(), scored(small_run)
    cut = json.loads((small_run.output / "models/perplexity/cutoffs.json").read_text())["middle"]
    kept = sum(entry["documents_kept"] for entry in ledger(small_run, "select", "commoncrawl"))
    assert at(page)[0] == f"{kept:,}" == f"{len(passing(rows, perplexity=cut)):,}"
    page.run("document.getElementById('cut-2').focus()")
    page.press(*["ArrowRight"] * 16)
    assert page.run("document.activeElement.getAttribute('aria-valuetext')") == "0.75"
    found = passing(rows, perplexity=cut, reference=0.75)
    rate = json.loads((small_run.output / "models/tokenizer/report.json").read_text())["sources"]["commoncrawl"]
    tokens = sum(len(row["text"].encode()) for row in found) / rate["bytes_per_token"]
    assert at(page) == (f"{len(found):,}", f"{tokens:,.0f}")
    assert len(found) < kept
    told = "--set reference.min_score=0.75 \\\n--set reference.token_budget=0"
    assert page.run("document.querySelector('#explorer code').textContent") == told
    page.run("document.getElementById('cut-1').focus()")
    page.press(*["ArrowRight"] * 30)
    assert page.run("document.activeElement.getAttribute('aria-valuetext')") == "any"
    assert at(page)[0] == f"{len(passing(rows, reference=0.75, perplexity=1e99)):,}"
    page.press("Tab", "Tab", " ")  # The next slider, the button.
    page.run("new Promise(done => setTimeout(done))")
    assert at(page)[0] == f"{kept:,}"
    assert complaints(page) == []


def test_a_slider_shows_the_documents_at_its_border(opened):
    page = opened()
    shown = "[...document.querySelectorAll('#explorer [data-criterion=\"2\"]:not([hidden])')]"
    page.run("document.querySelectorAll('#explorer details').forEach(part => part.open = true)")
    page.run("document.getElementById('cut-2').focus()")
    for score in ("0.25", "0.2812", "0.3125"):
        assert page.run("document.activeElement.getAttribute('aria-valuetext')") == score
        (told,) = page.run(f"{shown}.map(group => group.innerText)")
        verdicts = [line.split(" · ")[:2] for line in told.splitlines() if " · reference score " in line]
        assert {"stays", "goes"} >= {verdict for verdict, _ in verdicts} != set()
        for verdict, said in verdicts:
            assert (float(said.split()[-1]) >= float(score) - 1e-4) == (verdict == "stays")
        page.press("ArrowRight")


def test_without_a_script_the_runs_own_thresholds_are_told(opened, small_run):
    page = opened(script=False)
    kept = sum(entry["documents_kept"] for entry in ledger(small_run, "select", "commoncrawl"))
    assert at(page)[0] == f"{kept:,}"
    seen = page.run("document.getElementById('explorer').innerText")
    assert "which this browser does not run" in seen
    assert "Back to the run's thresholds" not in seen


def test_all_that_can_be_used_is_reached_by_tab_and_shows_its_focus(opened):
    page = opened()
    page.run(f"window.wanted = new Set([...document.querySelectorAll({json.dumps(INTERACTIVE)})])")
    wanted = page.run("wanted.size")
    seen = """(() => {
        const one = document.activeElement, style = getComputedStyle(one);
        wanted.delete(one);
        return [one.tagName, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1];
    })()"""
    reached = []
    for _ in range(wanted + 200):
        page.press("Tab")
        reached.append(page.run(seen))
        if not page.run("wanted.size"):
            break
    assert page.run("[...wanted].map(one => one.outerHTML.slice(0, 90))") == []
    assert [tag for tag, has_focus in reached if not has_focus and tag != "BODY"] == []
    assert {"A", "SUMMARY", "INPUT", "BUTTON", "DIV"} <= {tag for tag, _ in reached}


def test_assistive_technology_is_told_what_is_where(opened):
    page = opened()
    nodes = page.accessible()
    roles = Counter(node["role"] for node in nodes)
    assert page.run("[document.documentElement.lang, document.title]") == ["en", "Tokenmill report: demo"]
    assert [roles[role] for role in ("main", "navigation", "banner", "form")] == [1, 1, 1, 1]
    levels = [node["level"] for node in nodes if node["role"] == "heading"]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for role in ("image", "table", "region", "slider", "button", "navigation", "form", "link"):
        assert roles[role] > 0, role
        assert [node for node in nodes if node["role"] == role and not node.get("name")] == []
    sliders = [node["name"] for node in nodes if node["role"] == "slider"]
    assert sliders == ["Language score of at least", "Perplexity below", "Reference score of at least"]
    # What is said of a slider is this attribute; the protocol tells the bare number.
    told = page.run("[...document.querySelectorAll('input')].map(slider => slider.getAttribute('aria-valuetext'))")
    assert (told[0], float(told[1]) > 1, told[2]) == ("0.5", True, "0.25")
    assert roles["rowheader"] > roles["table"] and roles["columnheader"] > roles["table"]
    heads = """[...document.querySelectorAll("table")].map(
        whole => [whole.caption !== null, [...whole.querySelectorAll("th")].map(head => head.scope)])"""
    assert all(has_caption and set(scopes) == {"col", "row"} for has_caption, scopes in page.run(heads))


@pytest.mark.parametrize("dark", [False, True])
def test_it_follows_the_colour_scheme_with_contrast_enough(opened, dark):
    page = opened(dark=dark)
    found = page.run("""[...document.querySelectorAll(".soft, .good, a, h2, caption, td")].slice(0, 200).map(one => {
        let around = one;
        while (getComputedStyle(around).backgroundColor === "rgba(0, 0, 0, 0)") around = around.parentElement;
        return [getComputedStyle(one).color, getComputedStyle(around).backgroundColor];
    })""")
    luminances = {pair: tuple(map(luminance, pair)) for pair in map(tuple, found)}
    assert all((ink > paper) == dark for ink, paper in luminances.values())
    assert min((max(pair) + 0.05) / (min(pair) + 0.05) for pair in luminances.values()) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(colour):
    """Relative luminance of `rgb(…)`, as WCAG defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_a_telephone_it_does_not_scroll_sideways(opened):
    page = opened(width=390)
    page.run("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]


def test_hostile_text_stays_text(opened, tmp_path):
    shown = {"origin": HOSTILE, "title": HOSTILE, "excerpt": HOSTILE}
    border = Thresholds(grid=GRID, border=[item(**shown), item(stays=False, **shown)])
    found = figures(
        stages=[*STAGES, stage(source=HOSTILE, documents_in=1)], rejected=[example(**shown)], thresholds=border
    )
    (tmp_path / "report.html").write_text(render(found, RECIPE))
    page = opened(tmp_path / "report.html")
    page.run("document.getElementById('cut-2').focus()")
    page.press("ArrowLeft", "ArrowRight")
    assert page.run("[window.hostile === undefined, document.scripts.length, document.images.length]") == [True, 1, 0]
    told = page.run("[...document.querySelectorAll('#explorer pre')].map(part => part.textContent)")
    assert told == [HOSTILE.replace("\x00", "⟨U+0000⟩").replace("\u202e", "⟨U+202E⟩")] * 2
    assert complaints(page) == []
