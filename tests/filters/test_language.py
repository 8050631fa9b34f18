"""Language identification: columns, odd texts, known answers, and a model of one's own."""

import csv

import numpy as np
import pyarrow as pa
import pytest

from filters.fasttext_file import read_fasttext_file
from filters.language import (
    PIECE_CHARS,
    IdentifyLanguage,
    is_language_count,
    language_counts,
    language_pieces,
    train_language,
)

ENGLISH = "The house is old and the garden behind it is full of apples that nobody has gathered this year."
GERMAN = "Das Haus ist alt und der Garten dahinter ist voller Äpfel, die in diesem Jahr niemand gesammelt hat."


def examples():
    for text, language in ((ENGLISH, "en"), (GERMAN, "de")):
        words = text.split()
        for i in range(60):
            yield language, " ".join(words[(i * 7 + j * 3) % len(words)] for j in range(9))


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("language") / "language.bin"
    assert train_language(examples(), path, epochs=100) == {"de": 60, "en": 60}
    assert read_fasttext_file(str(path)).arguments.buckets == 1 << 18
    return str(path)


def identified(model_path, batch, **settings):
    found = IdentifyLanguage(model_path=model_path, **settings).apply(batch).batch
    return list(zip(found.column("language").to_pylist(), found.column("language_score").to_pylist(), strict=True))


def test_language_and_score_are_written_and_nothing_is_rejected(model_path, documents):
    batch = documents(ENGLISH, GERMAN, "")
    result = IdentifyLanguage(model_path=model_path).apply(batch)
    assert result.batch.column("language").to_pylist() == ["en", "de", None]
    scores = result.batch.column("language_score").to_pylist()
    assert all(0.6 < score <= 1 for score in scores[:2]) and scores[2] == 0
    assert result.reason.to_pylist() == [None, None, None]
    assert result.batch.column("text") == batch.column("text")
    sizes = {"en": len(ENGLISH.encode()), "de": len(GERMAN.encode()), "": 0}
    assert {name: n for name, n in result.counts.items() if name.startswith("language_bytes")} == {
        f"language_bytes::{language}": size for language, size in sizes.items()
    }
    assert result.counts["no_language"] == 1


def test_the_likeliest_languages_are_written_with_their_scores(model_path, documents):
    found = IdentifyLanguage(model_path=model_path).apply(documents("", GERMAN, " ", ENGLISH)).batch
    assert found.column("languages").to_pylist() == [[], ["de", "en"], [], ["en", "de"]]
    scores = found.column("language_scores").to_pylist()
    assert [len(each) for each in scores] == [0, 2, 0, 2]
    assert [each[0] for each in scores if each] == [
        score for score in found.column("language_score").to_pylist() if score
    ]
    assert all(sum(each) == pytest.approx(1, abs=1e-3) and each[0] > each[1] for each in scores if each)


def test_documents_and_bytes_are_counted_by_dump_and_language(model_path, documents):
    rows = [*[("CC-1", text) for text in (ENGLISH, ENGLISH, GERMAN, "")], (None, GERMAN)]
    batch = pa.Table.from_batches([documents(text, dump=dump) for dump, text in rows]).combine_chunks().to_batches()[0]
    counts = IdentifyLanguage(model_path=model_path).apply(batch).counts
    english, german = len(ENGLISH), len(GERMAN.encode())
    assert counts["no_language"] == 1
    ledger = {f"identify_language.{name}": count for name, count in counts.items()}
    assert language_counts(ledger) == [
        *[(None, "de", 1, german), ("CC-1", None, 1, 0), ("CC-1", "de", 1, german), ("CC-1", "en", 2, 2 * english)],
    ]
    assert [name for name in ledger if not is_language_count(name)] == ["identify_language.no_language"]


def test_unheard_words_are_judged_by_their_letters(model_path, documents):
    assert identified(model_path, documents("gartenhaus jahre gesammelten"))[0][0] == "de"


@pytest.mark.parametrize("text", ["", "\n \n", "\0"])
def test_an_empty_text_has_no_language_and_score_zero(model_path, documents, text):
    assert identified(model_path, documents(text)) == [(None, 0.0)]


def test_verbatim_blanks_are_judged_as_fasttext_does_but_no_text_is_not(model_path, documents):
    blank, none = identified(model_path, documents("\n", ""), verbatim=True, line_break="")
    assert blank[0] in ("de", "en")
    assert none == (None, 0.0)


def test_verbatim_a_word_ends_the_text(model_path, documents):
    texts = documents(f"{GERMAN} </s> {ENGLISH} {ENGLISH}", f"{GERMAN} {ENGLISH} {ENGLISH}", GERMAN)
    marked, whole, _ = identified(model_path, texts)
    assert marked == whole
    marked, _, cut = identified(model_path, texts, verbatim=True)
    assert marked == cut != whole


def test_a_line_end_is_a_blank_or_is_deleted(model_path, documents):
    texts = documents(ENGLISH.replace(" ", "\n"), ENGLISH, ENGLISH.replace(" ", ""))
    lines, blanks, glued = identified(model_path, texts)
    assert lines == blanks != glued
    lines, blanks, again = identified(model_path, texts, line_break="")
    assert (lines, again) == (glued, glued)


def test_another_line_break_is_refused():
    with pytest.raises(ValueError, match="line_break must be a blank or nothing, got '-'"):
        IdentifyLanguage(model_path="model", line_break="-")


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("", []),
        ("aa bb", []),  # 6 characters with the blanks behind the words; a third of 20 would be 6.7
        ("aa bb c", ["aa bb c"]),
        ("aaaa bbbb cccc dddd eeee", ["aaaa bbbb cccc dddd"]),
        ("aaaa bbbb cccc dddd eeee fff", ["aaaa bbbb cccc dddd", "eeee fff"]),
        ("x" * 45, ["x" * 20]),
        ("aaaa bbbb cccc dddd aaaa bbbb cccc ddd e f", ["aaaa bbbb cccc dddd", "aaaa bbbb cccc ddd e"]),
        ("aaaa bbbb cccc dddd aaaa b", ["aaaa bbbb cccc dddd", "aaaa b"]),
        ("aaaa bbbb cccc dddd aaaa", ["aaaa bbbb cccc dddd"]),
        ("a\nb\tc " * 4, ["a b c a b c a b c a", "b c"][:1]),
    ],
)
def test_text_is_cut_between_words(text, pieces):
    assert list(language_pieces(text, 20)) == pieces


def test_pieces_have_about_the_stated_length():
    lengths = [len(piece) for piece in language_pieces("word " * 1000)]
    assert all(PIECE_CHARS <= length + 1 < PIECE_CHARS + 5 for length in lengths[:-1])


def test_one_language_is_refused(tmp_path):
    with pytest.raises(ValueError, match="examples of two labels, got en"):
        train_language([("en", ENGLISH)], tmp_path / "language.bin")


@pytest.mark.real
def test_known_sentences_get_their_language(real_data, documents):
    model = str(real_data / "models" / "lid176" / "lid.176.ftz")
    with (real_data / "labels" / "tatoeba-cld2" / "tatoeba_long.txt").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] in ("en", "de", "fr")]
    assert len(rows) > 10
    found = identified(model, documents(*[row[3] for row in rows]))
    assert [language for language, _ in found] == [row[0] for row in rows]


@pytest.mark.real
def test_languages_and_scores_are_those_of_ccnet_where_it_is_followed(real_data, documents, kept_by_ccnet):
    model = str(real_data / "models" / "lid176" / "lid.176.ftz")
    assert len(kept_by_ccnet) > 500
    found = identified(model, documents(*[text for _, text in kept_by_ccnet]), line_break="", verbatim=True)
    assert [(language, float(np.round(score, 2))) for language, score in found] == [
        (record["language"], record["language_score"]) for record, _ in kept_by_ccnet
    ]
