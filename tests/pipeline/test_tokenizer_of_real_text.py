"""A tokenizer of LLaMA's size, trained on real text at the paper's ratios, has the release's shape and is as good."""

import sysconfig
from functools import partial, reduce
from pathlib import Path

import pyarrow as pa
import pytest

from filters.batch import document_batch, text_bytes
from pipeline.corpora.corpus import BadRecord, document_batches
from pipeline.corpora.registry import CORPORA
from pipeline.fit_tokenizer import fit_tokenizer
from pipeline.inputs import Inputs
from pipeline.recipe_file import load_recipe
from pipeline.run import TextSize
from pipeline.storage import Folder
from pipeline.tokenizer_sample import SCHEMA, Shares, draw
from tokenizer.report import Measure, Tokenizer

SAMPLE_BYTES = 24_000_000
WEIGHTS = {  # Table 1's; the crawl stands for C4 too, Python's own library for GitHub.
    **{"commoncrawl": 0.82, "github": 0.045, "wikipedia": 0.045, "books": 0.045},
    **{"arxiv": 0.025, "stackexchange": 0.02},
}
pytestmark = pytest.mark.real


def recipe(real_data):
    weights = ", ".join(f"{source}={weight}" for source, weight in WEIGHTS.items())
    settings = (
        f'inputs.root="{real_data}"',
        f"mixture.weights={{{weights}}}",
        f"tokenizer.sample_bytes={SAMPLE_BYTES}",
    )
    return load_recipe("llama1", settings)


def cleaned(source, settings):
    """The source's real documents, as its reader and its rules leave them."""
    if source == "github":
        files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
        rows = [{"doc_id": f.name, "source": source, "origin": f.name, "text": f.read_text("utf-8")} for f in files]
        yield document_batch(rows)
        return
    inputs = Inputs(Folder(settings.inputs.root))
    for name in inputs.names(source, settings):
        file = inputs.file(name)
        records = CORPORA[source].read(file, getattr(settings, source))
        good = (record for record in records if not isinstance(record, BadRecord))
        for batch in document_batches(source, file, good):
            yield reduce(kept, CORPORA[source].filters(getattr(settings, source)), batch)


def kept(batch, rule):
    result = rule.apply(batch)
    return result.batch.filter(result.reason.is_null())


@pytest.fixture(scope="module")
def sample(real_data):
    """The sample of each source, all of its documents, and how much there is."""
    settings, found, sizes = recipe(real_data), {}, {}
    for source in WEIGHTS:
        batches = list(cleaned(source, settings))
        sizes[source] = TextSize(sum(batch.num_rows for batch in batches), sum(map(text_bytes, batches)))
        shares = Shares(trained=0, held_out=4 if sizes[source].documents >= 64 else None)
        found[source] = list(draw(iter(batches), shares, 0))
    return found, sizes


@pytest.fixture(scope="module")
def fitted(sample, real_data, tmp_path_factory):
    found, sizes = sample
    folder = tmp_path_factory.mktemp("tokenizer")

    def read(source, columns=SCHEMA.names):
        return (batch.select(list(columns)) for batch in found[source])

    return fit_tokenizer(read, recipe(real_data), folder, sizes), Tokenizer(folder / "tokenizer.model")


def test_it_has_the_layout_of_the_release(fitted):
    _, tokenizer = fitted
    assert tokenizer.texts[:4] == ("<unk>", "<s>", "</s>", "<0x00>")
    assert [tokenizer.byte_ids[value] for value in range(256)] == list(range(3, 259))
    lengths = [len(text) for text in tokenizer.texts[259:]]
    merges = sum(length > 1 for length in lengths)
    assert set(lengths[:merges]).isdisjoint({1}) and set(lengths[merges:]) == {1} and max(lengths) == 16
    assert merges + len(lengths[merges:]) == 31_741
    assert tokenizer.model.scores[259:].tolist() == [-float(i) for i in range(31_741)]
    assert 500 < len(lengths[merges:]) < 4000  # 2,129 in the release.
    print(f"{merges:,} merges, {len(lengths) - merges:,} characters; the release has 29,612 and 2,129")


def test_it_keeps_the_release_s_rules(fitted):
    report, _ = fitted
    assert report["faults"] == [] and report["digits"] == {"single": True, "joined": 0, "examples": []}
    assert report["round_trip"]["first_lost"] == ["U+2581"] and not report["round_trip"]["byte_strings_lost"]
    assert 8 <= report["pieces"]["blanks"] <= 16
    assert not report["round_trip"]["as_byte_pieces_lost"]


def test_the_sample_stands_at_the_ratios_to_the_byte(fitted):
    report, _ = fitted
    taken = {source: figures["sample"]["bytes"] for source, figures in report["sources"].items()}
    assert taken == {source: int(SAMPLE_BYTES * weight) for source, weight in WEIGHTS.items()}
    assert 0 <= sum(taken.values()) - report["training"]["sentence_bytes"] < 0.06 * SAMPLE_BYTES  # Line ends.


def test_its_tokens_are_about_as_long_as_a_published_tokenizer_s(fitted, sample, real_data):
    report, _ = fitted
    peer = Measure(Tokenizer(real_data / "models/mistral-v1/tokenizer.model.v1"))
    for source, batches in sample[0].items():
        for batch in batches:
            held = batch.filter(pa.compute.equal(batch.column("held_out"), report["sources"][source]["held_out"]))
            peer.add(source, held.column("language"), held.column("text"))
        ours, theirs = report["sources"][source], peer.figures(source)
        figures = [item["bytes_per_token"] for item in (ours, theirs)]
        print(f"{source}: {figures[0]:.3f} bytes a token, {figures[1]:.3f} of the published one")
        assert ours["bytes"] == theirs["bytes"]
        assert 0.85 < figures[0] / figures[1] < 1.6
        assert ours["byte_fallback_rate"] < 0.01


def test_text_that_few_pieces_were_seen_in_still_comes_back(fitted):
    _, tokenizer = fitted
    texts = ["ዘመናዊ ትግርኛ", "🜁 \x00 \U0010fffd", "def f(x):\n\treturn  x**2\n", "1234567890"]
    back = map(tokenizer.vocabulary.decode, map(partial(_ids, tokenizer), texts))
    assert list(back) == texts


def _ids(tokenizer, text):
    return tokenizer.vocabulary.encode(pa.array([text])).ids
