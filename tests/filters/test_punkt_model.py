"""Models are read from both forms, and a file that is none is refused and never run."""

import collections
import pickle

import pytest

from filters import punkt_model
from filters.punkt_model import PunktModel, load_punkt_model

MODEL = PunktModel(
    abbreviations=frozenset(["dr", "e.g"]),
    collocations=frozenset([("s", "bach")]),
    starters=frozenset(["the"]),
    contexts={"the": 46},
)
TABLES = {
    "abbrev_types.txt": "dr\ne.g\n",
    "collocations.tab": "s\tbach\n",
    "sent_starters.txt": "the\n",
    "ortho_context.tab": "the\t46\n",
}


def written(folder, **changes):
    folder.mkdir()
    for name, content in (TABLES | {name.replace("__", "."): text for name, text in changes.items()}).items():
        (folder / name).write_text(content, encoding="utf-8")
    return str(folder)


def parameters(**changes):
    held = {"abbrev_types": {"dr", "e.g"}, "collocations": {("s", "bach")}, "sent_starters": {"the"}}
    return held | {"ortho_context": collections.defaultdict(int, the=46)} | changes


def pickled(path, held):
    """NLTK's own pickle of a splitter with these parameters."""
    punkt = pytest.importorskip("nltk.tokenize.punkt", reason="nltk is not installed")
    splitter = punkt.PunktSentenceTokenizer()
    splitter._params.__dict__.update(held)
    path.write_bytes(pickle.dumps(splitter, protocol=3))
    return str(path)


def test_a_pickle_is_read(tmp_path):
    assert load_punkt_model(pickled(tmp_path / "english.pickle", parameters())) == MODEL


def test_a_folder_of_tables_is_read(tmp_path):
    assert load_punkt_model(written(tmp_path / "english")) == MODEL


@pytest.mark.parametrize(
    "changes",
    [{"collocations__tab": "s bach\n"}, {"ortho_context__tab": "the\tmany\n"}, {"ortho_context__tab": "a\tb\tc\n"}],
)
def test_tables_that_are_none_are_refused(tmp_path, changes):
    with pytest.raises(ValueError, match="is no Punkt model"):
        load_punkt_model(written(tmp_path / "english", **changes))


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no Punkt model"):
        load_punkt_model(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnltk.tokenize.punkt\nPunktTrainer\n.",
        b"cbuiltins\nint\n(S'" + b"9" * 5000 + b"'\ntR.",
        pickle.dumps([1, 2]),
        pickle.dumps({"_params": 1}),
    ],
)
def test_any_other_bytes_are_refused_and_nothing_is_run(tmp_path, content):
    (tmp_path / "model.pickle").write_bytes(content)
    with pytest.raises(ValueError, match="is no Punkt model"):
        load_punkt_model(str(tmp_path / "model.pickle"))


@pytest.mark.parametrize(
    "changes",
    [
        {"abbrev_types": {1}},
        {"collocations": [("a", "b", "c")]},
        {"sent_starters": 1},
        {"ortho_context": {"a": []}},
    ],
)
def test_parameters_of_another_kind_are_refused(tmp_path, changes):
    with pytest.raises(ValueError, match="is no Punkt model"):
        load_punkt_model(pickled(tmp_path / "english.pickle", parameters(**changes)))


def test_a_file_that_is_too_large_is_not_even_read(tmp_path, monkeypatch):
    path = pickled(tmp_path / "english.pickle", parameters())
    monkeypatch.setattr(punkt_model, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100"):
        load_punkt_model(path)


@pytest.mark.real
def test_the_model_of_c4_is_read(real_data):
    model = load_punkt_model(str(real_data / "models/punkt/english.pickle"))
    sizes = [len(part) for part in (model.abbreviations, model.collocations, model.starters, model.contexts)]
    assert sizes == [156, 37, 39, 20366]
