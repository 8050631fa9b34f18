"""Tests of filters/tex_groups.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import tex_groups
from filters.tex_groups import Groups, group_end, option_end


@pytest.mark.parametrize(
    "text, end",
    [("{}", 2), ("{a{b}c}d", 7), (r"{\}}", 4), ("{", -1), ("{{}", -1), (r"{\\}", 4), ("{" * 9 + "}" * 9, 18)],
)
def test_group_ends_at_its_own_brace(text, end):
    assert group_end(text, 0, len(text)) == end


def test_group_must_end_before_the_limit():
    assert (group_end("{abc}", 0, 5), group_end("{abc}", 0, 4)) == (5, -1)


@pytest.mark.parametrize("text, end", [("[a]", 3), ("[{]}]", 5), (r"[\]]", 4), ("[", -1), ("[}]", -1)])
def test_option_ends_at_its_bracket(text, end):
    assert option_end(text, 0, len(text)) == end


@given(
    st.recursive(st.just(""), lambda inner: st.lists(inner, max_size=4).map(lambda parts: "{" + "a".join(parts) + "}"))
)
def test_every_balanced_group_ends_at_its_last_brace(group):
    if group:
        assert group_end(group + "}{", 0, len(group) + 2) == len(group)


def test_ten_thousand_nested_groups_end():
    assert group_end("{" * 10_000 + "}" * 10_000, 0, 20_000) == 20_000


@pytest.mark.parametrize(
    "text, ends",
    [
        ("", [0]),
        ("a", [1, 1]),
        ("{a}b", [4, 2, 2, 4, 4]),
        ("{{}}", [4, 3, 2, 3, 4]),
        ("{", [1, 1]),
        ("}a{b}", [5, 5, 5, 4, 4, 5]),
        (r"{\}}", [4, 3, 3, 3, 4]),
        ("{%}\n}", [5, 4, 4, 4, 4, 5]),
    ],
)
def test_each_place_is_in_its_innermost_group(text, ends):
    groups = Groups(text, scopes=False)
    assert [groups.end_of(position) for position in range(len(text) + 1)] == ends


@pytest.mark.parametrize(
    "text, inside",
    [("ab{c}d", [0, 0, 0, 1, 1, 0, 0]), ("{", [0, 1]), (r"\{a\}", [0, 0, 0, 0, 0, 0])],
)
def test_a_place_is_inside_after_the_opening_and_before_the_end(text, inside):
    groups = Groups(text, scopes=False)
    assert [groups.is_inside(position) for position in range(len(text) + 1)] == [bool(flag) for flag in inside]


@pytest.mark.parametrize(
    "text",
    [
        r"\begin{a} x \end{a}",
        r"\begin {a*} x \end{a*}",
        r"\begingroup x \endgroup",
        r"{ x }",
        r"\begin{a}\begin{b}\end{c}\end{b} x \end{a}",
    ],
)
def test_scopes_end_where_tex_ends_them(text):
    place = text.index("x")
    ending = max(text.rfind("\\e"), text.rfind("}") if text[0] == "{" else -1)
    assert Groups(text + " x", scopes=True).end_of(place) == ending


def test_environments_are_groups_only_where_scopes_are_asked_for():
    assert not Groups(r"\begin{a} x", scopes=False).is_inside(10)
    assert Groups(r"\begin{a} x", scopes=True).is_inside(10)


def test_the_document_is_no_group():
    assert not Groups(r"\begin{document} x", scopes=True).is_inside(17)


@pytest.mark.parametrize("text", [r"\begin{a}}", r"{\end{a}", r"\begin{a}\end{b}"])
def test_what_does_not_fit_closes_nothing(text):
    assert Groups(text, scopes=True).is_inside(len(text))


@pytest.mark.parametrize("bound, inside", [(3, True), (2, False)])
def test_braces_are_followed_up_to_a_bound(monkeypatch, bound, inside):
    monkeypatch.setattr(tex_groups, "_MAX_BRACES", bound)
    assert Groups("{a{b", scopes=False).is_inside(4) is inside


@given(st.text(alphabet="{}\\%\nab", max_size=40))
def test_groups_agree_with_a_count_of_braces(text):
    depth, depths, position = 0, [], 0
    while position < len(text):
        width = 2 if text[position] == "\\" else 1
        if text[position] == "%":
            width = (text + "\n").index("\n", position) - position
        depths += [depth] * min(width, len(text) - position)
        depth = max(0, depth + {"{": 1, "}": -1}.get(text[position], 0))
        position += width
    groups = Groups(text, scopes=False)
    assert [groups.is_inside(place) for place in range(len(text))] == [deep > 0 for deep in depths]
