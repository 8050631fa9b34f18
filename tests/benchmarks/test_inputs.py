import dataclasses

import pyarrow as pa
import pytest

from benchmarks.inputs import REAL_DATA, Inputs, kept_rows, opened, text_bytes, varied_texts
from filters.batch import FilterResult


def test_without_real_dumps_the_demo_is_measured_on(inputs):
    assert inputs.described == "the demo's dumps"
    assert (inputs.dumps / "commoncrawl").is_dir()


def test_real_dumps_are_read_where_they_lie(monkeypatch, tmp_path):
    monkeypatch.setenv(REAL_DATA, str(tmp_path))
    with opened() as found:
        assert (found.dumps, found.described) == (tmp_path, "real dumps")
        assert found.pages(1) == []


def test_the_working_folder_goes_when_all_is_measured(monkeypatch, tmp_path):
    monkeypatch.setenv(REAL_DATA, str(tmp_path))
    with opened() as found:
        assert found.work.is_dir()
    assert not found.work.exists()


def test_a_claim_takes_its_part_of_the_text(tmp_path):
    assert Inputs(dumps=tmp_path, work=tmp_path, described="", fraction=0.5).size(3) == 1_500_000


def test_articles_are_no_redirects_and_no_talk(inputs):
    articles = inputs.articles(100)
    assert articles
    assert not any(page.text.lower().startswith("#redirect") for page in articles)


def test_every_file_gives_its_share_of_the_pages(inputs):
    few = dataclasses.replace(inputs, fraction=1e-9).pages(1)
    files = {page.url for page in dataclasses.replace(inputs, fraction=0.01).pages(1)}
    assert len(few) == 1
    assert len(files) > 3


def test_posts_are_html_without_the_frame_of_their_thread(inputs):
    posts = inputs.posts(1)
    assert any("<p>" in post for post in posts)
    assert not any("<article" in post for post in posts)


def test_books_come_with_their_wrappers(inputs):
    assert any("PROJECT GUTENBERG" in book.text.upper() for book in inputs.books(1))


@pytest.mark.parametrize("texts, expected", [([], 0), (["a", "é"], 3)])
def test_size_is_that_of_utf8(texts, expected):
    assert text_bytes(texts) == expected


def test_varied_texts_begin_with_web_pages_and_end_when_there_are_enough_bytes(inputs):
    few, many = varied_texts(inputs, 1), varied_texts(inputs, 50)
    assert few == [page.text for page in inputs.pages(1)][: len(few)]
    assert text_bytes(few[:-1]) < inputs.size(1) <= text_bytes(few)
    assert inputs.books(50)[0].text in many


def test_a_row_is_kept_that_all_rules_keep_and_each_sees_what_the_one_before_left(documents):
    class Cut:
        def apply(self, batch):
            reasons = [None if text.startswith("a") else "other" for text in batch.column("text").to_pylist()]
            texts = pa.array([text[1:] for text in batch.column("text").to_pylist()])
            place = batch.schema.names.index("text")
            return FilterResult(batch.set_column(place, "text", texts), pa.array(reasons, pa.string()), {})

    kept = kept_rows([Cut(), Cut()], documents("aax", "abx", "bax", "aay"))
    assert kept.column("text").to_pylist() == ["x", "y"]
