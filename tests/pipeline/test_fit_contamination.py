"""Evaluation sets become one table of passages, and a report on how much of them can be looked for."""

import gzip
import json

import pytest

from filters.contamination_index import load_index
from pipeline.errors import SettingError
from pipeline.fit_contamination import PASSAGES, fit_contamination, set_of_files
from pipeline.recipe import Recipe

LONG = "the quick brown fox jumps over the lazy dog and then it sleeps for a while"  # 16 words
SHORT = "why do foxes jump over dogs at all"  # 8


@pytest.fixture
def fit(tmp_path):
    """`fit(set=[items], …)`: the report and the index of such sets."""

    def build(settings=None, **sets):
        for name, items in sets.items():
            lines = [item if isinstance(item, str) else json.dumps(item) for item in items]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        named = {name: f"{tmp_path}/{name}.jsonl" for name in sets}
        recipe = Recipe(name="t", decontaminate={"sets": named} | (settings or {}))
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        report = fit_contamination(None, recipe, folder)
        return report, load_index(str(folder / PASSAGES))

    return build


def test_the_report_says_of_each_set_how_much_can_be_looked_for(fit):
    items = [{"q": LONG, "a": "no"}, {"q": SHORT, "a": LONG}, {"q": "too short to say anything"}, "{", {"n": 1}]
    report, index = fit(quiz=items, other=[{"q": SHORT}])
    quiz = report["sets"]["quiz"]
    assert quiz.pop("first_faults")[0].split("quiz.jsonl")[1].startswith("#4: not_json")
    assert quiz == {
        **{"files": 1, "items": 4, "searchable_items": 2, "passages": 2, "ngrams": 5, "template_ngrams": 0},
        **{"not_searchable": {"too_few_words": 2, "only_template": 0}, "number_ngrams": 0, "faults": {"not_json": 1}},
    }
    assert (report["ngram_words"], report["sets"]["other"]["searchable_items"], index.sets) == (
        13,
        1,
        ("quiz", "other"),
    )


@pytest.mark.parametrize("words, searchable", [(7, 0), (8, 1), (12, 1), (13, 1), (14, 1)])
def test_an_item_has_to_have_so_many_words(fit, words, searchable):
    report, index = fit(quiz=[{"q": " ".join(LONG.split()[:words])}])
    assert report["sets"]["quiz"]["searchable_items"] == searchable
    assert len(index.ngrams.keys) == (max(1, words - 12) if searchable else 0)


def test_a_text_that_many_items_have_is_one_passage_of_them_all(fit):
    _, index = fit(quiz=[{"passage": LONG, "q": SHORT.replace("all", f"all {n}")} for n in range(30)])
    rows = index.passages.to_pylist()
    assert rows[0]["items"] == list(range(30))
    assert rows[0]["item"].endswith("quiz.jsonl#1")
    assert [row["field"] for row in rows] == ["passage", *["q"] * 30]
    assert index.template_ngrams == (0,)


def test_an_item_names_a_passage_once_however_often_it_has_it(fit):
    assert fit(quiz=[{"a": LONG, "b": LONG}])[1].passages.column("items").to_pylist() == [[0]]


def test_items_that_say_nothing_but_the_template_are_counted(fit):
    ask = "please answer the following question with yes or no and nothing else at all thank you"
    report, _ = fit(settings={"max_passages": 2}, quiz=[{"q": f"{ask} {end}"} for end in ("a", "b", "c")])
    quiz = report["sets"]["quiz"]
    assert (quiz["template_ngrams"], quiz["ngrams"], quiz["searchable_items"]) == (4, 3, 3)
    report, _ = fit(
        settings={"max_passages": 2, "ngram_words": 16}, quiz=[{"q": f"{ask}"}, {"q": f"{ask}!"}, {"q": f"{ask}?"}]
    )
    assert report["sets"]["quiz"]["not_searchable"] == {"too_few_words": 0, "only_template": 3}


def test_fields_are_read_as_the_recipe_says(fit):
    report, index = fit(settings={"fields": {"quiz": ("q",)}}, quiz=[{"q": SHORT, "passage": LONG}, {"passage": LONG}])
    assert index.passages.column("field").to_pylist() == ["q"]
    assert report["sets"]["quiz"]["faults"] == {"no_such_field": 1}


@pytest.mark.parametrize("room, fits", [(9, True), (8, False)])
def test_there_is_room_for_so_many_ngrams(fit, room, fits):
    items = {"one": [{"q": LONG}, {"q": LONG}], "two": [{"q": LONG}, {"q": SHORT}]}
    if fits:
        fit(settings={"max_ngrams": room}, **items)
    else:
        said = r"decontaminate\.max_ngrams must be above 8 for these sets \(.*two\.jsonl#2 is past it\), got 8"
        with pytest.raises(SettingError, match=said):
            fit(settings={"max_ngrams": room}, **items)


def test_large_sets_are_taken_in_batches_with_the_same_outcome(fit, monkeypatch):
    items = [{"q": f"{LONG} {n}"} for n in range(50)]
    whole, index = fit(quiz=items)
    monkeypatch.setattr("pipeline.fit_contamination._BATCH_ITEMS", 3)
    again, other = fit(quiz=items)
    assert (whole, index.passages) == (again, other.passages)


def test_an_empty_set_is_reported(fit):
    report, index = fit(quiz=[])
    assert (report["sets"]["quiz"]["items"], report["sets"]["quiz"]["searchable_items"], index.sets) == (0, 0, ())


def test_all_files_of_all_sets_are_what_the_index_follows_from(tmp_path):
    for name in ("a.jsonl", "b.jsonl", "c.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"{}"))
    sets = {"one": f"{tmp_path}/?.jsonl", "two": f"{tmp_path}/*b*"}
    assert set_of_files(Recipe(name="t", decontaminate={"sets": sets})) == [f"{tmp_path}/{n}.jsonl" for n in "ab"]
    assert set_of_files(Recipe(name="t")) == []
