"""C4 from WET files: what each mode puts into its stages, what must be there, and the original's own figures."""

import gzip
import hashlib
import json
import struct
from pathlib import Path

import pytest

from filters.c4_urls import intended_keys, published_keys
from pipeline import c4_chain, cli, session
from pipeline.c4_chain import (
    chain_models,
    chain_settings,
    check_c4,
    english_filters,
    line_filters,
    line_rounds,
    page_rounds,
)
from pipeline.c4_counters import c4_counters
from pipeline.conductor import Conductor
from pipeline.corpora.registry import chains
from pipeline.dedup import ExactRounds
from pipeline.engine import Engine
from pipeline.errors import SettingError
from pipeline.group_stages import group_rounds, group_settings
from pipeline.ledger import read_ledger
from pipeline.models import LANGUAGE
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.storage import Folder, read_batches

STAGES = ("clean", "pages", "lines", "dedup", "english")


def recipe_of(root="dumps", model="lid.bin", weights=None, inputs=None, **settings):
    return Recipe.model_validate(
        {
            "name": "c4",
            "inputs": {"root": str(root), **(inputs or {})},
            "c4": {"form": "wet"} | settings,
            "language": {"model": str(model)},
            "mixture": {"weights": weights or {"c4": 1.0}},
        }
    )


def run_of(folder, **settings):
    return Run(recipe_of(**settings), Folder(str(folder)))


def names(filters):
    return [rule.name for rule in filters]


@pytest.mark.parametrize(
    "settings, chain",
    [
        ({"form": "published"}, ("clean", "dedup", "tokenize")),
        ({}, ("clean", "pages", "lines", "dedup", "tokenize")),
        ({"mode": "faithful"}, (*STAGES, "tokenize")),
    ],
)
def test_form_and_mode_say_which_stages_there_are(settings, chain):
    assert chains(recipe_of(**settings))["c4"] == chain


def test_pages_are_judged_before_a_line_finds_its_owner(tmp_path):
    (tmp_path / "words.txt").write_text("bad\n")
    run = run_of(tmp_path, bad_words=str(tmp_path / "words.txt"))
    english = ["identify_language", "language_is", "c4_bad_words", "c4_split"]
    assert names(line_filters(run)) == ["c4_lines", *english]
    rules, *_, words, _ = line_filters(run)
    assert (rules.strip_again, rules.curly_quotes, words.blank_is_a_word) == (True, True, False)
    rounds = line_rounds(run.recipe)
    assert (rounds.decisions, rounds.recounts, rounds.curly_quotes) == (4, False, True)
    assert page_rounds(run.recipe).keys is intended_keys


def test_faithful_rules_are_those_of_the_original_in_its_order(tmp_path):
    (tmp_path / "words.txt").write_text("bad\n")
    run = run_of(tmp_path, mode="faithful", bad_words=str(tmp_path / "words.txt"))
    (rules,) = line_filters(run)
    assert (rules.strip_again, rules.curly_quotes) == (False, False)
    assert names(english_filters(run)) == ["c4_langdetect", "c4_bad_words", "c4_split"]
    assert english_filters(run)[1].blank_is_a_word
    rounds = line_rounds(run.recipe)
    assert (rounds.decisions, rounds.recounts, rounds.curly_quotes) == (0, True, False)
    assert page_rounds(run.recipe).keys is published_keys


def test_a_verdict_follows_from_the_settings_of_c4_where_it_is_made(tmp_path):
    run = run_of(tmp_path)
    assert group_rounds(run, "pages", "c4") == page_rounds(run.recipe)
    assert group_rounds(run, "dedup", "c4") == line_rounds(run.recipe)
    assert group_settings(run, "dedup", "c4")[-4:] == chain_settings(run)
    published = run_of(tmp_path, form="published")
    assert isinstance(group_rounds(published, "dedup", "c4"), ExactRounds)


@pytest.mark.parametrize(
    "settings, asked",
    [
        ({}, (LANGUAGE,)),
        ({"mode": "faithful"}, ()),
        ({"language_detector": "langdetect"}, ()),
        ({"form": "published"}, ()),
    ],
)
def test_the_language_model_is_asked_where_langdetect_is_not(settings, asked):
    recipe = recipe_of(model="", **settings)
    assert chain_models(recipe) == asked
    assert LANGUAGE.is_trained(recipe) == bool(asked)


def test_stages_follow_from_what_the_files_hold_and_not_from_their_names(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("bad\n")
    (tmp_path / "other.txt").write_text("worse\n")
    settings = [chain_settings(run_of(tmp_path, bad_words=str(tmp_path / name))) for name in ("words.txt", "other.txt")]
    assert settings[0][-1] != settings[1][-1]
    assert chain_settings(run_of(tmp_path))[-1] == ["", ""]


def test_a_folder_of_tables_counts_with_all_its_files(tmp_path):
    first = chain_settings(run_of(tmp_path, sentence_model=str(tmp_path)))
    (tmp_path / "abbrev_types.txt").write_text("dr\n")
    assert chain_settings(run_of(tmp_path, sentence_model=str(tmp_path))) != first


@pytest.mark.parametrize("key", ["sentence_model", "bad_words"])
def test_a_file_that_is_not_there_is_said_before_any_work(key):
    with pytest.raises(SettingError, match=f"c4.{key}: there is nothing at nowhere"):
        check_c4(recipe_of(**{key: "nowhere"}), ("lines",))
    check_c4(recipe_of(**{key: "nowhere"}), ("clean",))
    check_c4(recipe_of(**{key: "nowhere"}, form="published"), ("dedup",))
    check_c4(recipe_of(**{key: "nowhere"}, weights={"books": 1.0}), ("dedup",))


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_commands_look_for_the_files_first(tmp_path, capsys, extra):
    write_pages(tmp_path)
    settings = (f'inputs.root="{tmp_path}"', 'inputs.c4=["*.wet.gz"]', 'c4.form="wet"', 'c4.bad_words="nowhere"')
    sets = [
        part for setting in (*settings, "mixture.weights={c4=1.0}", 'language.model="x"') for part in ("--set", setting)
    ]
    arguments = ["lines", "llama1", "--output", str(tmp_path / "out"), *sets, *extra]
    (tmp_path / "x").write_bytes(struct.pack("<ii", 793712314, 12))  # how a fastText model begins
    assert cli._exit_code([word.replace('"x"', f'"{tmp_path}/x"') for word in arguments]) == 2
    assert "error: c4.bad_words: there is nothing at nowhere" in capsys.readouterr().err


def test_a_file_that_is_no_sentence_model_is_said_before_any_work(tmp_path):
    (tmp_path / "model").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(SettingError, match=r"c4.sentence_model: .*model is no Punkt model: it names os.system"):
        check_c4(recipe_of(sentence_model=str(tmp_path / "model")), ("lines",))


@pytest.mark.parametrize(
    "settings, asking",
    [
        ({"mode": "faithful"}, "mode = .faithful"),
        ({"language_detector": "langdetect"}, "language_detector = .langdetect"),
    ],
)
def test_a_library_that_is_not_there_is_said_before_any_work(monkeypatch, settings, asking):
    monkeypatch.setattr(c4_chain, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=rf"c4.{asking}.* install tokenmill\[langdetect\]"):
        check_c4(recipe_of(**settings), ("lines",))
    check_c4(recipe_of(), ("lines",))


class OneProcess:
    """An engine without Beam: one piece after another, here."""

    def run(self, work):
        for index, _ in work.sizes():
            work.do(index)

    def run_exchanges(self, works):
        for work in works:
            keyed = [item for index, _ in work.senders() for item in work.send(index)]
            for turn in range(work.rounds()):
                judged = (work.judge(turn, partition, iter(blocks)) for partition, blocks in grouped(keyed).items())
                keyed = [item for blocks in judged for item in blocks]
            verdicts = grouped(keyed)
            for index in work.receivers():
                work.receive(index, iter(verdicts.get(index, [])))


def grouped(keyed):
    groups = {}
    for key, block in keyed:
        groups.setdefault(key, []).append(block)
    return groups


def record(name, *lines, date="2019-04-20"):
    body = "\r\n".join(lines).encode()
    header = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://{name}\r\nWARC-Date: {date}\r\n"
    return gzip.compress(
        header.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n", mtime=0
    )


SHARED = [
    "This line stands on several pages of ours.",
    "And so does this one, word for word.",
    "The third of them is this.",
]
OWN = [
    "Nobody else has written this down here.",
    "It is only found on this very page.",
    "That makes it a page of its own.",
]
GERMAN = [
    "Diese Zeile steht auf einer deutschen Seite.",
    "Sie hat noch eine zweite Zeile dabei.",
    "Und die dritte folgt hier.",
]
PAGES = {
    "a.wet.gz": {
        "www.shared.com/1": ["Menu", *SHARED],
        "shared.com/1?utm_source=x": ["Home", *SHARED, "It was found a day later again."],
        "quoted.com": [*OWN, "She said that “it was all there.”"],
        "brackets.com": [*OWN, "This page has a { in it here."],
    },
    "b.wet.gz": {"shared.com/3": ["Menu", *SHARED], "deutsch.de": GERMAN, "short.com": ["One sentence is not enough."]},
}


def write_pages(folder):
    for name, pages in PAGES.items():
        held = (
            record(url, *lines, date="2019-04-21" if "utm" in url else "2019-04-20") for url, lines in pages.items()
        )
        (folder / name).write_bytes(b"".join(held))


@pytest.mark.parametrize("mode", ["intended", "faithful"])
def test_wet_files_go_through_all_stages_and_the_ledger_balances(tmp_path, mode):
    pytest.importorskip("langdetect", reason="langdetect is not installed")
    write_pages(tmp_path)
    recipe = recipe_of(tmp_path, inputs={"c4": ("*.wet.gz",)}, mode=mode, language_detector="langdetect")
    run = Run(recipe, Folder(str(tmp_path / "out")))
    Conductor(run, OneProcess(), Reporter()).stages(STAGES)
    last = chains(recipe)["c4"][-2]
    kept = {
        row["url"].removeprefix("http://"): row["text"].split("\n")
        for row in rows_of(run.output, f"documents/{last}/c4")
    }
    shared = [*SHARED, "It was found a day later again."]  # The newer page of one address.
    quoted = PAGES["a.wet.gz"]["quoted.com"]
    assert kept == {"shared.com/1?utm_source=x": shared, "quoted.com": quoted if mode == "intended" else quoted[:3]}
    counters = session._figures(run)["c4_counters"]
    assert counters == c4_counters(read_ledger(run.output), recipe.c4)
    assert counters["duplicate-url-filter"] == {"filtered": 1, "passed": 6}
    assert counters["english-filter"]["filtered:ignored_language-de"] == 1


def of_original(real_data: Path):
    """(address, date) → what became of it, text's SHA-1."""
    found = {}
    with gzip.open(real_data / "expected/c4.jsonl.gz", "rt") as lines:
        for page in map(json.loads, lines):
            verdict = page.get("dropped", page.get("split")).partition("-language")[0].partition("_language-")[0]
            found.setdefault((page["url"], page["timestamp"]), []).append((verdict, page.get("text_sha1")))
    return {page: sorted(verdicts, key=str) for page, verdicts in found.items()}


NAMESPACES = {"c4_lines": "clean-page", "c4_owned_lines": "dedupe-lines", "c4_langdetect": "english-filter"}


def of_ours(output: Folder):
    found = {}
    for row in rows_of(output, "documents/english/c4"):
        sha1 = hashlib.sha1(row["text"].encode()).hexdigest()
        found.setdefault((row["url"], row["date"]), []).append(("train", sha1))
    for row in (row for stage in STAGES for row in rows_of(output, f"rejected/{stage}/c4")):
        if row["filter"] == "drop_repeated_urls":
            verdict = "duplicate-url-filter/filtered"
        elif row["filter"] in NAMESPACES:
            verdict = f"{NAMESPACES[row['filter']]}/filtered:{row['reason']}".partition("_language")[0]
        else:
            continue
        found.setdefault((row["url"], row["date"]), []).append((verdict, None))
    return {page: sorted(verdicts, key=str) for page, verdicts in found.items()}


def rows_of(output: Folder, folder: str):
    for name in output.list(folder):
        for batch in read_batches(output, f"{folder}/{name}"):
            yield from batch.to_pylist()


@pytest.mark.real
@pytest.mark.slow
def test_every_page_and_counter_is_that_of_the_original(real_data, tmp_path):
    pytest.importorskip("langdetect", reason="langdetect is not installed")
    recipe = recipe_of(
        real_data / "commoncrawl",
        inputs={"c4": ("web/*.wet.gz", "docs/*.wet.gz")},
        mode="faithful",
        sentence_model=str(real_data / "models/punkt/english.pickle"),
    )
    run = Run(recipe, Folder(str(tmp_path)))
    Conductor(run, Engine(workers=2), Reporter()).stages(STAGES)
    ours, original = of_ours(run.output), of_original(real_data)
    assert {
        page: (ours.get(page), original.get(page)) for page in ours | original if ours.get(page) != original.get(page)
    } == {}
    counters = json.loads((real_data / "expected/c4-counters.json").read_text())["counters"]
    assert c4_counters(read_ledger(run.output), recipe.c4) == counters
