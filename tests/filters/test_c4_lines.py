"""C4's rules about lines, each with its quirk and what is meant instead."""

import gzip
import json

import pytest

from filters.batch import document_batch
from filters.c4_lines import C4Lines, sentence_counter

GOOD = "This is a good line."
TWO = "This line has one. And it has two."
PAGE = f"{GOOD}\n{TWO}"
COUNTS = {"passed": 0, "too_long_word": 0, "no_endmark": 0, "too_short": 0, "javascript": 0, "policy": 0}
PUBLISHED = {"strip_again": False, "curly_quotes": False}


def judge(documents, *texts, **settings):
    result = C4Lines(**settings).apply(documents(*texts))
    return result.batch.column("text").to_pylist(), result.reason.to_pylist(), result.counts


@pytest.mark.parametrize(
    "line, verdict",
    [
        ("Five words and no more.", "passed"),
        ("Four words no more.", "too_short"),
        ("This is no sentence at all", "no_endmark"),
        ("This is cut off after...", "no_endmark"),
        ("This is cut off after…", "no_endmark"),
        ("This is a question for you?", "passed"),
        ('This is what she "said"', "passed"),
        ("a b c d " + "x" * 1000 + ".", "too_long_word"),
        ("a b c d " + "x" * 999 + ".", "passed"),
        ("Please turn your JavaScript on now.", "javascript"),
        ("Read our Terms of Use here.", "policy"),
        ("The site will use cookies always.", "policy"),
        ("", None),
    ],
)
def test_a_line_stays_or_goes(documents, line, verdict):
    texts, reasons, counts = judge(documents, f"{PAGE}\n{line}")
    assert counts == COUNTS | {"passed": 2 + (verdict == "passed")} | (
        {verdict: 1} if verdict not in (None, "passed") else {}
    )
    assert texts == [f"{PAGE}\n{line}" if verdict == "passed" else PAGE]
    assert reasons == [None]


@pytest.mark.parametrize(
    "line, reason",
    [
        ("This is all lorem Ipsum dolor.", "loremipsum"),
        ("This is { a bracket } indeed.", "squigglybracket"),
        ("This { has no end mark", None),  # Kept: a line that has gone already takes no page with it,
        ("Turn your javascript { on } now.", None),
        ("Our { privacy policy } is here.", "squigglybracket"),  # but a line about policy still would.
    ],
)
def test_a_line_takes_its_page_with_it(documents, line, reason):
    assert judge(documents, f"{PAGE}\n{line}")[1] == [reason]


def test_lines_behind_the_one_that_takes_the_page_are_not_counted(documents):
    assert judge(documents, f"{GOOD}\nThis is {'{'} a bracket indeed.\n{GOOD}")[2] == COUNTS | {"passed": 1}


@pytest.mark.parametrize(
    "text, reason",
    [(TWO, "too_few_sentences"), (PAGE, None), (f"{GOOD}\n{GOOD}\n{GOOD}", None), ("", "too_few_sentences")],
)
def test_a_page_needs_three_sentences(documents, text, reason):
    assert judge(documents, text)[:2] == ([text], [reason])


def test_sentences_are_those_of_the_model(documents, tmp_path):
    text = "This is what Dr. Smith said. And it is this."
    (tmp_path / "abbrev_types.txt").write_text("dr\n")
    for name in ("collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (tmp_path / name).write_text("")
    assert judge(documents, text)[1] == [None]
    assert judge(documents, text, punkt_path=str(tmp_path))[1] == ["too_few_sentences"]


@pytest.mark.parametrize(
    "line, left",
    [
        ("This is a fact indeed. [1]", "This is a fact indeed."),
        ("[2] This is a fact indeed.", "This is a fact indeed."),
        ("This [12] is[edit] a fact[citation needed] indeed.", "This  is a fact indeed."),
    ],
)
def test_a_line_is_stripped_again_when_citations_have_gone(documents, line, left):
    assert judge(documents, f"{PAGE}\n{line}")[0] == [f"{PAGE}\n{left}"]


def test_published_rules_do_not_strip_again(documents):
    texts, _, counts = judge(
        documents, f"{PAGE}\nThis is a fact indeed. [1]\n[2] That is yet another fact.", **PUBLISHED
    )
    assert texts == [f"{PAGE}\n That is yet another fact."]
    assert counts == COUNTS | {"passed": 3, "no_endmark": 1}


@pytest.mark.parametrize("line", ["“That is all,” he said “today.”", "‘That is all that he said.’"])
def test_a_closing_curly_quote_ends_a_line(documents, line):
    assert judge(documents, f"{PAGE}\n{line}")[0] == [f"{PAGE}\n{line}"]
    assert judge(documents, f"{PAGE}\n{line}", **PUBLISHED)[0] == [PAGE]


def test_an_apostrophe_ends_none(documents):
    assert judge(documents, f"{PAGE}\nThese are all the dogs’")[0] == [PAGE]


def test_a_curly_quote_closes_a_sentence():
    text = "He said “Yes.” Then he left."
    assert sentence_counter("", most=9, curly_quotes=True)(text) == 2
    assert sentence_counter("", most=9, curly_quotes=False)(text) == 1


@pytest.mark.parametrize("name", ["min_sentences", "min_words_per_line", "max_word_chars"])
def test_a_bound_below_one_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        C4Lines(**{name: 0})


@pytest.mark.real
@pytest.mark.parametrize("ways", [{}, PUBLISHED])
def test_pages_of_the_published_set_pass_unchanged(real_data, ways):
    files = sorted((real_data / "commoncrawl/genuine/c4-olmo").glob("*.json.gz"))
    texts = [json.loads(line)["text"] for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    rows = [{"doc_id": str(n), "source": "c4", "origin": "", "text": text} for n, text in enumerate(texts)]
    result = C4Lines(punkt_path=str(real_data / "models/punkt/english.pickle"), **ways).apply(document_batch(rows))
    assert len(texts) == 20
    assert result.reason.null_count == 20
    assert result.batch.column("text").to_pylist() == texts
