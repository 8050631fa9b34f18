import pytest

from benchmarks import code
from benchmarks.claims import DisagreementError
from benchmarks.code import CodeFile, github, redpajamas_way
from filters.github_redpajama import redpajama_header_removed


def test_both_ways_are_measured_on_the_same_files(inputs):
    figures = github(inputs)
    assert figures.ours > 0 and figures.reference > 0
    assert figures.input_bytes > 10_000
    assert figures.unit == "MB/s"


def test_faithful_rules_that_keep_other_texts_end_the_claim(inputs, monkeypatch):
    monkeypatch.setattr(code, "redpajamas_way", lambda files: ["another"])
    with pytest.raises(DisagreementError, match="faithful mode keeps other texts"):
        github(inputs)


def test_rules_that_lose_most_words_end_the_claim(inputs, monkeypatch):
    monkeypatch.setattr(code, "_MIN_SHARED", 1.1)
    with pytest.raises(DisagreementError, match="at least 110% were expected"):
        github(inputs)


def test_without_code_in_the_dumps_installed_packages_are_read(inputs, monkeypatch):
    monkeypatch.setattr(type(inputs), "archives", lambda *_: [])
    assert github(inputs).input_bytes > 10_000


@pytest.mark.parametrize(
    ("path", "content", "kept"),
    [
        ("a.py", "#!/bin/sh\nx = 1\n", ["x = 1\n"]),
        ("a.c", "x\n/* Copyright */y", ["x\ny"]),
        ("a.c", "/* a */\n// Copyright\nx", ["/* a */\n// Copyright\nx"]),
        ("a.crt", "x", []),
        ("LICENSE", "x", []),
        ("a.txt", "x", []),
        ("a.py", "", []),
        ("a.py", "x" * 1001, []),
        ("a.py", "x" * 101, []),
        ("a.py", "----x", []),
    ],
)
def test_redpajamas_way_is_that_of_its_scripts(path, content, kept):
    assert redpajamas_way([CodeFile(path, content)] * 2) == kept
    assert code._header_removed(content) == redpajama_header_removed(content)
