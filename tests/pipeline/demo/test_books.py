import pytest

from filters.books import GutenbergWrapper
from pipeline.corpora.books import CORPUS
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.demo import books
from pipeline.source_sections import Books


@pytest.fixture
def shelf(tmp_path, pool, rng):
    books.write(tmp_path, pool, 20_000, rng)
    return {path.name: path for path in sorted(tmp_path.rglob("*.txt"))}


def body(shelf, name, documents):
    (record,) = CORPUS.read(RawFile.of_bytes(name, shelf[name].read_bytes()), Books())
    return GutenbergWrapper().apply(documents(record.text)).batch.column("text")[0].as_py()


def test_books_lie_where_gutenberg_puts_them(shelf):
    assert shelf["60101.txt"].as_posix().endswith("6/0/1/0/60101/60101.txt")
    assert len(shelf) == 17


def test_the_wrapper_comes_off_and_the_text_stays(shelf, documents):
    text = body(shelf, "60101.txt", documents)
    assert "CHAPTER 1. Title" in text
    assert "Gutenberg" not in text


def test_a_second_edition_has_the_same_words_in_other_lines(shelf, documents):
    first, second = (body(shelf, name, documents) for name in ("60101.txt", "60109.txt"))
    words = [text.lower().split()[-200:] for text in (first, second)]
    assert words[0] == words[1]
    assert first.splitlines() != second.splitlines()


def test_a_volume_holds_a_whole_other_book(shelf, documents):
    one, volume = (body(shelf, name, documents).split() for name in ("60102.txt", "60110.txt"))
    start = one.index("CHAPTER")
    assert " ".join(one[start:]) in " ".join(volume)


def test_one_book_is_latin_1_and_one_is_utf_8(shelf):
    assert "Straße" in shelf["60111-8.txt"].read_bytes().decode("latin-1")
    assert "é" in shelf["60112-0.txt"].read_bytes().decode()


def test_one_file_is_no_text_and_one_belongs_to_somebody(shelf):
    (bad,) = CORPUS.read(RawFile.of_bytes("binary.txt", shelf["binary.txt"].read_bytes()), Books())
    assert isinstance(bad, BadRecord)
    assert b"COPYRIGHTED Project Gutenberg" in shelf["60116.txt"].read_bytes()


@pytest.mark.parametrize(
    "name, book, license", [("reader-5.epub", "60105.txt", "Public domain"), ("reader-6.xml", "60106.txt", None)]
)
def test_two_volumes_come_once_more_in_markup(shelf, documents, tmp_path, name, book, license):
    (path,) = tmp_path.rglob(name)
    (record,) = CORPUS.read(RawFile.of_bytes(name, path.read_bytes()), Books())
    first = body(shelf, book, documents).split()
    assert record.text.split() == first[first.index("CHAPTER") :]
    assert (record.language, record.license, record.title[:15]) == ("en", license, "The Demo Reader")
