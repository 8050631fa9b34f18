import gzip

import pytest

from benchmarks.claims import DisagreementError
from benchmarks.inputs import Page
from benchmarks.models import classifier, language_model
from benchmarks.web_chain import WET, agree, chain_run, commoncrawl_chain, plain_chain, run_chain, scored, write_wet

LONG = "A sentence that says something of its own and goes on. " * 8
PAGES = [
    Page(f"https://e.org/{n}", "Title", f"Home\n\n{LONG}{chr(97 + n)}\n\n\nHome\nOwn {chr(97 + n)}", None)
    for n in range(4)
] + [Page("https://e.org/short", "Title", "Too short.", None)]


def test_the_chain_gives_figures(inputs):
    figures = commoncrawl_chain(inputs)
    assert (figures.unit, figures.input_bytes > 50_000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_both_sides_score_the_same_documents(inputs, tmp_path):
    models = classifier(inputs), language_model(inputs)
    write_wet(tmp_path / WET, PAGES)
    run = chain_run(tmp_path, *models)
    run_chain(run)
    expected = plain_chain((tmp_path / WET).read_bytes(), tmp_path / "plain", *models)
    assert len(expected) == 4
    agree(scored(run), expected)
    plain = (tmp_path / "plain/perplexity.jsonl").read_text()
    assert "Own a" in plain
    assert "Home" not in plain
    assert "Home" in (tmp_path / "plain/clean.jsonl").read_text()


def test_the_chain_goes_from_records_to_perplexity(inputs, tmp_path):
    write_wet(tmp_path / WET, PAGES)
    run_chain(chain_run(tmp_path, classifier(inputs), language_model(inputs)))
    stages = sorted(path.name for path in (tmp_path / "out/documents").iterdir())
    assert stages == ["clean", "dedup", "language", "perplexity"]


def test_each_copy_of_a_page_has_other_lines(tmp_path):
    size = write_wet(tmp_path / WET, [Page("u", "T", "a\n\nb", None)], copies=2)
    content = gzip.decompress((tmp_path / WET).read_bytes()).decode()
    assert "T\na\n\nb\r\n" in content
    assert "T\na b\n\nb b\r\n" in content
    assert size == len("T\na\n\nb") + len("T\na b\n\nb b")


@pytest.mark.parametrize(
    "expected, message",
    [
        ({"u": ("en", 10.0), "v": ("en", 1.0)}, "1 documents"),
        ({"u": ("de", 10.0)}, "u is en to us and de"),
        ({"u": ("en", None)}, "u is en"),
        ({"u": ("en", 10.02)}, "perplexity"),
    ],
)
def test_a_difference_is_found_out(expected, message):
    with pytest.raises(DisagreementError, match=message):
        agree({"u": ("en", 10.0)}, expected)


def test_the_last_digits_of_a_perplexity_may_differ():
    agree({"u": ("en", 10.0), "v": (None, None)}, {"u": ("en", 10.005), "v": (None, None)})
