from collections import Counter

import pytest
from lxml import html as lxml_html

from pipeline.ledger import LedgerEntry
from pipeline.recipe import Recipe
from pipeline.report import render, write_report
from pipeline.report_figures import Example, Figures
from pipeline.report_scores import Scores
from pipeline.report_thresholds import Thresholds
from pipeline.report_training import Point, Training
from pipeline.storage import Folder
from pipeline.totals import StageTotals
from pipeline.version import VERSION

HOSTILE = '<script>alert("x")</script>\x00\u202e</pre></details>' + "z" * 400
NO_SCORES = Scores(classes={}, deciles={}, pages={}, min_score=None, kept={}, budget_is_met=True)
NOTHING = {
    "stages": [],
    "faults": [],
    "rejected": [],
    "kept": [],
    "quarantined": [],
    "audits": [],
    "contamination": {},
    "models": {},
    "tokenizer": {},
    "stream": {},
}
EMPTY = Figures(**NOTHING, scores=NO_SCORES, thresholds=Thresholds(), training=Training())
RECIPE = Recipe(name="test")
HOSTILE_STEP = {"step": 1.0, "loss": 2.0, HOSTILE: 1.0}
HOSTILE_TRAINING = Training(
    first=HOSTILE_STEP,
    last=HOSTILE_STEP,
    points=[Point(1, 1, 2.0, 2.0, 1, {"loss": (2.0, 1)})],
    evaluations=[{"step": 1, "sources": {HOSTILE: {"bits_per_byte": 1.0}, "books": {"bits_per_byte": 2.0}}}] * 2,
)


def stage(name="clean", source="c4", **figures):
    return StageTotals(source=source, stage=name, **figures)


def example(kind="f:short", **figures):
    values = {
        "source": "c4",
        "stage": "clean",
        "origin": "file#1",
        "title": "A title",
        "excerpt": "Some text.",
        "size": 10,
    }
    return Example(kind=kind, **(values | figures))


def figures(**parts):
    whole = {name: getattr(EMPTY, name) for name in Figures.__dataclass_fields__}
    return Figures(**(whole | parts))


def section(page, key):
    (found,) = lxml_html.document_fromstring(page).xpath(f"//section[h2/@id='{key}']")
    return found


def words(page, key):
    return " ".join(section(page, key).text_content().split())


@pytest.mark.parametrize(
    "key, said",
    [
        ("balance", "The ledger has no entry yet."),
        ("funnel", "No document has been read yet."),
        ("rejected", "No document has been rejected."),
        ("kept", "No document has been kept."),
        ("quarantine", "Nothing has been quarantined."),
        ("models", "No model has been trained yet."),
        ("tokenizer", "No tokenizer has been trained yet."),
        ("near-duplicates", "No near-duplicates have been looked for."),
        ("contamination", "No evaluation sets have been looked for."),
        ("languages", "No language has been identified yet."),
        ("scores", "No page has been scored yet."),
        ("thresholds", "No documents have been selected by their scores yet."),
        ("mixture", "The stream has not been mixed yet."),
        ("training", "No model has been trained on the stream yet."),
    ],
)
def test_a_section_without_figures_says_so(key, said):
    assert said in words(render(EMPTY, RECIPE), key)


def test_every_section_can_be_reached_from_the_top():
    tree = lxml_html.document_fromstring(render(EMPTY, RECIPE))
    links = [link.removeprefix("#") for link in tree.xpath("//nav//a/@href")]
    assert links == tree.xpath("//h2/@id")


def test_no_text_of_a_document_becomes_markup():
    hostile = {"origin": HOSTILE, "title": HOSTILE, "excerpt": HOSTILE}
    page = render(
        figures(
            stages=[stage(source=HOSTILE, documents_in=1, failed=Counter({HOSTILE: 1}), counts=Counter({HOSTILE: 1}))],
            faults=[HOSTILE],
            rejected=[example(kind=HOSTILE, **hostile)],
            kept=[example(kind="kept", **hostile)],
            quarantined=[example(kind=HOSTILE, **hostile)],
            models={HOSTILE: {HOSTILE: HOSTILE}},
            training=HOSTILE_TRAINING,
        ),
        Recipe(name=HOSTILE),
    )
    tree = lxml_html.document_fromstring(page)
    assert tree.xpath("//script") == []
    assert len(tree.xpath("//pre")) == 3
    assert not {"\x00", "\u202e"} & set(page)
    assert tree.xpath("//pre")[0].text_content() == HOSTILE.replace("\x00", "⟨U+0000⟩").replace("\u202e", "⟨U+202E⟩")


def test_the_page_names_nothing_to_fetch():
    page = render(figures(rejected=[example(excerpt="<img src=https://example.org/x.png>")]), RECIPE)
    tree = lxml_html.document_fromstring(page)
    assert tree.xpath("//@src | //link | //script | //iframe | //object") == []
    assert all(link.startswith("#") for link in tree.xpath("//@href"))


def test_the_funnel_tells_what_each_reason_took():
    item = stage(
        documents_in=10, documents_kept=6, documents_failed=1, bytes_in=1000, bytes_kept=500, bytes_failed=90,
        bytes_trimmed=110, rejected=Counter({"f:short": 3}), rejected_bytes=Counter({"f:short": 300}),
        failed=Counter({"not_json": 1}),
        counts=Counter({"f.lines_dropped": 12, "identify_language.language_documents::en": 5}),
    )  # fmt: skip
    rows = section(render(figures(stages=[item]), RECIPE), "funnel").xpath(".//tbody/tr")
    assert [[cell.text_content() for cell in row] for row in rows] == [
        ["clean", "10", "", "1.0 kB", "came in"],
        ["clean", "3", "30.00%", "300 B", "rejected by f:short"],
        ["clean", "1", "10.00%", "", "quarantined: not_json"],
        ["clean", "", "", "110 B", "trimmed away inside documents"],
        ["clean", "12", "", "", "counted: f.lines_dropped"],
        ["clean", "6", "60.00%", "500 B", "kept"],
    ]


def test_the_bars_go_from_what_was_read_to_the_last_documents():
    items = [stage(bytes_in=200, bytes_kept=150), stage("dedup", bytes_kept=50), stage("tokenize", bytes_kept=7)]
    assert section(render(figures(stages=items), RECIPE), "funnel").xpath(".//svg/text/text()") == ["c4", "25%"]


def test_a_ledger_that_balances_is_said_to():
    said = words(render(figures(stages=[stage(documents_in=1, documents_kept=1)]), RECIPE), "balance")
    assert "The ledger balances" in said
    assert "DOES NOT" not in said


def test_a_ledger_that_does_not_balance_names_each_fault():
    said = words(
        render(figures(stages=[stage(documents_in=1)], faults=["clean/c4/a: 1 in, 0 kept"]), RECIPE), "balance"
    )
    assert "The ledger does not balance." in said
    assert "clean/c4/a: 1 in, 0 kept" in said
    assert "DOES NOT BALANCE" in said


def test_examples_are_grouped_by_filter_and_reason():
    shown = [example(), example(origin="file#2"), example(kind="f:long")]
    groups = section(render(figures(rejected=shown), RECIPE), "rejected").xpath(".//details")
    assert [group.xpath("summary/text()") for group in groups] == [["c4 · clean · f:short"], ["c4 · clean · f:long"]]
    assert groups[0].xpath(".//code/text()") == ["file#1", "file#2"]


def test_the_mixture_is_shown_asked_against_got():
    got = {"sequences": 30, "blocks": 20, "epochs": 1.5, "tokens": 300, "readings": {"1": 10, "2": 10}}
    stream = {"sources": {"c4": got, "books": {"sequences": 30, "blocks": 20, "epochs": 1.5, "tokens": 100}}}
    recipe = Recipe.model_validate({"name": "x", "mixture": {"weights": {"c4": 0.7, "books": 0.3}}})
    page = render(figures(stream=stream, stages=[stage("tokenize", tokens=4321)]), recipe)
    rows = section(page, "mixture").xpath(".//tbody/tr")
    assert [[cell.text_content() for cell in row] for row in rows] == [
        ["c4", "70.000%", "75.000%", "30", "20", "300", "1.50", "4,321", "10 blocks once, 10 blocks twice"],
        ["books", "30.000%", "25.000%", "30", "20", "100", "1.50", "0", "–"],
    ]


@pytest.mark.parametrize("stream", [{"sources": 3}, {"sources": {"c4": 1}}, {"sources": {"c4": {"tokens": "many"}}}])
def test_a_stream_record_of_another_shape_counts_as_none(stream):
    assert "The stream has not been mixed yet." in words(render(figures(stream=stream), RECIPE), "mixture")


def test_quarantined_records_are_counted_with_their_reasons():
    shown = figures(stages=[stage(failed=Counter({"not_json": 4}))], quarantined=[example("not_json")])
    found = section(render(shown, RECIPE), "quarantine")
    assert [cell.text_content() for cell in found.xpath(".//tbody/tr/*")] == ["c4 · clean", "4", "not_json"]
    assert found.xpath(".//summary/text()") == ["c4 · clean · not_json"]


def test_the_tiles_sum_over_the_sources():
    items = [stage(documents_in=1500, documents_kept=9), stage("dedup", documents_kept=5, bytes_kept=2_500_000)]
    items += [stage("tokenize", tokens=77), stage("clean", "books", documents_in=500, documents_kept=500, bytes_kept=1)]
    tiles = lxml_html.document_fromstring(render(figures(stages=items), RECIPE)).xpath(
        "//ul[@class='tiles']//strong/text()"
    )
    assert tiles == ["2,000", "505", "2.5 MB", "77"]


def test_the_report_is_written_into_the_output_folder_with_the_same_bytes_each_time(tmp_path):
    output = Folder(str(tmp_path))
    entry = LedgerEntry(stage="clean", source="c4", unit="a", key="k", documents_in=2, documents_kept=2)
    output.write_json(entry.name, entry.to_json())
    written = write_report(output, RECIPE, {"c4": ("clean", "tokenize")})
    first = (tmp_path / "report.html").read_bytes()
    write_report(output, RECIPE, {"c4": ("clean", "tokenize")})
    assert (written.bytes, written.digest) == (output.size("report.html"), output.digest("report.html"))
    assert (tmp_path / "report.html").read_bytes() == first
    assert "c4 · clean" in first.decode()


def test_the_page_says_which_version_made_it():
    assert f"Tokenmill {VERSION}, seed {RECIPE.seed}." in render(EMPTY, RECIPE)
