import json

import pyarrow.compute as pc
import pytest

from pipeline import demo_input
from pipeline.corpora.corpus import BadRecord, RawFile, document_batches
from pipeline.corpora.registry import CORPORA
from pipeline.demo_input import MARKER, digest, generate, marker
from pipeline.recipe_file import load_recipe
from pipeline.section import SOURCES
from pipeline.storage import Folder

SCALE = 0.01


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    return folder, generate(folder, 3, SCALE)


def test_every_source_has_files(made):
    folder, sizes = made
    assert set(sizes) == {f"{name}_{what}" for name in SOURCES for what in ("files", "bytes")}
    assert all(sizes[f"{name}_bytes"] > 1000 for name in SOURCES)
    assert sizes["c4_files"] == len(list((folder / "c4").iterdir())) == 4


def test_the_demos_recipe_finds_them(made):
    recipe = load_recipe("demo")
    for name in SOURCES:
        assert any(Folder(str(made[0])).glob(pattern) for pattern in recipe.patterns(name)), name


def cleaned(folder, source):
    """What the reader could not read, and what each rule of stage `clean` rejected, by reason."""
    recipe = load_recipe("demo", (f"inputs.root={folder}",))
    corpus, settings, failed, rejected = CORPORA[source], getattr(recipe, source), set(), set()
    for name in {name for pattern in recipe.patterns(source) for name in Folder(str(folder)).glob(pattern)}:
        file = RawFile.of_bytes(name, (folder / name).read_bytes())
        records = list(corpus.read(file, settings))
        failed |= {record.reason for record in records if isinstance(record, BadRecord)}
        for documents in document_batches(source, file, [one for one in records if not isinstance(one, BadRecord)]):
            batch = documents
            for rule in corpus.filters(settings):
                result = rule.apply(batch)
                rejected |= {f"{rule.name}:{reason}" for reason in result.reason.to_pylist() if reason}
                batch = result.batch.filter(pc.is_null(result.reason))
    return failed, rejected


UNPLANTED = {"arxiv_body:paper_too_large", "books_public_domain:license_unknown", "stackexchange_thread:unanswered"}
"""A paper of many megabytes would slow the demo down; its recipe keeps books of unknown rights and lone questions."""


@pytest.mark.parametrize("source", SOURCES)
def test_every_reason_of_every_rule_has_a_document_in_the_dumps(made, source):
    _, rejected = cleaned(made[0], source)
    rules = CORPORA[source].filters(getattr(load_recipe("demo"), source))
    declared = {f"{rule.name}:{reason}" for rule in rules for reason in rule.reasons}
    assert rejected == declared - UNPLANTED


@pytest.mark.parametrize(
    "source, reasons",
    [
        ("commoncrawl", "bad_crc invalid_utf8 not_conversion not_gzip truncated_gzip truncated_record"),
        ("c4", "bad_json invalid_utf8 missing_field"),
        ("github", "broken_archive malformed_row missing_column unsafe_name"),
        ("wikipedia", "damaged_stream malformed_xml truncated_stream"),
        ("books", "binary"),
        ("arxiv", "broken_gzip link truncated_member unsafe_name"),
        ("stackexchange", "broken_archive malformed_row"),
    ],
)
def test_every_source_has_records_that_nobody_can_read(made, source, reasons):
    failed, _ = cleaned(made[0], source)
    assert sorted(failed) == reasons.split()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(made, tmp_path):
    generate(tmp_path / "same", 3, SCALE)
    generate(tmp_path / "other", 4, SCALE)
    assert digest(tmp_path / "same") == digest(made[0]) != digest(tmp_path / "other")


def test_dumps_that_are_there_are_not_written_again(made, monkeypatch):
    monkeypatch.setattr(demo_input, "_write_dumps", lambda *_: pytest.fail("written again"))
    assert generate(made[0], 3, SCALE) == made[1]


def test_damaged_dumps_are_written_again(tmp_path):
    generate(tmp_path, 3, SCALE)
    before = digest(tmp_path)
    (tmp_path / "c4" / "c4-train.00000-of-00004.json.gz").write_bytes(b"")
    generate(tmp_path, 3, SCALE)
    assert digest(tmp_path) == before


def test_the_marker_says_what_was_made(made):
    assert marker(made[0]) == {"seed": 3, "scale": SCALE, "digest": digest(made[0]), "sizes": made[1]}


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_marker_that_is_not_whole_counts_as_none(tmp_path, content):
    (tmp_path / MARKER).write_text(content)
    assert marker(tmp_path) is None


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ValueError, match=r"holds mine\.txt, which is not the demo's"):
        generate(tmp_path, 3, SCALE)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("seed, scale", [(-1, 1.0), (0, 0.0), (0, -1.0), (0, 101.0)])
def test_a_seed_or_a_scale_out_of_bounds_is_refused(tmp_path, seed, scale):
    with pytest.raises(ValueError, match=f"got {seed} and {scale}"):
        generate(tmp_path, seed, scale)


@pytest.mark.parametrize("seed, scale", [(0, 100.0), (0, 0.001)])
def test_the_bounds_of_seed_and_scale_are_inclusive(tmp_path, monkeypatch, seed, scale):
    monkeypatch.setattr(demo_input, "_write_dumps", lambda *_: None)
    assert set(generate(tmp_path, seed, scale).values()) == {0}
    assert marker(tmp_path)["scale"] == scale


def test_an_interrupted_folder_is_cleared_first(tmp_path):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "left-over.txt").write_text("half a book")
    generate(tmp_path, 3, SCALE)
    assert not (tmp_path / "books" / "left-over.txt").exists()
    assert json.loads((tmp_path / MARKER).read_text())["digest"] == digest(tmp_path)
