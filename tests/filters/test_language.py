"""Language identification: columns, odd texts, known answers, and a model of one's own."""

import csv

import pytest

from filters.language import PIECE_CHARS, IdentifyLanguage, identify, language_pieces, train_language

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
    return str(path)


def test_language_and_score_are_written_and_nothing_is_rejected(model_path, documents):
    batch = documents(ENGLISH, GERMAN, "")
    result = IdentifyLanguage(model_path=model_path).apply(batch)
    assert result.batch.column("language").to_pylist() == ["en", "de", None]
    scores = result.batch.column("language_score").to_pylist()
    assert all(0.6 < score <= 1 for score in scores[:2]) and scores[2] == 0
    assert result.reason.to_pylist() == [None, None, None]
    assert result.counts == {"no_language": 1}
    assert result.batch.column("text") == batch.column("text")


def test_unheard_words_are_judged_by_their_letters(model_path):
    assert identify(model_path, "gartenhaus jahre gesammelten")[0] == "de"


@pytest.mark.parametrize("text", ["", "\n \n", "\0"])
def test_an_empty_text_has_no_language_and_score_zero(model_path, text):
    assert identify(model_path, text) == (None, 0.0)


def test_a_line_end_is_a_blank_or_is_deleted(model_path):
    lines = ENGLISH.replace(" ", "\n")
    assert identify(model_path, lines) == identify(model_path, ENGLISH)
    assert identify(model_path, lines, "") == identify(model_path, ENGLISH.replace(" ", ""))
    assert identify(model_path, lines, "") != identify(model_path, ENGLISH)


def test_the_filter_passes_its_line_break_on(model_path, documents):
    batch = documents(ENGLISH.replace(" ", "\n"))
    scores = [
        IdentifyLanguage(model_path=model_path, line_break=mark).apply(batch).batch.column("language_score")[0].as_py()
        for mark in (" ", "")
    ]
    assert scores[0] != scores[1]


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
def test_known_sentences_get_their_language(real_data):
    model = str(real_data / "models" / "lid176" / "lid.176.ftz")
    with (real_data / "labels" / "tatoeba-cld2" / "tatoeba_long.txt").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] in ("en", "de", "fr")]
    assert len(rows) > 10
    assert all(identify(model, row[3])[0] == row[0] for row in rows)


@pytest.mark.real
def test_scores_are_those_of_ccnet_where_lines_are_glued(real_data, kept_by_ccnet):
    model = str(real_data / "models" / "lid176" / "lid.176.ftz")
    assert len(kept_by_ccnet) > 500
    for expected, text in kept_by_ccnet:
        language, score = identify(model, text, line_break="")
        assert language == expected["language"]
        assert round(score, 2) == pytest.approx(expected["language_score"], abs=0.011)
