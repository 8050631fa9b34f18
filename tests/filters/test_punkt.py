"""Sentences end where NLTK 3.8.1 ends them."""

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import punkt
from filters.punkt import Punkt, load_punkt
from filters.punkt_model import PunktModel, load_punkt_model

WORDS = (
    "The the Dr Mr pre-dr e.g A J U.S p.m No 12 3.5 ##number## word Word Bach S See see Zebra well-known (see [a] --"
).split()
MARKS = st.sampled_from(
    [".", "?", "!", "...", "..", '."', ".)", "?!", "!!!", ".'", ".]", ",", ";", ":", "--", "", ".”"]
)
BLANKS = st.sampled_from([" ", "  ", "\n", "\t", "\xa0", "\u2028", "\x1f", " \n ", "", " -- "])
TEXTS = st.lists(st.tuples(BLANKS, st.sampled_from(WORDS), MARKS), max_size=12).map(
    lambda parts: "".join(map("".join, parts))
)
LEARNED = PunktModel(
    abbreviations=frozenset(["dr", "mr", "e.g", "i.e", "u.s", "p.m", "no"]),
    collocations=frozenset([("s", "bach"), ("##number##", "word")]),
    starters=frozenset(["the", "well-known"]),
    contexts={"the": 46, "word": 116, "bach": 12, "a": 110, "dr": 2, "##number##": 0, "see": 66},
)


def in_nltk(model):
    """NLTK's own splitter with the model's parameters: the specification."""
    nltk = pytest.importorskip("nltk", reason="nltk is not installed")
    assert nltk.__version__ == "3.8.1"
    parameters = nltk.tokenize.punkt.PunktParameters()
    parameters.abbrev_types, parameters.collocations = set(model.abbreviations), set(model.collocations)
    parameters.sent_starters = set(model.starters)
    parameters.ortho_context.update(model.contexts)
    return nltk.tokenize.punkt.PunktSentenceTokenizer(parameters)


def spans(model, text):
    return [(found.start, found.stop) for found in Punkt(model).sentences(text)]


def sentences(text, model=LEARNED):
    return [text[start:stop] for start, stop in spans(model, text)]


@pytest.mark.parametrize(
    "text, parts",
    [
        ("One. Two? Three! Four", ["One.", "Two?", "Three!", "Four"]),
        ("Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ('He said "Yes." Then he left.', ['He said "Yes."', "Then he left."]),
        ("(It ends.) It begins.", ["(It ends.)", "It begins."]),
        ("Johann S. Bach wrote. We sang.", ["Johann S. Bach wrote.", "We sang."]),
        ("We met J. Zebra there. We left.", ["We met J. Zebra there.", "We left."]),
        ("At 5 p.m. The play began.", ["At 5 p.m.", "The play began."]),
        ("At 5 p.m. they sang.", ["At 5 p.m. they sang."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("Very bad acting!!! I left.", ["Very bad acting!!!", "I left."]),
        ("  A page. ", ["  A page."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_text_is_split_at_the_ends_of_sentences(text, parts):
    assert sentences(text) == parts


@pytest.mark.parametrize(
    "text, parts",
    [
        ("First line\nsecond line. Third", ["First line\nsecond line.", "Third"]),  # A line's end is no boundary.
        ("He said “Yes.” Then he left.", ["He said “Yes.” Then he left."]),  # A curly quote is a letter.
        ("!!! A", ["!", "!!", "A"]),  # Marks without a word are not one run.
    ],
)
def test_quirks_are_kept(text, parts):
    assert sentences(text) == parts


def test_without_a_model_no_abbreviation_is_known():
    assert load_punkt("") == Punkt()
    assert sentences("Dr. Smith came.", PunktModel()) == ["Dr.", "Smith came."]


@pytest.mark.parametrize("text, most, count", [("One. Two. Six.", 2, 2), ("One. Two. Six.", 5, 3), ("", 3, 0)])
def test_sentences_are_counted_up_to_a_bound(text, most, count):
    assert Punkt().count(text, most) == count


@pytest.mark.parametrize("mark", [".", "...", "?", '."'])
def test_each_pair_of_words_is_split_as_nltk_splits_it(mark):
    theirs, ours = in_nltk(LEARNED), Punkt(LEARNED)
    for one, other in itertools.product(WORDS, repeat=2):
        text = f"x {one}{mark} {other} y."
        found = [(part.start, part.stop) for part in ours.sentences(text)]
        assert found == list(theirs.span_tokenize(text)), text


@given(TEXTS)
def test_any_text_is_split_as_nltk_splits_it(text):
    for model in (LEARNED, PunktModel()):
        assert spans(model, text) == list(in_nltk(model).span_tokenize(text))


@given(st.text(st.sampled_from(" .?!\"')]}-:,;\n\taA1ΣßǅéÀ٣…”“*@([{"), max_size=30))
def test_any_characters_are_split_as_nltk_splits_them(text):
    assert spans(LEARNED, text) == list(in_nltk(LEARNED).span_tokenize(text))


def test_what_is_remembered_is_bounded_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(punkt, "_REMEMBERED", 2)
    splitter = Punkt(LEARNED)
    text = "One two. Three four. Dr. Five. " + "x" * 100 + ". Seven."
    assert [splitter.count(text, 9) for _ in range(2)] == [5, 5]
    assert len(splitter._verdicts) <= 2
    assert max(map(len, splitter._verdicts)) <= punkt._REMEMBERED_CHARS


@pytest.mark.parametrize("text", ["." * 50_000, ". " * 50_000, "a." * 50_000, "!" * 50_000, '"' * 50_000, "-" * 50_000])
def test_hostile_text_takes_no_time_to_speak_of(text):
    assert Punkt().count(text, 3) <= 3


@pytest.mark.real
def test_real_pages_are_split_as_nltk_splits_them(real_data):
    path = real_data / "models/punkt/english.pickle"
    model = load_punkt_model(str(path))
    pytest.importorskip("nltk")
    theirs = pickle.loads(path.read_bytes())  # A file that we know, with the classes that it names.
    text = (real_data / "books/gitenberg").rglob("*.txt")
    for book in sorted(text)[:3]:
        some = book.read_text(errors="replace")[:200_000]
        assert spans(model, some) == list(theirs.span_tokenize(some))
