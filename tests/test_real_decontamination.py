"""Real documents against real evaluation sets: what is planted is found, and what is not there is not."""

import gzip
import json
import re

import pyarrow as pa
import pytest

from filters.contamination import find_contamination
from filters.contamination_index import PASSAGES_SCHEMA, build_index, load_index
from filters.plain_shingles import plain_words
from pipeline.corpora import commoncrawl, stackexchange
from pipeline.corpora.corpus import RawDocument
from pipeline.fit_contamination import PASSAGES, fit_contamination
from pipeline.inputs import Inputs
from pipeline.recipe import Recipe
from pipeline.storage import Folder

pytestmark = pytest.mark.real
DOCUMENTS = 600


@pytest.fixture(scope="module")
def texts(real_data):
    """Web pages and threads as the dumps have them."""
    recipe, inputs = Recipe(name="real"), Inputs(Folder(str(real_data)))
    found = []
    for module in (commoncrawl, stackexchange):
        source = module.CORPUS.source
        name = inputs.names(source, recipe)[0]
        for record in module.CORPUS.read(inputs.file(name), getattr(recipe, source)):
            if isinstance(record, RawDocument) and record.text:
                found.append(record.text.encode("utf-8", "replace").decode())
            if len(found) >= DOCUMENTS * (1 if module is commoncrawl else 2):
                break
    return found


@pytest.fixture(scope="module")
def sets(real_data, tmp_path_factory):
    """The report and the index of the real sets."""
    files = sorted((real_data / "eval").glob("*.jsonl.gz"))
    named = {path.name.split(".")[0]: str(path) for path in files}
    folder = tmp_path_factory.mktemp("index")
    report = fit_contamination(None, Recipe(name="real", decontaminate={"sets": named}), folder)
    return report["sets"], load_index(str(folder / PASSAGES)), named


def looked_for(texts, index):
    return find_contamination(pa.array(texts, pa.large_string()), index, index.tallies(), 0.0).to_pylist()


def test_real_sets_are_read_whole_and_nearly_all_of_each_can_be_looked_for(sets):
    report, index, named = sets
    for name, path in named.items():
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            assert report[name]["items"] == sum(1 for line in stream if line.strip())
        assert report[name]["faults"] == {}
        assert report[name]["searchable_items"] > 0.6 * report[name]["items"]
    assert len(index.ngrams.keys) > 500_000


def test_real_documents_hold_no_item_by_chance(texts, sets):
    assert [found for found in looked_for(texts, sets[1]) if found] == []


def test_items_planted_in_real_documents_are_found_in_other_type(texts, sets):
    _, index, named = sets
    planted, expected = list(texts), {}
    for place, path in enumerate(named.values()):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            longest = [max(strings(json.loads(line)), key=len) for line in stream]
        number = max(range(len(longest)), key=lambda n: len(longest[n]))
        words = "  ".join(longest[number].upper().split())
        planted[7 * place] = f"{texts[7 * place]}\n— {words} …\n{texts[7 * place + 1]}"
        expected[7 * place] = f"{path}#{number + 1}"
    found = looked_for(planted, index)
    assert {place for place, evidence in enumerate(found) if evidence} == set(expected)
    for place, item in expected.items():
        best = found[place][0]
        assert best["item"] == item
        assert plain_words(planted[place][best["place"] :])[: len(best["ngram"].split())] == best["ngram"].split()


def strings(item):
    values = (inner for value in item.values() for inner in (value if isinstance(value, list) else [value]))
    return [value for value in values if isinstance(value, str)]


def test_items_made_of_real_documents_are_found_where_plain_python_finds_them(texts):
    items = [" ".join(re.findall(r"\S+", text)[-30:]) for text in texts[::10]]
    rows = [{"set": "x", "item": str(n), "field": "t", "text": text, "items": [n]} for n, text in enumerate(items)]
    table = pa.Table.from_pylist(rows, PASSAGES_SCHEMA)
    index = build_index(table, ngram_words=13, max_passages=1000)
    grams = [plain_ngrams(text, 13) for text in items]
    lengths = {len(gram) for held in grams for gram in held}
    for text, evidence in zip(texts, looked_for(texts, index), strict=True):
        own = {length: plain_ngrams(text, length) for length in lengths}
        holds = [any(gram in own[len(gram)] for gram in held) for held in grams]
        assert bool(evidence) == any(holds)
        assert all(holds[int(row["item"])] for row in evidence or ())


def plain_ngrams(text, size):
    words = plain_words(text)
    size = min(size, len(words))
    grams = {tuple(words[at : at + size]) for at in range(len(words) - size + 1)} if size else set()
    return {gram for gram in grams if not all(word.isascii() and word.isdecimal() for word in gram)}
