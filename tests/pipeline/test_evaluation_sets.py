"""Evaluation sets are read line by line; what cannot be read is a reason, and never the end of a run."""

import bz2
import gzip
import json

import fsspec
import pyarrow as pa
import pytest

from pipeline.errors import SettingError
from pipeline.evaluation_sets import MAX_DEPTH, MAX_LINE_BYTES, SHOWN_FAULTS, Faults, check_sets, read_items, set_files
from pipeline.recipe import Recipe

ITEMS = [{"question": "Who?", "choices": ["me", "you"], "answer": 1}, {"question": "Why?", "meta": {"note": "so"}}]
PLAIN = "".join(json.dumps(item) + "\n" for item in ITEMS).encode()


def read(path, fields=()):
    faults = Faults()
    items = list(read_items([str(path)], fields, faults))
    return [[text for _, text in item.passages] for item in items], faults


def written(tmp_path, content, name="set.jsonl"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize(
    "name, packed",
    [
        ("set.jsonl", PLAIN),
        ("set.jsonl", PLAIN.rstrip()),
        ("set.jsonl", b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n\n")),
        ("set.jsonl.gz", gzip.compress(PLAIN)),
        ("set.jsonl.gz", gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:])),
        ("set.json.zst", pa.compress(PLAIN, "zstd", asbytes=True)),
        ("set.jsonl.bz2", bz2.compress(PLAIN)),
    ],
)
def test_a_set_is_read_plain_or_compressed(tmp_path, name, packed):
    texts, faults = read(written(tmp_path, packed, name))
    assert texts == [["Who?", "me", "you"], ["Why?", "so"]]
    assert not faults.counts


@pytest.mark.parametrize(
    "fields, texts",
    [
        (("question",), [["Who?"], ["Why?"]]),
        (("choices", "question"), [["me", "you", "Who?"], ["Why?"]]),
        (("meta.note", "question"), [["Who?"], ["so", "Why?"]]),
    ],
)
def test_named_fields_are_read_alone_in_their_order(tmp_path, fields, texts):
    assert read(written(tmp_path, PLAIN), fields)[0] == texts


def test_strings_are_found_below_lists_and_under_names_with_dots(tmp_path):
    line = json.dumps({"turns": [{"say": "a"}, {"say": ["b", "c"]}, "x"], "a.b": "d", "n": {"m": [["e"]]}})
    path = written(tmp_path, line.encode())
    faults = Faults()
    (item,) = read_items([str(path)], (), faults)
    names = ("turns.say", "turns.say", "turns.say", "turns", "a.b", "n.m")
    assert item.passages == list(zip(names, "abcxde", strict=True))
    assert item.origin == f"{path}#1"
    assert read(path, ("turns.say", "a.b"))[0] == [["a", "b", "c", "d"]]


@pytest.mark.parametrize(
    "line, reason",
    [
        (b"{broken", "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
        (b"[" * 200_000 + b"]" * 200_000, "not_json"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b'["a"]', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"other": "a"}', "no_such_field"),
        (b'{"question": 3}', "no_such_field"),
        (b'{"question": "' + b"x" * MAX_LINE_BYTES + b'"}', "line_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value[:12]),
)
def test_a_broken_line_is_a_reason_and_costs_itself_alone(tmp_path, line, reason):
    path = written(tmp_path, b'{"question": "before"}\n' + line + b'\n{"question": "behind"}\n')
    texts, faults = read(path, ("question",))
    assert (texts, dict(faults.counts)) == ([["before"], ["behind"]], {reason: 1})
    assert faults.shown[0].startswith(f"{path}#2: {reason}")
    assert len(faults.shown[0]) < 400 + len(str(path))


def test_a_line_of_64_megabytes_is_passed_over_without_being_held(tmp_path):
    import tracemalloc

    path = written(tmp_path, b'{"a": "' + b"x" * (64 << 20) + b'"}\n' + PLAIN)
    tracemalloc.start()
    texts, faults = read(path)
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_LINE_BYTES
    tracemalloc.stop()
    assert (len(texts), dict(faults.counts)) == (2, {"line_too_long": 1})


@pytest.mark.parametrize("size, is_read", [(MAX_LINE_BYTES, True), (MAX_LINE_BYTES + 1, False)])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_may_be_so_long_and_no_longer(tmp_path, size, is_read, end):
    line = b'{"a": "' + b"x" * (size - 9) + b'"}'
    assert len(line) == size
    assert bool(read(written(tmp_path, line + end))[0]) == is_read


def test_a_file_that_breaks_off_gives_what_came_before(tmp_path):
    many = PLAIN * 20_000
    path = written(tmp_path, gzip.compress(many, 1)[:-2000], "set.jsonl.gz")
    texts, faults = read(path)
    assert 0 < len(texts) < 40_000
    assert faults.counts["unreadable_file"] == 1


def test_a_file_that_is_not_what_its_name_says_is_a_reason(tmp_path):
    texts, faults = read(written(tmp_path, PLAIN, "set.jsonl.gz"))
    assert (texts, dict(faults.counts)) == ([], {"unreadable_file": 1})
    assert read(tmp_path / "missing.jsonl")[1].counts == {"unreadable_file": 1}


def test_a_few_faults_are_shown_and_all_are_counted(tmp_path):
    _, faults = read(written(tmp_path, b"{\n" * 20))
    assert (faults.counts["not_json"], len(faults.shown)) == (20, SHOWN_FAULTS)


@pytest.mark.parametrize("depth, found", [(MAX_DEPTH, [["deep"]]), (MAX_DEPTH + 1, [[]])])
def test_strings_are_looked_for_so_deep(tmp_path, depth, found):
    assert read(written(tmp_path, b'{"a": ' * depth + b'"deep"' + b"}" * depth))[0] == found


def test_half_of_a_surrogate_pair_is_no_text(tmp_path):
    assert read(written(tmp_path, b'{"a": "x\\ud800y"}'))[0] == [["x?y"]]


def test_files_are_found_by_path_and_pattern_and_named_as_the_recipe_names_them(tmp_path, monkeypatch):
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl", "other.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert set_files("*.jsonl") == ["a.jsonl", "b.jsonl"]
    assert set_files("./**/*.jsonl") == ["./a.jsonl", "./b.jsonl", "./deep/c.jsonl"]
    assert set_files("deep/c.jsonl") == ["deep/c.jsonl"]
    assert set_files(f"{tmp_path}/d*/?.jsonl") == [f"{tmp_path}/deep/c.jsonl"]
    assert set_files("nothing/*.jsonl") == []


def test_sets_lie_on_any_file_system():
    with fsspec.open("memory://evals-of-a-test/quiz.jsonl.gz", "wb", compression="gzip") as stream:
        stream.write(PLAIN)
    files = set_files("memory://evals-of-a-test/*.jsonl.gz")
    assert files == ["memory://evals-of-a-test/quiz.jsonl.gz"]
    assert read(files[0])[0][0] == ["Who?", "me", "you"]


def test_a_set_without_a_file_is_a_wrong_setting(tmp_path):
    written(tmp_path, PLAIN)
    sets = {"here": f"{tmp_path}/*.jsonl", "gone": f"{tmp_path}/gone*.jsonl"}
    with pytest.raises(SettingError, match=r"decontaminate\.sets\.gone: no file matches .*/gone\*\.jsonl"):
        check_sets(Recipe(name="t", decontaminate={"sets": sets}))
    check_sets(Recipe(name="t", decontaminate={"sets": {"here": sets["here"]}}))
    check_sets(Recipe(name="t"))
