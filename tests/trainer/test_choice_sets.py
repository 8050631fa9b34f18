"""Multiple-choice sets: what is an item, what is none, and what stands before a completion."""

import gzip
import json

import pytest

from trainer.choice_sets import PAPER_RULES, Completion, read_sets
from trainer.errors import SettingsError

ITEM = {"query": "Question: What?", "choices": ["this", "that"], "gold": 1}
PAIR = {"context_options": ["Ann met Eve. Ann", "Ann met Eve. Eve"], "continuation": "left.", "gold": 0}


def write(folder, name, rows):
    content = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def items(tmp_path, *rows):
    write(tmp_path, "piqa.jsonl", rows)
    (held,) = read_sets(tmp_path)
    return held.items


@pytest.mark.parametrize(
    "query, context",
    [
        ("Question: What?", "Question: What?\nAnswer:"),
        ("Passage: p.\nQuestion: What?\n\n", "Passage: p.\nQuestion: What?\nAnswer:"),
        ("Question: What?\nAnswer: ", "Question: What?\nAnswer:"),
        ("Bunnies eat ", "Bunnies eat"),
    ],
)
def test_a_question_gets_a_line_for_the_answer_and_a_sentence_is_gone_on_with(tmp_path, query, context):
    (item,) = items(tmp_path, ITEM | {"query": query, "choices": [" grass", "this one\n"]})
    assert item.completions == (Completion(context, "grass"), Completion(context, "this one"))
    assert item.gold == 1


def test_winogrande_has_one_continuation_behind_each_context(tmp_path):
    (item,) = items(tmp_path, PAIR)
    assert item.completions == tuple(Completion(context, "left.") for context in PAIR["context_options"])


@pytest.mark.parametrize(
    "row, reason",
    [
        ("{", "no_json"),
        ("[" * 10_000, "no_json"),
        ("\udcff", "no_json"),
        ([1], "no_object"),
        ({key: ITEM[key] for key in ("query", "gold")}, "no_text"),
        ({key: ITEM[key] for key in ("choices", "gold")}, "no_text"),
        (ITEM | {"choices": ["a", 3]}, "no_text"),
        (PAIR | {"continuation": None}, "no_text"),
        (ITEM | {"choices": ["a", " "]}, "empty_text"),
        (ITEM | {"query": ""}, "empty_text"),
        (ITEM | {"choices": ["a"], "gold": 0}, "no_choice"),
        (ITEM | {"choices": []}, "no_choice"),
        *((ITEM | {"gold": gold}, "gold_is_no_choice") for gold in (2, -1, "1", True, None)),
    ],
)
def test_a_line_that_is_no_item_is_counted_with_its_reason(tmp_path, row, reason):
    content = row if isinstance(row, str) else json.dumps(row)
    (tmp_path / "piqa.jsonl").write_bytes(f"{content}\n{json.dumps(ITEM)}\n".encode("utf-8", "surrogateescape"))
    (held,) = read_sets(tmp_path)
    assert (len(held.items), dict(held.broken)) == (1, {reason: 1})


def test_the_sets_that_are_there_are_read_in_the_papers_order(tmp_path):
    write(tmp_path, "winogrande.jsonl", [PAIR])
    write(tmp_path, "boolq.jsonl.gz", [ITEM] * 3)
    write(tmp_path, "gsm8k.jsonl.gz", ["not a set of the paper"])
    found = {held.name: (held.rule, len(held.items)) for held in read_sets(tmp_path)}
    assert list(found.items()) == [("boolq", ("over_answer", 3)), ("winogrande", ("likelihood", 1))]


def test_the_first_lines_alone_are_read_where_that_is_asked_for(tmp_path):
    write(tmp_path, "piqa.jsonl", [ITEM, "{", ITEM, ITEM])
    (held,) = read_sets(tmp_path, limit=3)
    assert (len(held.items), held.broken["no_json"]) == (2, 1)


@pytest.mark.parametrize(
    "content, said", [(b"", "holds no item: it is empty"), (b"{\n{}\n", "holds no item: no_json 1, no_text 1")]
)
def test_a_set_without_an_item_is_refused(tmp_path, content, said):
    (tmp_path / "siqa.jsonl").write_bytes(content)
    with pytest.raises(SettingsError, match=f"siqa.jsonl {said}"):
        read_sets(tmp_path)


@pytest.mark.parametrize("damage", [b"no gzip", gzip.compress(json.dumps(ITEM).encode() * 99)[:-9]])
def test_a_file_that_is_not_whole_is_refused(tmp_path, damage):
    (tmp_path / "siqa.jsonl.gz").write_bytes(damage)
    with pytest.raises(SettingsError, match=r"siqa.jsonl.gz cannot be read"):
        read_sets(tmp_path)


def test_a_folder_without_any_of_them_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="holds none of boolq, piqa"):
        read_sets(tmp_path)


@pytest.mark.real
def test_no_line_of_the_published_sets_is_broken(real_data):
    sizes = {held.name: len(held.items) for held in read_sets(real_data / "eval") if not held.broken}
    assert sizes == {"boolq": 3270, "piqa": 1838, "siqa": 1954, "winogrande": 1267, "arc_easy": 2376,
                     "arc_challenge": 1172, "openbook_qa": 500}  # fmt: skip
    assert set(PAPER_RULES) - set(sizes) == {"hellaswag"}
