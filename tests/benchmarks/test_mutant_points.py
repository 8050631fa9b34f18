import ast

import pytest

from benchmarks.mutant_points import mutants, sample

pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")

RULE = """\
def keeps(words, least=50):
    if words < least:
        return False
    return True
"""


def changed(source):
    """Each line that a mutant of a source changes, with its number."""
    found = []
    for mutant in mutants("filters/rule.py", source):
        code = mutant.code(source)
        for number, (was, now) in enumerate(zip(source.splitlines(), code.splitlines(), strict=True), 1):
            if was != now:
                found.append((number, now.strip()))
    return found


def test_each_point_of_a_rule_has_one_mutant():
    lines = changed(RULE)
    assert [number for number, _ in lines] == [1, 2, 2, 3, 4]
    assert {now for number, now in lines if number > 2} == {"return True", "return False"}
    assert lines[0][1] in ("def keeps(words, least= 49):", "def keeps(words, least= 51):")
    assert "if not words < least:" in {now for number, now in lines if number == 2}


@pytest.mark.parametrize(
    "left_out",
    [
        "@dataclass(frozen=True, slots=True)\nclass Rule:\n    words: int\n",
        "@compiled(numba.int64(BYTES, numba.types.Array(numba.int64, 1)))\ndef count(texts): pass\n",
        "def rule(words: int | None, least: Literal[1, 2]) -> str | None: pass\n",
        "words: dict[str, int | None]\n",
        "TABLE = numba.types.Array(numba.uint64, 1, 'C', readonly=True)\n",
        "zip(texts, ids, strict=True)\n",
        "try:\n    pass\nexcept (ValueError, lzma.LZMAError):\n    pass\n",
    ],
)
def test_what_no_test_could_see_or_nothing_reads_is_left_out(left_out):
    assert changed(left_out) == []


def test_a_default_beside_an_annotation_is_not_left_out():
    assert len(changed("least: int = 50\n")) == 1
    assert len(changed("def rule(least: int = 50): pass\n")) == 1


def test_code_that_changes_elsewhere_changes_no_draw():
    def drawn(source):
        return {(mutant.key, mutant.where, mutant.operator) for mutant in mutants("filters/rule.py", source)}

    assert drawn(RULE) < drawn("LIMIT = 7\n\n\n" + RULE + "\n\ndef other():\n    return 1\n")


def test_the_same_line_twice_is_two_draws():
    keys = [mutant.key for mutant in mutants("filters/rule.py", "def rule(a):\n    a += 1\n    a += 1\n")]
    assert len(set(keys)) == len(keys) == 2


def test_a_sample_is_of_the_three_packages_and_larger_samples_hold_smaller_ones(tmp_path):
    for package in ("filters", "mixtures", "tokenizer", "pipeline"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "rule.py").write_text(RULE)
    every, some = sample(tmp_path, 1), sample(tmp_path, 3)
    assert [mutant.file for mutant in every] == [
        f"{name}/rule.py" for name in ("filters", "mixtures", "tokenizer") for _ in range(5)
    ]
    assert 0 < len(some) < len(every)
    assert set(some) < set(every)
    for mutant in every:
        ast.parse(mutant.code(RULE))
