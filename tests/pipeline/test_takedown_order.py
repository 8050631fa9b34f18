"""Lists of what is to be taken down, and how they stay in force."""

import pytest

from pipeline.errors import SettingError
from pipeline.storage import Folder
from pipeline.takedown_order import LIST, PENDING, TakenDown, check_finished, in_force, put_in_force, read_list


@pytest.mark.parametrize(
    "content, lines",
    [
        ("https://a.example.org/\n", ["https://a.example.org/"]),
        ("  x \r\n\n# why\n\ty\nx\n", ["x", "y"]),
        ("\ufeffx", ["x"]),
        ("c4/a.json.gz#line 3", ["c4/a.json.gz#line 3"]),
    ],
)
def test_lines_are_trimmed_and_named_once(tmp_path, content, lines):
    (tmp_path / "list.txt").write_bytes(content.encode())
    assert read_list(tmp_path / "list.txt") == lines


@pytest.mark.parametrize(
    "content, said",
    [(b"# nothing\n\n", "names no document"), (b"\xff\xfe", "cannot be read"), (None, "cannot be read")],
)
def test_a_list_that_says_nothing_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(SettingError, match=said):
        read_list(tmp_path / "list.txt")


@pytest.mark.parametrize(
    "line, reason", [("0", "taken_down"), ("file#0", "taken_down"), ("u", "taken_down"), ("file#", None), ("U", None)]
)
def test_a_document_with_that_name_is_rejected(documents, line, reason):
    rule = TakenDown(lines=frozenset([line]))
    result = rule.apply(documents("text", url="u"))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})
    assert rule.names("0", "file#0", "u", None) == (reason is not None)


def test_text_and_title_of_what_is_named_are_blanked_before_any_rule(documents):
    (batch,) = TakenDown(lines=frozenset(["1"])).blanked(iter([documents("one", "two", "", title="t")]))
    assert batch.column("text").to_pylist() == ["one", "", ""]
    assert batch.column("title").to_pylist() == ["t", None, "t"]
    assert batch.schema == documents("one").schema


def test_lists_add_up(tmp_path):
    output = Folder(str(tmp_path))
    assert in_force(output).lines == frozenset()
    put_in_force(output, ["b", "a"])
    put_in_force(output, ["c", "a"])
    assert output.read_json(LIST) == {"lines": ["a", "b", "c"]}
    assert in_force(output).lines == {"a", "b", "c"}


def test_a_folder_is_free_unless_a_takedown_is_unfinished(tmp_path):
    output = Folder(str(tmp_path))
    check_finished(output)
    output.write_json(PENDING, {})
    with pytest.raises(SettingError, match="is not finished: run the same `tokenmill takedown` again first"):
        check_finished(output)
