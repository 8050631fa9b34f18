"""The language model tells languages apart, from a bounded number of bytes of each."""

import pytest
from small_web import WORDS, article, files_of_two_fits, reader, recipe, wikipedia

from pipeline.errors import FatalError
from pipeline.fit_language import fit_language


def test_languages_are_told_apart(tmp_path, likeliest):
    report = fit_language(reader(wikipedia=wikipedia()), recipe(), tmp_path)
    assert report["examples"].keys() == {"en", "de"} and min(report["examples"].values()) > 60
    assert report["held_out_examples"] > 0 and report["held_out_accuracy"] == 1.0
    path = tmp_path / "language.bin"
    assert [likeliest(path, " ".join(WORDS[language]))[0] for language in ("en", "de")] == ["en", "de"]


def test_each_language_gives_a_bounded_number_of_bytes(tmp_path):
    report = fit_language(reader(wikipedia=wikipedia()), recipe(language={"max_text_bytes": 2000}), tmp_path)
    assert all(count <= 2000 // 300 + 4 for count in report["examples"].values())


def test_a_language_with_one_short_article_is_learnt(tmp_path):
    rows = [*wikipedia(), article(0, "fr", words=["maison", "jardin", "pommes"])]
    assert fit_language(reader(wikipedia=rows), recipe(), tmp_path)["examples"]["fr"] > 0


@pytest.mark.parametrize(
    "sources, settings, message",
    [
        ({"wikipedia": []}, {}, "found none; set language.model"),
        ({"wikipedia": [article(1)]}, {}, "found en; set language.model"),
        ({"wikipedia": wikipedia()}, {"language": {"keep": ("fr",)}}, "fr among them, found de, en"),
    ],
)
def test_nothing_to_train_on_ends_in_one_line_that_names_the_way_out(tmp_path, sources, settings, message):
    with pytest.raises(FatalError, match=message) as caught:
        fit_language(reader(**sources), recipe(**settings), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_same_documents_give_the_same_bytes_and_report(tmp_path):
    first, again = files_of_two_fits(fit_language, tmp_path, recipe())
    assert first == again
