"""A recipe is read from a file or by its name, with overrides; what is wrong is one line."""

import fsspec
import pytest

from pipeline.errors import SettingError
from pipeline.options import shipped_recipes
from pipeline.recipe_file import load_recipe


def test_a_recipe_can_lie_at_an_address():
    fsspec.filesystem("memory").pipe("/mine.toml", b'name = "mine"')
    assert load_recipe("memory://mine.toml", ["seed=3"]).seed == 3
    with pytest.raises(SettingError, match=r"^recipe memory://other.toml: "):
        load_recipe("memory://other.toml")


@pytest.mark.parametrize("name", shipped_recipes())
def test_each_shipped_recipe_is_valid(name):
    assert load_recipe(name).name == name
    assert load_recipe(f"{name}.toml").name == name


@pytest.mark.parametrize(
    "override, said",
    [
        ("tokenizer.vocabulary_siz=1", "unknown key tokenizer.vocabulary_siz; did you mean vocabulary_size?"),
        ("tokeniser.vocabulary_size=1", "unknown key tokeniser; did you mean tokenizer?"),
        (
            "tokenizer.vocabulary_size=299",
            "tokenizer.vocabulary_size must be at least 300, got 299",
        ),
        ("tokenizer.vocabulary_size=many", 'tokenizer.vocabulary_size must be a whole number, got "many"'),
        ("mixture.weights={c4=0.3}", "mixture weights must sum to 1, got 0.3"),
        ("mixture.weights={d4=1.0}", "weights.d4 is no source; did you mean c4?"),
        ("mixture.weights={c4=0.0, books=1.0}", "weights.c4 must be above 0 and at most 1, got 0.0"),
        ("mixture.changes.0.from_step=5", "mixture.changes must be a list, as in mixture.changes="),
        (
            "mixture.changes=[{from_step=5, sequence_token=8}]",
            "unknown key mixture.changes.0.sequence_token; did you mean sequence_tokens?",
        ),
        ("mixture.changes=[{sequence_tokens=8}]", "missing key mixture.changes.0.from_step"),
        (
            "mixture.changes=[{from_step=333787, sequence_tokens=4096}]",
            "mixture.changes.0.from_step must be at most 333786, where total_tokens = 1400000000000 still pay for a"
            " sequence, got 333787",
        ),
        ("language.min_score=1.1", "language.min_score must be at most 1.0, got 1.1"),
        ("perplexity.head_percentile=60.0", "head_percentile must be below middle_percentile"),
        ("perplexity.head_cutoff=1.0", "head_cutoff and middle_cutoff are set together or not at all"),
        (
            'perplexity={head_cutoff = 1.0, middle_cutoff = 2.0, cutoffs = "ccnet"}',
            'cutoffs must be "percentiles" where head_cutoff is set, got "ccnet"',
        ),
        (
            'language_model={arpa = "a", pieces = "p", binary = true}',
            "binary must be false where arpa is set, which may name a binary file, got true",
        ),
        ("language_model.memory_bytes=16777215", "memory_bytes"),
        ('perplexity.keep=["top"]', "perplexity.keep.0 must be 'head', 'middle' or 'tail', got \"top\""),
        ("c4.mode=bugs", "c4.mode must be 'intended' or 'faithful', got \"bugs\""),
        ("name.x=1", "name is a value, not a table"),
        ("name", "write key=value"),
    ],
)
def test_a_wrong_setting_is_one_line_with_key_bound_and_value(override, said):
    with pytest.raises(SettingError) as error:
        load_recipe("llama1", [override])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "override, value",
    [("inputs.root=/data", "/data"), ('inputs.root="/d"', "/d"), ("inputs.root=s3://b/x", "s3://b/x")],
)
def test_an_override_needs_no_quotes_around_a_word(override, value):
    assert load_recipe("llama1", [override]).inputs.root == value


def test_changes_of_the_mixture_are_overridden_as_a_list(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[[mixture.changes]]\nfrom_step = 3\nsequence_tokens = 4096\n')
    assert [change.from_step for change in load_recipe(str(path)).mixture.changes] == [3]
    changed = load_recipe(str(path), ["mixture.changes=[{from_step = 7, weights = {books = 1.0}}]"])
    assert [(change.from_step, dict(change.weights)) for change in changed.mixture.changes] == [(7, {"books": 1.0})]
    with pytest.raises(SettingError, match=r"changes is a list, which is set whole: changes=\[…\]"):
        load_recipe(str(path), ["mixture.changes.0.from_step=5"])


def test_the_last_override_of_a_key_wins():
    assert load_recipe("llama1", ["seed=1", "seed=2"]).seed == 2


def test_a_recipe_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[mixture]\nweights = {books = 1.0}\n')
    assert load_recipe(str(path)).sources == ("books",)


@pytest.mark.parametrize(
    "content, said", [(b"name = ", "is not TOML"), (b"\xff", "is not TOML"), (b"", "missing key name")]
)
def test_a_file_that_is_no_recipe_says_so(tmp_path, content, said):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=said):
        load_recipe(str(path))


def test_an_unknown_recipe_names_those_that_ship():
    with pytest.raises(SettingError, match=r"neither a file nor one that ships \(demo, llama1\)"):
        load_recipe("llama2")
