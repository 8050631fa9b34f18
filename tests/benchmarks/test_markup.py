import builtins

import pytest

from benchmarks import markup
from benchmarks.claims import DisagreementError
from benchmarks.markup import gutenberg, html_reference, shared_words, stackexchange, wikipedia


@pytest.mark.parametrize("measure", [wikipedia, stackexchange, gutenberg])
def test_markup_gives_figures(inputs, measure):
    figures = measure(inputs)
    assert (figures.unit, figures.input_bytes > 1000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_a_text_that_loses_its_words_is_found_out(inputs, monkeypatch):
    monkeypatch.setattr(markup, "unwrap", lambda book: markup.re.match("(?P<text>)", book) and Empty())
    with pytest.raises(DisagreementError, match="0% of the words"):
        gutenberg(inputs)


class Empty:
    text = ""


@pytest.mark.parametrize(
    "mine, theirs, expected",
    [(["a b"], ["b", "a"], 1.0), (["a a"], ["a"], 0.5), (["a"], ["a b c d"], 0.25), ([""], [""], 0.0)],
)
def test_shared_words_are_counted_wherever_they_stand(mine, theirs, expected):
    assert shared_words(mine, theirs) == expected


def test_without_beautifulsoup_lxml_is_the_reference(monkeypatch):
    original = builtins.__import__

    def missing(name, *rest):
        if name == "bs4":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    to_text, reference_is = html_reference()
    assert "lxml" in reference_is
    assert to_text("<p>a <b>b</b></p>") == "a b"


def test_beautifulsoup_is_called_as_redpajama_does():
    pytest.importorskip("bs4")
    to_text, reference_is = html_reference()
    assert "BeautifulSoup" in reference_is
    assert to_text("<p>x</p><ol><li>a</li></ol>") == "x\n*\n*a"
