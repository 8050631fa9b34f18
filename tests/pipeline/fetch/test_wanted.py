"""Names from listings are plain paths or refused; so is a name that comes twice."""

import pytest

from pipeline.fetch.wanted import Plan, UnsafeNameError, join_url, known_digest, known_size, safe_name

HOSTILE = [
    "",
    "..",
    "../a",
    "a/../../b",
    "/etc/passwd",
    "a//b",
    "a/",
    "./a",
    ".fetch/a.json",
    "a/.hidden",
    "C:\\a",
    "a\\b",
    "a\nb",
    "a\0b",
    "~root/a",
    "file:///a",
    "http://host/a",
    "a?b",
    "a%2e%2e",
    "café",
    "-rf",
    "x" * 201,
    "a/" * 400 + "a",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_no_plain_path_is_refused(name):
    with pytest.raises(UnsafeNameError):
        safe_name(name)


@pytest.mark.parametrize("name", ["a", "a/b.warc.wet.gz", "CC-MAIN-2019-18/segments/1555.8/wet/x_1.gz", "x" * 200])
def test_a_plain_path_stays_as_it_is(name):
    assert safe_name(name) == name


def test_a_plan_keeps_what_is_safe_and_says_what_is_not():
    plan = Plan("books")
    for name in ("a", "../b", "A", "c\n"):
        plan.add(name, [f"https://host/{name}"], size=1)
    assert [wanted.name for wanted in plan.wanted] == ["a"]
    assert plan.wanted[0].to_json() == {"name": "a", "url": "https://host/a", "bytes": 1}
    assert plan.refused == [
        ("../b", "the name is no plain path below a folder"),
        ("A", "the listing names it twice"),
        ("c\\n", "the name is no plain path below a folder"),
    ]


@pytest.mark.parametrize("base", ["https://host/x", "https://host/x/"])
def test_an_address_is_a_base_and_a_quoted_path(base):
    assert join_url(base, "a/b c?.gz") == "https://host/x/a/b%20c%3F.gz"


@pytest.mark.parametrize("text, size", [("12", 12), (12, 12), (" 7 ", 7), ("-1", None), ("1e9", None), (None, None)])
def test_a_size_is_digits(text, size):
    assert known_size({"size": text}) == size


def test_a_listing_without_a_size_states_none():
    assert known_size({}) is None


@pytest.mark.parametrize("text, digest", [("AB" * 20, "ab" * 20), ("ab", ""), ("xy" * 20, ""), (None, ""), (5, "")])
def test_a_digest_has_its_digits(text, digest):
    assert known_digest({"sha1": text}, "sha1", 40) == digest
